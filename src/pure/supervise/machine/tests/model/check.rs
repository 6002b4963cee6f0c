//! What must hold in every state in which dmon waits, and at its exit.
//!
//! The exploration calls these checks.

use super::{Hangup, Model, ORPHAN, StopCause, pid};
use crate::exit::Exit;
use crate::supervise::machine::{LOG_CHECK_INTERVAL, MAX_SWEEP_INTERVAL, MIN_START_INTERVAL, Role};
use crate::time::{Duration, Instant};
use crate::unix::WaitStatus;

impl Model<'_> {
    /// Checks what must hold whenever dmon waits.
    pub fn check_wait(&self, deadline: Option<Instant>) {
        let now = self.now;
        let [cmd, log] = [self.cmd, self.log];
        let by = |limit: Instant| deadline.is_some_and(|deadline| deadline <= limit);
        assert!(
            deadline.is_none_or(|deadline| deadline > now),
            "the deadline has passed: {self:?}"
        );
        for (role, child) in [(Role::Cmd, cmd), (Role::Log, log)] {
            assert!(!child.sweep_due, "no sweep after an exit: {self:?}");
            if let (false, true, Some(grace_from)) =
                (child.alive, child.has_leftovers, child.grace_from)
            {
                assert!(by(now.add(MAX_SWEEP_INTERVAL)), "sweeps are too rare: {self:?}");
                let drain_end = self.drain_until.filter(|end| role == Role::Log && *end > now);
                assert!(drain_end.is_none_or(by), "waits beyond the drain: {self:?}");
                let report_at = self.report_daemon_at.filter(|_| role == Role::Cmd);
                assert!(report_at.is_none_or(by), "no report of a daemon: {self:?}");
                let kill_at = self.policy.kill_after.map(|time| grace_from.add(time));
                let kills = kill_at.is_none_or(|at| child.leftovers_killed || at > now && by(at));
                assert!(kills || drain_end.is_some(), "SIGKILL is late: {self:?}");
            }
            let alive = child.alive || child.has_leftovers;
            let warns = child.warn_at.is_none_or(by);
            assert!(!alive || warns, "no warning after SIGKILL: {self:?}");
            assert_eq!(child.pending_signal, None, "a signal was not forwarded: {self:?}");
        }
        assert_eq!((self.cmd_stop, self.own_stop), (None, None), "no reaction: {self:?}");
        assert_eq!(self.to_pass_on, None, "a signal was not passed on: {self:?}");
        if self.stop_requests > 1 {
            assert!(
                !cmd.alive || cmd.kill_sent || cmd.is_finish,
                "a second stop request must kill at once: {self:?}"
            );
            let killed = cmd.alive || !cmd.has_leftovers || cmd.leftovers_killed;
            assert!(killed, "a second stop request must kill leftovers: {self:?}");
        }
        if cmd.alive && cmd.is_finish && !cmd.kill_sent {
            assert!(!cmd.grace_skipped, "a second stop request kills the finish command: {self:?}");
            let end = cmd.stopped_at.zip(self.limit(Role::Finish));
            assert!(end.is_some_and(|(at, limit)| by(at.add(limit))), "it never ends: {self:?}");
        }
        let retry = by(now.add(MAX_SWEEP_INTERVAL));
        assert!(self.finish_due.is_none() || cmd.alive || retry, "no finish command: {self:?}");
        let is_watched = match self.hangup {
            Hangup::Closing(at) => by(at.add(Duration::from_secs(1))),
            Hangup::Closed => self.stop_cause.is_some(),
            Hangup::Open | Hangup::Silent => true,
        };
        assert!(is_watched || self.stop_cause.is_some(), "a closed terminal: {self:?}");
        self.check_queries();
        if cmd.alive && cmd.stopped_at.is_none() {
            assert!(self.stop_cause.is_none(), "the command is not stopped: {self:?}");
            let watched = self.policy.thresholds[0].is_some();
            assert!(!self.restarting, "no restart: {self:?}");
            assert_eq!(cmd.paused, self.must_pause(), "wrongly paused or not paused: {self:?}");
            assert!(!watched || by(now.add(Duration::from_secs(5))), "the load is not sampled");
            let has_sentinel = self.sentinel || self.sentinel_due.is_none_or(by);
            assert!(has_sentinel, "no sentinel: {self:?}");
            if let (Some(end), false) = (self.run_deadline, cmd.paused) {
                assert!(by(end), "waits beyond the timeout: {self:?}");
            }
            if let (Some(end), false) = (self.ready_by, cmd.paused) {
                assert!(by(end), "waits too long until it is ready: {self:?}");
            }
            if !cmd.paused {
                assert!(self.unchanged_looks < 4, "a hung command goes on: {self:?}");
                let next_look = self.looked_at.add(self.policy.alive);
                assert!(next_look == Instant::NEVER || by(next_look), "no look: {self:?}");
            }
        }
        if let (Some(end), None, true) = (self.log_check_end, self.stop_cause, cmd.started_once) {
            assert!(
                end <= now || by(end.add(LOG_CHECK_INTERVAL)),
                "the daemon's parent waits too long: {self:?}"
            );
        }
        // A child that is down starts as soon as it may, at the latest after the last sweep.
        let by = |limit: Instant| by(limit.max(now.add(MAX_SWEEP_INTERVAL)));
        if !cmd.alive && self.stop_cause.is_none() && (log.started_once || !self.policy.logged) {
            assert!(by(self.next_start), "the command never starts: {self:?}");
        }
        let needed =
            self.policy.logged && !matches!(self.stop_cause, Some(StopCause::StartFailed(_)));
        if !log.alive && needed && self.drain_until.is_none() {
            assert!(by(now.add(MIN_START_INTERVAL)), "the logger never starts: {self:?}");
        }
        if let (true, true, Some(end)) = (log.alive, log.stopped_at.is_none(), self.drain_until) {
            assert!(by(end), "the drain never ends: {self:?}");
        }
    }

    /// Checks the machine's answers to the supervisor's other questions.
    fn check_queries(&self) {
        let Self { machine, policy, cmd, log, now, .. } = self;
        let is_started = cmd.started_once && (log.started_once || !policy.logged);
        assert_eq!(machine.is_started(), is_started);
        let is_launched = match self.stop_cause {
            _ if self.unready => false,
            None => self.log_check_end.is_none_or(|end| end <= *now),
            Some(StopCause::StartFailed(_)) => false,
            Some(StopCause::Requested | StopCause::Finished(_)) => true,
        };
        assert_eq!(machine.stopping.is_some(), self.is_stopping());
        let is_error = self.policy.daemon && !self.is_stopping();
        assert_eq!(machine.is_log_exit_error(), is_error);
        assert_eq!(machine.is_unready(), self.unready, "{self:?}");
        assert_eq!(machine.is_launched(), is_started && is_launched, "{self:?}");
        for (role, child) in [(Role::Cmd, cmd), (Role::Log, log)] {
            let role = if child.is_finish { Role::Finish } else { role };
            assert_eq!(machine.role_of(pid(child.pid)), child.alive.then_some(role));
        }
        assert_eq!(machine.role_of(pid(ORPHAN)), None);
        let running = cmd.alive && cmd.stopped_at.is_none() && !cmd.paused;
        assert_eq!(machine.running_cmd(), running.then(|| pid(cmd.pid)));
    }

    /// Checks what must hold when dmon exits, and its exit status.
    pub fn check_exit(&self, exit: Exit) {
        for child in [self.cmd, self.log] {
            assert!(
                !child.alive && !child.has_leftovers,
                "exits while a process is alive: {self:?}"
            );
        }
        assert_eq!(self.finish_due, None, "exits before the finish command: {self:?}");
        let expected = match self.stop_cause {
            None => panic!("exits without a reason: {self:?}"),
            Some(StopCause::Requested) => match self.last_status {
                None => Exit(0),
                Some(WaitStatus(raw)) if raw & 0x7f == 0 => Exit((raw >> 8) as u8),
                Some(WaitStatus(raw)) => Exit(128 + (raw & 0x7f) as u8),
            },
            Some(StopCause::Finished(exit) | StopCause::StartFailed(exit)) => exit,
        };
        assert_eq!(exit, expected, "{self:?}");
        assert_eq!(self.machine.was_interrupted(), self.interrupted, "{self:?}");
        assert_eq!(self.policy.logged, self.drain_until.is_some(), "{self:?}");
        assert_eq!(self.unread, 0, "unread bytes were not reported: {self:?}");
    }
}
