//! Exploration of every reachable state of the connection, for each transport.

use super::{
    ConnectionState, MAX_PAUSE, MAX_RETRY, MIN_PAUSE, MIN_RETRY, Phase, STALL_LIMIT, Sent, Step,
    Transport, Wait,
};
use crate::testing::Choices;
use crate::time::{Duration, Instant};
use crate::unix::Errno;
use std::collections::HashSet;

fn at(seconds: u64) -> Instant {
    Instant::from_clock(Duration::from_secs(seconds))
}

fn transports() -> [Transport; 3] {
    [Transport::Unix, Transport::Udp, Transport::Tcp]
}

/// Returns a connection over which a message was sent at 100 s.
fn connected(transport: Transport) -> ConnectionState {
    let mut state = ConnectionState::new(transport, at(100));
    state.start_pass(at(100));
    assert_eq!(state.next_step(false), Step::Connect);
    state.on_result(Ok(()));
    if let Transport::Tcp = transport {
        assert_eq!(state.next_step(false), Step::CheckConnect);
        state.on_result(Ok(()));
    }
    assert_eq!(state.next_step(false), Step::Send);
    state.on_result(Ok(()));
    state
}

/// Returns the result of a check of a connection.
fn checked(is_writable: bool, error: Option<Errno>) -> Result<(), Errno> {
    error.map_or(if is_writable { Ok(()) } else { Err(Errno::AGAIN) }, Err)
}

const NO_LIMIT: Wait = Wait { until: Instant::NEVER, soon: false };

#[test]
fn eagain_blocks_until_the_socket_is_writable() {
    for transport in transports() {
        let mut state = connected(transport);
        state.on_result(Err(Errno::AGAIN));
        assert_eq!(state.next_step(false), Step::Wait);
        assert!(!state.is_down() && !state.is_paused() && state.last_error.is_none());
        let limit = at(100).add(STALL_LIMIT);
        assert_eq!(state.wait(at(104)), Wait { until: limit, soon: true });
        // Another attempt that fails does not extend the limit.
        state.start_pass(at(104));
        assert_eq!(state.next_step(false), Step::Send);
        state.on_result(Err(Errno::AGAIN));
        assert_eq!(state.next_step(false), Step::Wait);
        assert_eq!(state.wait(at(104)), Wait { until: limit, soon: true });
        assert_eq!(state.wait(limit), NO_LIMIT);
        // Success ends it.
        state.start_pass(at(106));
        state.on_result(Ok(()));
        assert_eq!(state.wait(at(106)), NO_LIMIT);
    }
}

#[test]
fn a_full_buffer_pauses_for_10_ms_to_a_second() {
    for (transport, errno) in transports()
        .into_iter()
        .flat_map(|transport| [Errno::NOBUFS, Errno::NOMEM].map(|errno| (transport, errno)))
    {
        let mut state = connected(transport);
        let mut now = at(100);
        for pause in [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000] {
            state.start_pass(now);
            assert_eq!(state.next_step(false), Step::Send);
            state.on_result(Err(errno));
            assert_eq!(state.next_step(false), Step::Wait);
            assert!(state.is_paused() && !state.is_down() && state.last_error.is_none());
            let resend_at = now.add(Duration::from_millis(pause));
            // New lines do not shorten the pause.
            state.start_pass(now.add(Duration::from_millis(pause - 1)));
            assert_eq!(state.next_step(false), Step::Wait);
            let wait = state.wait(now);
            assert_eq!(wait.soon, now < at(100).add(STALL_LIMIT));
            assert!(wait.until == resend_at || wait.until == at(105));
            now = resend_at;
        }
        // Success ends it.
        state.start_pass(now);
        state.on_result(Ok(()));
        assert!(!state.is_paused());
        assert_eq!(state.wait(now), NO_LIMIT);
        state.on_result(Err(errno));
        assert_eq!(state.wait(now).until, now.add(MIN_PAUSE));
    }
}

/// Over UDP a router may have reported an earlier datagram: only a new socket shows that this one is too large.
#[test]
fn a_message_that_is_too_large_is_dropped() {
    for transport in transports() {
        let is_udp = matches!(transport, Transport::Udp);
        let mut state = connected(transport);
        assert_eq!(state.on_result(Err(Errno::MSGSIZE)), Sent::OrLater);
        state.on_result(Ok(()));
        if let Transport::Tcp = transport {
            state.on_result(Ok(()));
        }
        let mut other = state.clone();
        assert_eq!(state.on_result(Err(Errno::MSGSIZE)), Sent::TooLarge);
        assert_eq!((state.refused, state.last_error), (0, Some(Errno::MSGSIZE)));
        assert_eq!(state.next_step(false), Step::Wait);
        assert_eq!(state.wait(at(100)).until, at(101));
        assert_eq!(other.on_result(Ok(())), Sent::OrLater);
        assert_eq!((other.refused, other.is_down()), (u64::from(is_udp), false));
    }
}

#[test]
fn retry_intervals_double_up_to_half_a_minute() {
    let mut state = ConnectionState::new(Transport::Unix, at(0));
    let mut now = at(0);
    for seconds in [1, 2, 4, 8, 16, 30, 30] {
        state.start_pass(now);
        assert_eq!(state.next_step(false), Step::Connect);
        state.on_result(Err(Errno::NOENT));
        let until = now.add(Duration::from_secs(seconds));
        assert_eq!(state.wait(now), Wait { until, soon: false });
        now = until;
    }
}

#[test]
fn a_broken_connection_is_replaced_once_immediately() {
    let mut state = connected(Transport::Unix);
    state.on_result(Err(Errno::PIPE));
    assert_eq!((state.is_down(), state.last_error), (true, Some(Errno::PIPE)));
    assert_eq!(state.next_step(false), Step::Connect);
    state.on_result(Ok(()));
    state.on_result(Err(Errno::CONNREFUSED));
    assert_eq!(state.next_step(false), Step::Wait);
    assert_eq!(state.wait(at(100)).until, at(101));
    assert_eq!(state.last_error, Some(Errno::CONNREFUSED));
    assert_eq!(state.refused, 0);
}

#[test]
fn a_broken_connection_resets_the_retry_interval() {
    let mut state = ConnectionState::new(Transport::Unix, at(0));
    for seconds in [0, 1, 3] {
        state.start_pass(at(seconds));
        state.on_result(Err(Errno::CONNREFUSED));
    }
    state.start_pass(at(7));
    state.on_result(Ok(()));
    state.on_result(Err(Errno::PIPE));
    state.on_result(Err(Errno::CONNREFUSED));
    assert_eq!(state.wait(at(7)).until, at(8));
}

#[test]
fn refused_udp_datagrams_are_counted_and_back_off() {
    let [_, udp, _] = transports();
    for errno in [Errno::CONNREFUSED, Errno::HOSTUNREACH] {
        let (mut state, mut now) = (connected(udp), at(100));
        for (n, seconds) in [1, 2, 4, 8, 16, 30].into_iter().enumerate() {
            state.on_result(Err(errno));
            assert_eq!((state.refused, state.last_error), (n as u64 + 1, Some(errno)));
            assert_eq!(state.next_step(false), Step::Wait);
            now = now.add(Duration::from_secs(seconds));
            assert_eq!(state.wait(now).until, now);
            state.start_pass(now);
            assert_eq!(state.next_step(false), Step::Connect);
            state.on_result(Ok(()));
            // No proof that the receiver exists.
            state.on_result(Ok(()));
            assert_eq!(state.last_error, Some(errno));
        }
        // After more than a second without an error it is assumed to exist.
        state.start_pass(now.add(MIN_RETRY));
        state.on_result(Ok(()));
        assert_eq!(state.last_error, Some(errno));
        state.start_pass(now.add(Duration::from_millis(1001)));
        state.on_result(Ok(()));
        assert_eq!((state.last_error, state.retry_interval), (None, MIN_RETRY));
    }
}

#[test]
fn a_tcp_connection_must_be_established_in_time() {
    let [_, _, tcp] = transports();
    for (seconds, is_writable, error, expected) in [
        (4, false, None, None),
        (4, false, Some(Errno::CONNREFUSED), Some(Errno::CONNREFUSED)),
        (4, true, Some(Errno::CONNREFUSED), Some(Errno::CONNREFUSED)),
        (5, false, None, Some(Errno::TIMEDOUT)),
        (5, true, None, Some(Errno::TIMEDOUT)),
        (5, false, Some(Errno::CONNREFUSED), Some(Errno::CONNREFUSED)),
    ] {
        let mut state = ConnectionState::new(tcp, at(0));
        state.start_pass(at(0));
        state.on_result(Ok(()));
        state.on_result(Err(Errno::AGAIN));
        assert_eq!(state.wait(at(0)), Wait { until: at(5), soon: true });
        state.start_pass(at(seconds));
        assert_eq!(state.next_step(true), Step::CheckConnect);
        state.on_result(checked(is_writable, error));
        assert_eq!((state.last_error, state.is_down()), (expected, expected.is_some()));
        assert_eq!(state.next_step(false), Step::Wait);
        // Later attempts are not worth waiting for.
        if expected.is_some() {
            state.start_pass(at(seconds + 1));
            state.on_result(Ok(()));
            assert!(!state.wait(at(seconds + 1)).soon);
        }
    }
}

/// Runs one pass. Each call has any result; at most twice a send leaves a message in the queue.
fn run_pass(state: &mut ConnectionState, mut queue_is_empty: bool, choices: &mut Choices) {
    let (mut sends, mut connects) = (0, 0);
    for steps in 0.. {
        assert!(steps < 12, "the pass does not end: {state:?}");
        match state.next_step(queue_is_empty) {
            Step::Wait => return,
            Step::Connect => {
                connects += 1;
                assert!(connects <= 2, "connects without a pause: {state:?}");
                assert!(state.is_down() && !queue_is_empty);
                state.on_result([Ok(()), Err(Errno::CONNREFUSED)][choices.choose(2)]);
            }
            Step::CheckConnect => {
                let error = [None, Some(Errno::CONNREFUSED)][choices.choose(2)];
                state.on_result(checked(choices.choose(2) == 0, error));
            }
            Step::Send => {
                assert!(!state.is_down() && !queue_is_empty);
                let errors =
                    [Errno::AGAIN, Errno::NOBUFS, Errno::PIPE, Errno::CONNREFUSED, Errno::MSGSIZE];
                let result = choices.choose(if sends < 2 { 7 } else { 6 });
                sends += usize::from(result == 6);
                queue_is_empty = result == 0;
                let sent = state.on_result(match result {
                    0 | 6 => Ok(()),
                    _ => Err(errors[result - 1]),
                });
                assert!(sent == Sent::OrLater || state.is_down());
            }
        }
    }
}

/// Checks a state between two passes.
fn check(state: &ConnectionState, now: Instant) {
    let wait = state.wait(now);
    assert!(wait.until < Instant::NEVER || !wait.soon, "the wait has no end: {state:?}");
    let until = state.until;
    match state.phase {
        Phase::Down => {
            assert_eq!(wait, Wait { until, soon: false });
            assert!(state.last_error.is_some(), "the reason is unknown: {state:?}");
            assert!(until > now && until <= now.add(MAX_RETRY), "{state:?}");
        }
        Phase::Connecting => {
            assert!(matches!(state.transport, Transport::Tcp));
            assert!(until > now && until <= now.add(STALL_LIMIT), "{state:?}");
            assert_eq!(wait.until, until);
        }
        Phase::Up => {
            let limit = now.add(STALL_LIMIT);
            assert!(wait.until > now, "{state:?}");
            assert!(wait.until == Instant::NEVER || wait.until <= limit, "{state:?}");
            assert!(until <= now.add(MAX_PAUSE), "{state:?}");
        }
    }
    assert!(state.retry_interval >= MIN_RETRY && state.retry_interval <= MAX_RETRY, "{state:?}");
    assert!(state.refused == 0 || matches!(state.transport, Transport::Udp));
}

/// Returns a key that is equal for states that behave equally. The absolute time does not matter.
fn key(state: &ConnectionState, now: Instant) -> impl Eq + std::hash::Hash + use<> {
    let phase = match state.phase {
        Phase::Down => (0, None, None),
        Phase::Connecting => (1, None, None),
        // A connection older than this behaves as one of this age.
        Phase::Up => {
            let age = state.up_since.until(now).min(STALL_LIMIT);
            let is_blocked = state.blocked_until > Instant::START;
            (2, Some(age), is_blocked.then(|| now.until(state.blocked_until)))
        }
    };
    let until = now.until(state.until);
    (
        phase,
        until,
        state.retry_interval,
        state.pause,
        state.last_error.map(|e| e.0),
        state.may_be_refused,
    )
}

#[test]
fn every_state_ends_its_passes_and_its_waits() {
    let mut passes = 0;
    let mut states = 0;
    for transport in transports() {
        let mut seen = HashSet::new();
        let mut todo = vec![(ConnectionState::new(transport, at(100)), 100)];
        while let Some((state, before)) = todo.pop() {
            let starts = [0, 1, 6, 31].into_iter().flat_map(|s| [(s, true), (s, false)]);
            for (seconds, queue_is_empty) in starts {
                let mut next = Some(Vec::new());
                while let Some(start) = next {
                    let mut choices = Choices::new(start, usize::MAX);
                    let (mut after, now) = (state.clone(), before + seconds);
                    after.start_pass(at(now));
                    run_pass(&mut after, queue_is_empty, &mut choices);
                    passes += 1;
                    if after.last_error.is_some() || !after.is_down() {
                        if !queue_is_empty {
                            check(&after, at(now));
                        }
                        if seen.insert(key(&after, at(now))) {
                            todo.push((after, now));
                        }
                    }
                    next = choices.next();
                }
            }
        }
        states += seen.len();
    }
    println!("{states} states of a connection, {passes} passes");
}
