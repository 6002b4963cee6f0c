//! Decisions of the loggers; each applet calls the modules that it needs.

pub mod archive;
pub mod line_prefix;
pub mod lines;
pub mod loss;
pub mod on_full;
pub mod outage;
pub mod rate;
pub mod report_once;
pub mod rotate;
pub mod rotation_steps;
pub mod timestamp;
