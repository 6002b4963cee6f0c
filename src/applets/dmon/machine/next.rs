//! The machine is asked: the order of the moment, from what is and what is wanted.

use super::{Encore, How, Left, Life, Limit, Machine, Order, Reason, Sweep, UNKILLABLE, Who};
use crate::pure::fault::Exit;
use crate::pure::time::{Instant, sooner};
use crate::pure::unix::{Signal, Status};
use core::ops::ControlFlow::{self, Break, Continue};

/// An order, or the moment at which there may be one.
type Flow = ControlFlow<Order, Option<Instant>>;

impl Machine<'_> {
    /// The order of the moment.
    #[inline(never)]
    pub fn next(&mut self, now: Instant) -> Order {
        match self.decide(now) {
            Break(order) => order,
            Continue(deadline) => Order::Wait(deadline),
        }
    }

    fn decide(&mut self, now: Instant) -> Flow {
        let load = self.watch_load(now)?;
        let log = self.tend_log(now)?;
        let cmd = self.tend_cmd(now)?;
        self.finish(now)?;
        Continue(sooner(load, sooner(log, cmd)))
    }

    fn watch_load(&self, now: Instant) -> Flow {
        match self.policy.watch {
            [None, None, None, None] => Continue(None),
            _ if self.stopping.is_some() => Continue(None),
            _ if now >= self.read_load_at => Break(Order::ReadLoad),
            _ => Continue(Some(self.read_load_at)),
        }
    }

    fn tend_cmd(&mut self, now: Instant) -> Flow {
        let high = self.high.contains(&true);
        if let (Some(pid), true) = (self.running(), core::mem::take(&mut self.halted)) {
            self.hold(true, now);
            return Break(Order::Halt(pid));
        }
        match &mut self.cmd {
            // The logger first, so that the first line has a reader.
            Life::Down { .. } if self.stopping.is_some() || !self.log_began => Continue(None),
            Life::Down { not_before } => start(Who::Cmd, *not_before, now),
            Life::Up { .. } if self.stopping.is_some() => self.stop(Who::Cmd, false, now),
            Life::Up { limit: Limit::At(end), .. } if *end <= now => self.stop(Who::Cmd, true, now),
            Life::Up { pid, limit, paused, .. } => {
                if *paused != high {
                    *paused = high;
                    *limit = limit.held(high, now);
                    let signal = if high { Signal::STOP } else { Signal::CONT };
                    return Break(Order::SendGroup(Who::Cmd, *pid, signal));
                }
                if let Some(signal) = self.for_cmd.take() {
                    return Break(Order::Send(Who::Cmd, *pid, signal));
                }
                match limit {
                    Limit::At(end) => Continue(Some(*end)),
                    Limit::Never | Limit::Held(_) => Continue(None),
                }
            }
            Life::Dying { .. } | Life::Killed { .. } | Life::Left(_) => self.bury(Who::Cmd, now),
        }
    }

    fn tend_log(&mut self, now: Instant) -> Flow {
        match (&self.log, self.drain_until) {
            (Life::Down { .. }, None) if !self.policy.logged || self.is_over() => Continue(None),
            (Life::Down { .. }, Some(_)) if self.encore != Encore::Wanted => Continue(None),
            (Life::Down { not_before }, _) => start(Who::Log, *not_before, now),
            (Life::Up { .. }, Some(end)) if end <= now => self.stop(Who::Log, false, now),
            (Life::Up { pid, .. }, end) => match self.for_log.take() {
                Some(signal) => Break(Order::Send(Who::Log, *pid, signal)),
                None => Continue(end),
            },
            (Life::Dying { .. } | Life::Killed { .. } | Life::Left(_), _) => {
                self.bury(Who::Log, now)
            }
        }
    }

    /// There is nothing to log any more and never will be.
    const fn is_over(&self) -> bool {
        matches!(self.stopping, Some(Reason::Failed(_)))
    }

    /// The last steps, once the command is gone: end of input, the logger's end, ours.
    fn finish(&mut self, now: Instant) -> ControlFlow<Order> {
        let (Some(reason), Life::Down { .. }) = (self.stopping, self.cmd) else {
            return Continue(());
        };
        if self.policy.logged && self.drain_until.is_none() {
            self.drain_until = Some(now.plus(self.policy.drain));
            return Break(Order::ClosePipe);
        }
        match (self.log, self.encore) {
            (Life::Down { .. }, Encore::Possible | Encore::Spent) => Break(Order::Peek),
            (Life::Down { .. }, Encore::InVain(bytes)) => {
                self.encore = Encore::Over;
                Break(Order::Lament(bytes))
            }
            (Life::Down { .. }, Encore::Over) => Break(Order::Quit(self.exit(reason))),
            _ => Continue(()),
        }
    }

    fn exit(&self, reason: Reason) -> Exit {
        match reason {
            Reason::Done => Exit::FINE,
            Reason::GivenUp(exit) | Reason::Failed(exit) => exit,
            Reason::Order => Exit(self.last.map_or(0, Status::code)),
        }
    }

    /// Begins the stop sequence of a child that is up.
    fn stop(&mut self, who: Who, late: bool, now: Instant) -> Flow {
        let kill_at = self.kill_at(who, now);
        let life = self.life(who);
        let Life::Up { pid, since, .. } = *life else {
            return Continue(None);
        };
        *life = Life::Dying { pid, since, late, kill_at };
        Break(Order::Stop(who, pid, late))
    }

    /// The rest of the stop sequence, and the end of what the run has left behind.
    fn bury(&mut self, who: Who, now: Instant) -> Flow {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let drains = who == Who::Log && self.drain_until.is_some_and(|end| end > now);
        let all = who == Who::Log && self.drain_until.is_some();
        let life = self.life(who);
        match *life {
            Life::Dying { pid, since, late, kill_at } if due(kill_at) => {
                *life = Life::Killed { pid, since, late, warn_at: Some(now.plus(UNKILLABLE)) };
                if who == Who::Log && self.encore == Encore::Possible {
                    self.encore = Encore::Spent;
                }
                Break(Order::SendGroup(who, pid, Signal::KILL))
            }
            Life::Dying { kill_at, .. } => Continue(kill_at),
            Life::Killed { pid, since, late, warn_at } if due(warn_at) => {
                *life = Life::Killed { pid, since, late, warn_at: None };
                Break(Order::Warn(pid))
            }
            Life::Killed { warn_at, .. } => Continue(warn_at),
            Life::Left(left) if due(left.warn_at) => {
                *life = Life::Left(Left { warn_at: Some(Instant::NEVER), ..left });
                Break(Order::Warn(left.group))
            }
            Life::Left(left) if left.look_at <= now => {
                let Left { group, told, kill_at, warn_at, .. } = left;
                let how = match drains {
                    // The last of a pipeline may still have something to write.
                    true => How::Look,
                    false if due(kill_at) => How::Kill,
                    false => How::Stop,
                };
                if how == How::Kill && warn_at.is_none() {
                    let warn_at = Some(now.plus(UNKILLABLE));
                    *life = Life::Left(Left { warn_at, ..left });
                }
                Break(Order::Sweep(Sweep { who, group, told, all, how }))
            }
            Life::Left(Left { look_at, warn_at, .. }) => Continue(sooner(Some(look_at), warn_at)),
            Life::Down { .. } | Life::Up { .. } => Continue(None),
        }
    }
}

/// A child that is down and wanted: its start, or the wait for it.
fn start(who: Who, not_before: Instant, now: Instant) -> Flow {
    if not_before <= now { Break(Order::Start(who)) } else { Continue(Some(not_before)) }
}

impl Limit {
    /// The same limit once the run is paused, or goes on.
    pub(super) const fn held(self, paused: bool, now: Instant) -> Self {
        match self {
            Self::At(end) if paused => Self::Held(now.until(end)),
            Self::Held(left) if !paused => Self::At(now.plus(left)),
            other => other,
        }
    }
}
