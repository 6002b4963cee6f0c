//! The machine is told: each fact changes what is, or what is wanted.

use super::{
    Encore, Fact, LOAD_PERIOD, LOOK_AGAIN, LOOK_SELDOM, Left, Life, Limit, Machine, Reason,
    SPACING, Signals, Who,
};
use crate::applets::dmon::load;
use crate::pure::fault::Exit;
use crate::pure::time::Instant;
use crate::pure::unix::{Pid, Signal, Status};

impl Machine<'_> {
    /// Takes in a fact.
    pub fn hear(&mut self, now: Instant, fact: Fact) {
        match fact {
            Fact::Started(who, pid) => self.started(who, pid, now),
            Fact::Refused(who) => {
                *self.life(who) = Life::Down { not_before: now.plus(SPACING) };
                if who == Who::Log && self.drain_until.is_some_and(|end| end <= now) {
                    self.encore = Encore::Spent;
                }
            }
            Fact::Unstarted(who, exit) => self.unstarted(who, exit, now),
            Fact::Ended(pid, status) => self.ended(pid, status, now),
            Fact::Swept(who, left) => self.swept(who, left, now),
            Fact::Unread(bytes) => {
                self.encore = match self.encore {
                    _ if bytes == 0 => Encore::Over,
                    Encore::Possible => Encore::Wanted,
                    _ => Encore::InVain(bytes),
                }
            }
            Fact::Stopped(child) => {
                if let (Some(pid), true) = (self.running(), self.policy.terminal) {
                    self.halted |= pid == child;
                }
            }
            Fact::Resumed => self.hold(false, now),
            Fact::Asked(signal @ (Signal::TERM | Signal::INT)) => {
                self.interrupted |= self.policy.terminal && signal == Signal::INT;
                self.told_to_stop(now);
            }
            Fact::Asked(signal) => self.forward(signal),
            Fact::Load(reading) => {
                self.read_load_at = now.plus(LOAD_PERIOD);
                load::judge(&self.policy.watch, &reading, &mut self.high);
            }
        }
    }

    /// Lets the command's time stand still, or go on.
    pub(super) const fn hold(&mut self, still: bool, now: Instant) {
        if let Life::Up { limit, .. } = &mut self.cmd {
            *limit = limit.held(still, now);
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
            self.encore = Encore::Spent;
            // However little time was given: enough to begin.
            self.drain_until = Some(now.plus(self.policy.drain.max(SPACING)));
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
                    self.encore = Encore::Spent;
                }
            }
            Who::Cmd | Who::Log => self.stopping = self.stopping.or(Some(Reason::Failed(exit))),
        }
    }

    /// TERM or INT: the first stops the command, the next one kills it; in the drain each ends the next
    /// thing that is waited for.
    fn told_to_stop(&mut self, now: Instant) {
        self.hasty = self.ordered;
        self.ordered = true;
        self.stopping = self.stopping.or(Some(Reason::Order));
        if self.drain_until.is_some_and(|end| end > now) {
            self.drain_until = Some(now);
        } else if self.drain_until.is_some() {
            self.log.hasten(now);
        }
        if self.hasty {
            self.cmd.hasten(now);
        }
        if let Life::Left(left) = &mut self.log {
            left.look_at = now;
        }
    }

    fn ended(&mut self, dead: Pid, status: Status, now: Instant) {
        for who in [Who::Cmd, Who::Log] {
            let (since, late, told) = match self.life(who) {
                Life::Up { pid, since, .. } if *pid == dead => (*since, false, false),
                Life::Dying { pid, since, late, .. } | Life::Killed { pid, since, late, .. }
                    if *pid == dead =>
                {
                    (*since, *late, true)
                }
                Life::Left(left) => {
                    // Perhaps the last of them, perhaps the parent of more.
                    left.look_at = now;
                    left.pause = LOOK_AGAIN;
                    continue;
                }
                _ => continue,
            };
            let not_before = match who {
                Who::Cmd => self.judge(status, late, since, now),
                Who::Log => since.plus(SPACING),
            };
            let stop_at = match (who, self.drain_until) {
                (Who::Log, Some(end)) => end.max(now),
                _ => now,
            };
            let kill_at = self.kill_at(who, stop_at);
            *self.signals(who) = Signals::default();
            *self.life(who) = Life::Left(Left {
                group: dead,
                told,
                kill_at,
                warn_at: None,
                look_at: now,
                pause: LOOK_AGAIN,
                not_before,
            });
        }
    }

    fn swept(&mut self, who: Who, any: bool, now: Instant) {
        let drain_until = self.drain_until.filter(|_| who == Who::Log);
        let Life::Left(left) = self.life(who) else {
            return;
        };
        if any {
            // The next look, and none too late to end the drain or to kill.
            let look_at = now.plus(left.pause);
            let marks = [left.kill_at, drain_until].into_iter().flatten().filter(|at| *at > now);
            left.look_at = marks.fold(look_at, Instant::min);
            left.pause = left.pause.doubled().min(LOOK_SELDOM);
        } else {
            *self.life(who) = Life::Down { not_before: left.not_before };
        }
    }

    /// A run of the command is over: whether there is another, and when at the soonest.
    fn judge(&mut self, status: Status, late: bool, since: Instant, now: Instant) -> Instant {
        let well = status.is_well() && !late;
        self.last = Some(status);
        self.halted = false;
        if self.policy.terminal && status.is_of(Signal::INT) && self.stopping.is_none() {
            self.interrupted = true;
            self.stopping = Some(Reason::Order);
        }
        if self.stopping.is_none() {
            if self.policy.once && well {
                self.stopping = Some(Reason::Done);
            } else if !self.reruns.allow(self.policy, now) {
                let exit = if late { Exit::TIMED_OUT } else { Exit(status.code()) };
                self.stopping = Some(Reason::GivenUp(exit));
            }
        }
        self.reruns.pause(self.policy, well, since, now)
    }

    const fn signals(&mut self, who: Who) -> &mut Signals {
        match who {
            Who::Cmd => &mut self.for_cmd,
            Who::Log => &mut self.for_log,
        }
    }

    /// The six signals that may be passed on.
    fn forward(&mut self, signal: Signal) {
        const PASSED: [Signal; 6] =
            [Signal::CONT, Signal::ALRM, Signal::QUIT, Signal::USR1, Signal::USR2, Signal::HUP];
        if !PASSED.contains(&signal) {
            return;
        }
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

impl Life {
    /// No more grace: KILL now, if the stop signal was sent; once more, if one was in vain, as by a lack of rights.
    const fn hasten(&mut self, now: Instant) {
        match *self {
            Self::Dying { pid, since, late, .. } | Self::Killed { pid, since, late, .. } => {
                *self = Self::Dying { pid, since, late, kill_at: Some(now) };
            }
            Self::Left(ref mut left) => {
                left.kill_at = Some(now);
                left.look_at = now;
            }
            Self::Down { .. } | Self::Up { .. } => {}
        }
    }
}
