//! Ctrl-Z at any moment of a start, also between fork and exec.

use super::terminal::in_each_shell;
use crate::rig::screen::{CTRL_Z, Screen};
use crate::rig::{Rig, proc, scaled, signal};
use nix::sys::signal::Signal;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Types Ctrl-Z until dmon is suspended. A key has no effect if the command, whose process group has the terminal, has
/// just exited.
fn suspend(rig: &Rig, screen: &Screen, dmon: i32) {
    let typed_at: Cell<Option<Instant>> = Cell::new(None);
    rig.wait_for("dmon to be suspended", || {
        if typed_at.get().is_none_or(|at| at.elapsed() > Duration::from_millis(200)) {
            screen.type_in(CTRL_Z);
            typed_at.set(Some(Instant::now()));
        }
        proc::state(dmon) == Some('T')
    });
    screen.wait_output("ready> ");
}

#[test]
fn ctrl_z_and_fg_work_at_every_moment_of_a_start() {
    in_each_shell(|rig, screen| {
        // The command exits at once, so that dmon is starting it most of the time.
        screen.enter("dmon -n -d 0 -I status true");
        let dmon = screen.job("dmon -n -d 0");
        let starts = || rig.read("status").matches("cmd start").count();
        let (least_starts, least_stops) = (scaled(60, 1000), scaled(15, 300));
        let mut stops = 0;
        while stops < least_stops || starts() < least_starts {
            let before = starts();
            rig.wait_for("further starts", || starts() > before);
            suspend(rig, screen, dmon);
            stops += 1;
            screen.enter("fg");
        }
        signal(dmon, Signal::SIGTERM);
        rig.wait_dead(dmon);
        screen.wait_output("ready> ");
        screen.prints("echo shell-has-it", "shell-has-it\r\n");
    });
}
