//! Suppression of repeated error messages. The loggers ask it before they report an error.
//!
//! A full disk or a missing receiver fails many times a second. One message for each outage is enough.

/// Whether an error was reported since the last success.
#[derive(Default)]
pub struct ReportOnce {
    reported: bool,
}

impl ReportOnce {
    /// Returns whether this error is the first one since the last success. The caller reports only that one.
    #[must_use]
    pub fn is_first(&mut self) -> bool {
        !core::mem::replace(&mut self.reported, true)
    }

    /// Records a success: the next error is reported again.
    pub const fn succeeded(&mut self) {
        self.reported = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_reported_once() {
        let mut report = ReportOnce::default();
        assert!(report.is_first());
        assert!(!report.is_first());
        report.succeeded();
        assert!(report.is_first());
        assert!(!report.is_first());
    }
}
