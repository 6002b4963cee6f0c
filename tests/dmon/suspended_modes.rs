//! Terminal modes of a command that is suspended by Ctrl-Z and resumed.

use super::terminal::{in_each_shell, wait_foreground};
use crate::rig::screen::{CTRL_C, CTRL_Z};
use crate::rig::{proc, tools};
use std::process::Command;

/// Modes of a full-screen program. `isig` stays, so that the keys Ctrl-Z and Ctrl-C send signals.
const PROGRAM: &str = "stty raw isig -echo
echo >up
while key=$(dd bs=1 count=1 2>/dev/null); do printf 'key-%s ' \"$key\"; done
";

#[test]
fn a_full_screen_command_has_its_modes_again_after_fg() {
    if !tools::has(&["stty", "dd"]) {
        return;
    }
    in_each_shell(|rig, screen| {
        let terminal = screen.path();
        let modes = || {
            let stty = Command::new("stty").args(["-a", "-F", &terminal]).output().expect("stty");
            String::from_utf8_lossy(&stty.stdout).into_owned()
        };
        let has = |modes: &str, wanted: &[&str]| {
            wanted.iter().all(|mode| modes.split([' ', ';', '\n']).any(|word| word == *mode))
        };
        let raw = ["-icanon", "-echo", "-opost", "isig"];
        rig.write("program", PROGRAM);
        screen.enter("dmon -n sh program");
        let dmon = screen.job("dmon -n sh");
        rig.wait_file("up");
        let command = rig.child(dmon, "sh program");
        wait_foreground(rig, command);
        // Twice: the second suspension must save the modes of the first resumption.
        for keys in ["ab", "cd"] {
            // No newline: without the command's modes the terminal would wait for one.
            for key in keys.chars() {
                screen.type_in(&key.to_string());
                screen.wait_output(&format!("key-{key} "));
            }
            screen.type_in(CTRL_Z);
            screen.wait_output("ready> ");
            rig.wait_state(dmon, 'T');
            // A dd that is not stopped yet would read the next key.
            rig.wait_for("the whole group to be stopped", || {
                proc::group(command).iter().all(|process| process.state == 'T')
            });
            // A shell with line editing has modes of its own at the prompt, so stty must be its child.
            screen.enter("stty -a >modes; echo saved''-modes");
            screen.wait_output("saved-modes\r\n");
            screen.wait_output("ready> ");
            let sane = ["icanon", "echo", "opost", "isig"];
            let found = rig.read("modes");
            assert!(has(&found, &sane), "in the shell: {found:?}\n{}", rig.read("screen"));
            screen.enter("fg");
            wait_foreground(rig, command);
            rig.wait_for("the modes of the command", || has(&modes(), &raw));
        }
        screen.type_in("e");
        screen.wait_output("key-e ");
        screen.type_in(CTRL_C);
        screen.wait_output("ready> ");
        screen.status_is(130);
    });
}
