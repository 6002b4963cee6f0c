//! What follows from each result of a run, with the options that distinguish results.

use super::OPTIONS;
use crate::exit::Exit;
use crate::supervise::machine::{Action, Event, Machine};
use crate::supervise::policy::Policy;
use crate::testing::parse_words;
use crate::time::{Duration, Instant};
use crate::unix::{Pid, WaitStatus};

/// Returns dmon's exit status after one run with this result; `None` if it starts the command again.
fn exit_after(options: &[&str], status: WaitStatus) -> Option<Exit> {
    let mut policy = Policy::default();
    parse_words(OPTIONS, &mut policy, options).unwrap();
    policy.validate().unwrap();
    let mut now = Instant::from_clock(Duration::from_secs(1));
    let mut machine = Machine::new(&policy, now);
    let pid = Pid::new(7).unwrap();
    let mut runs = 0;
    loop {
        match machine.next_action(now) {
            Action::Start(_) if runs == 1 => return None,
            Action::Start(role) => {
                runs += 1;
                machine.handle(now, Event::Started(role, pid));
            }
            Action::Wait(None) => machine.handle(now, Event::Exited(pid, status)),
            Action::Wait(Some(deadline)) => now = deadline,
            Action::Sweep(sweep) => {
                machine.handle(now, Event::SweepDone { role: sweep.role, found: false });
            }
            Action::CountUnread => machine.handle(now, Event::Unread { bytes: 0 }),
            Action::Exit(exit) => return Some(exit),
            action => panic!("{action:?}"),
        }
    }
}

#[test]
fn each_result_has_the_effect_of_its_list() {
    let exits = (0..=255).map(|code| (code, WaitStatus::exited(code)));
    let signals = (1..32).map(|number| (128 + number, WaitStatus(i32::from(number))));
    for (code, status) in exits.chain(signals) {
        let list = code.to_string();
        let is = |options: &[&str], exit: Option<u8>| {
            assert_eq!(exit_after(options, status), exit.map(Exit), "{code}: {options:?}");
        };
        is(&[], None);
        is(&["-x", &list], None);
        is(&["-m0"], Some(code));
        is(&["-m0", "-x", &list], Some(0));
        is(&["-1"], (code == 0).then_some(0));
        is(&["-1", "-x", &list], Some(0));
        if code > 0 {
            is(&["-X", &list], Some(code));
            is(&["-1", "-X", &list], Some(code));
            let others = format!("0-{},{}-255", code - 1, code.min(254) + 1);
            is(&["-m0", "-x", &others], if code == 255 { Some(0) } else { Some(code) });
        }
    }
}
