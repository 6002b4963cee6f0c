//! The machine is told: each fact changes what is, or what is wanted.

use super::{
    Encore, Fact, LOAD_PERIOD, LOOK_AGAIN, Life, Limit, Machine, Reason, SPACING, Signals, Who,
};
use crate::pure::fault::Exit;
use crate::pure::time::Instant;
use crate::pure::unix::{Pid, Signal, Status};

impl Machine {
    /// Takes in a fact.
    pub fn hear(&mut self, now: Instant, fact: Fact) {
        match fact {
            Fact::Started(who, pid) => self.started(who, pid, now),
            Fact::Refused(who) => {
                *self.life(who) = Life::Down { not_before: now.plus(SPACING) };
                if who == Who::Log && self.drain_until.is_some_and(|end| end <= now) {
                    self.encore = Encore::Over;
                }
            }
            Fact::Unstarted(who, exit) => self.unstarted(who, exit, now),
            Fact::Ended(pid, status) => self.ended(pid, status, now),
            Fact::Swept(who, left) => {
                if let Life::Left { look_at, not_before, .. } = self.life(who) {
                    if left {
                        *look_at = now.plus(LOOK_AGAIN);
                    } else {
                        *self.life(who) = Life::Down { not_before: *not_before };
                    }
                }
            }
            Fact::Unread(unread) => {
                self.encore = if unread { Encore::Wanted } else { Encore::Over };
            }
            Fact::Asked(Signal::TERM | Signal::INT) => {
                self.hasty = self.ordered;
                self.ordered = true;
                self.stopping = self.stopping.or(Some(Reason::Order));
            }
            Fact::Asked(signal) => self.forward(signal),
            Fact::Load(reading) => {
                self.read_load_at = now.plus(LOAD_PERIOD);
                self.high =
                    self.policy.load.is_some_and(|limits| limits.is_high(reading, self.high));
            }
        }
    }

    fn started(&mut self, who: Who, pid: Pid, now: Instant) {
        let limit = match (who, self.policy.timeout) {
            (Who::Cmd, Some(time)) => Limit::At(now.plus(time)),
            _ => Limit::Never,
        };
        *self.life(who) = Life::Up { pid, since: now, limit, paused: false };
        match who {
            Who::Cmd => self.cmd_began = true,
            Who::Log => self.log_began = true,
        }
        if who == Who::Log && self.drain_until.is_some() {
            self.encore = Encore::Over;
            self.drain_until = Some(now.plus(self.policy.drain));
        }
    }

    fn unstarted(&mut self, who: Who, exit: Exit, now: Instant) {
        *self.life(who) = Life::Down { not_before: now.plus(SPACING) };
        match who {
            Who::Cmd if self.cmd_began => {
                let not_before = self.judge(Status::exited(exit.0), false, now, now);
                self.cmd = Life::Down { not_before };
            }
            Who::Log if self.log_began => {
                if self.drain_until.is_some() {
                    self.encore = Encore::Over;
                }
            }
            Who::Cmd | Who::Log => self.stopping = self.stopping.or(Some(Reason::Failed(exit))),
        }
    }

    fn ended(&mut self, dead: Pid, status: Status, now: Instant) {
        for who in [Who::Cmd, Who::Log] {
            let fresh = self.policy.kill_after.map(|d| now.plus(d));
            let (since, late, told, kill_at) = match *self.life(who) {
                Life::Up { pid, since, .. } if pid == dead => (since, false, false, fresh),
                Life::Dying { pid, since, late, kill_at } if pid == dead => {
                    (since, late, true, kill_at)
                }
                Life::Killed { pid, since, late, .. } if pid == dead => {
                    (since, late, true, Some(now))
                }
                Life::Left { ref mut look_at, .. } => {
                    // Perhaps the last of them, perhaps the parent of more.
                    *look_at = now;
                    continue;
                }
                _ => continue,
            };
            let not_before = match who {
                Who::Cmd => self.judge(status, late, since, now),
                Who::Log => since.plus(SPACING),
            };
            *self.signals(who) = Signals::default();
            *self.life(who) = Life::Left { group: dead, told, kill_at, look_at: now, not_before };
        }
    }

    /// A run of the command is over: whether there is another, and when at the soonest.
    fn judge(&mut self, status: Status, late: bool, since: Instant, now: Instant) -> Instant {
        let well = status.is_well() && !late;
        self.last = Some(status);
        if self.stopping.is_none() {
            if self.policy.once && well {
                self.stopping = Some(Reason::Done);
            } else if !self.reruns.allow(&self.policy, now) {
                let exit = if late { Exit::TIMED_OUT } else { Exit(status.code()) };
                self.stopping = Some(Reason::GivenUp(exit));
            }
        }
        self.reruns.pause(&self.policy, well, since, now)
    }

    const fn signals(&mut self, who: Who) -> &mut Signals {
        match who {
            Who::Cmd => &mut self.for_cmd,
            Who::Log => &mut self.for_log,
        }
    }

    fn forward(&mut self, signal: Signal) {
        // CONT would undo the pause that the load has brought.
        let undoes = signal == Signal::CONT && matches!(self.cmd, Life::Up { paused: true, .. });
        if self.policy.forward_cmd && matches!(self.cmd, Life::Up { .. }) && !undoes {
            self.for_cmd.add(signal);
        }
        if self.policy.forward_log && matches!(self.log, Life::Up { .. }) {
            self.for_log.add(signal);
        }
    }
}
