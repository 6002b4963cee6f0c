//! The value of `--on-signal`: what each signal to dmon does. The machine follows it.

use crate::cli::option_value::{Arg, Expected, OptionValue};
use crate::cli::value;
use crate::name_table::index_of;
use crate::text::split_once;
use crate::unix::Signal;

/// What a signal to dmon does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignalAction {
    /// Stop the run, and start again.
    Restart,
    /// Pause the command until `Resume`.
    Pause,
    Resume,
    /// Send this signal to the command.
    Send(Signal),
}

/// For each signal, by its number: the number of the signal to send, [`RESTART`] or one above it, or 0. The
/// first entry, of no signal, is 1 if any signal has an effect.
#[derive(Clone, Debug)]
pub struct SignalActions([u8; 65]);

const RESTART: u8 = 65;

impl Default for SignalActions {
    fn default() -> Self {
        Self([0; 65])
    }
}

impl SignalActions {
    /// Returns the signals that may have an effect: none without an option.
    pub fn signals(&self) -> impl Iterator<Item = Signal> {
        let [any, ..] = self.0;
        (1..=i32::from(any) * 64).filter_map(Signal::new)
    }

    /// Returns what this signal does; `None` without an option for it.
    #[must_use]
    pub fn get(&self, signal: Signal) -> Option<SignalAction> {
        match *self.0.get(signal.number() as usize)? {
            RESTART => Some(SignalAction::Restart),
            66 => Some(SignalAction::Pause),
            67 => Some(SignalAction::Resume),
            number => Signal::new(number.into()).map(SignalAction::Send),
        }
    }
}

/// Parses `SIG=WHAT`. Signals that dmon needs, or that report its own faults, are not allowed.
impl OptionValue for SignalActions {
    fn parse(&mut self, Arg { value, .. }: Arg) -> Result<(), Expected> {
        let (signal, what) = split_once(value.to_bytes(), b'=');
        let signal = value::signal(signal).map_err(|_| Expected::SignalAction)?;
        let what = what.ok_or(Expected::SignalAction)?;
        let action = match index_of("restart pause resume", what) {
            Some(index) => RESTART + index as u8,
            None => value::signal(what).map_err(|_| Expected::SignalAction)?.number() as u8,
        };
        match self.0.get_mut(signal.number() as usize) {
            Some(entry) if signal.is_free() => *entry = action,
            _ => return Err(Expected::SignalAction),
        }
        let [any, ..] = &mut self.0;
        *any = 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::word_of;

    #[test]
    fn parses_signals_with_their_effects() {
        let mut actions = SignalActions::default();
        for (word, signal, action) in [
            ("HUP=restart", Signal::HUP, SignalAction::Restart),
            ("sigusr1=PAUSE", Signal::USR1, SignalAction::Pause),
            ("12=resume", Signal::USR2, SignalAction::Resume),
            ("WINCH=15", Signal::WINCH, SignalAction::Send(Signal::TERM)),
            // The last one wins.
            ("HUP=RTMIN+30", Signal::HUP, SignalAction::Send(Signal::new(64).unwrap())),
            ("RTMIN+30=KILL", Signal::new(64).unwrap(), SignalAction::Send(Signal::KILL)),
        ] {
            actions.parse(Arg::new(word_of(word))).unwrap();
            assert_eq!(actions.get(signal), Some(action), "{word}");
        }
        let count = (1..=64).filter_map(Signal::new).filter(|one| actions.get(*one).is_some());
        assert_eq!(count.count(), 5);
    }

    #[test]
    fn only_free_signals_have_an_effect() {
        let is_allowed = |number: i32| {
            let word = format!("{number}=restart");
            SignalActions::default().parse(Arg::new(word_of(&word))).is_ok()
        };
        let allowed: Vec<_> = (0..70).filter(|number| is_allowed(*number)).collect();
        let free = [1, 3, 10, 12, 14, 28, 30];
        assert_eq!(allowed, free.into_iter().chain(34..=64).collect::<Vec<_>>());
    }
}
