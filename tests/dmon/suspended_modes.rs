//! Terminal modes across Ctrl-Z, `fg` and `&`.

use super::terminal::{in_each_shell, wait_foreground};
use crate::rig::screen::{CTRL_C, CTRL_Z};
use crate::rig::{proc, tools};
use std::process::Command;

/// Returns the modes of the terminal at this path, as stty prints them.
fn modes_of(terminal: &str) -> String {
    let stty = Command::new("stty").args(["-a", "-F", terminal]).output().expect("stty");
    String::from_utf8_lossy(&stty.stdout).into_owned()
}

fn has(modes: &str, wanted: &[&str]) -> bool {
    wanted.iter().all(|mode| modes.split([' ', ';', '\n']).any(|word| word == *mode))
}

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
            // The sentinel, dmon's other child, does not stop.
            rig.wait_for("the whole group to be stopped", || {
                let is_sentinel = |one: &proc::Process| one.parent == dmon && one.pid != command;
                proc::group(command).iter().all(|one| one.state == 'T' || is_sentinel(one))
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
            rig.wait_for("the modes of the command", || has(&modes_of(&terminal), &raw));
        }
        screen.type_in("e");
        screen.wait_output("key-e ");
        screen.type_in(CTRL_C);
        screen.wait_output("ready> ");
        screen.status_is(130);
    });
}

/// The first run waits for a line in `end`, the second one changes a mode and exits, the third one records its modes. The
/// first one starts no process: Ctrl-Z would suspend the shell for ever if it stopped a child in vfork(2).
const THREE_RUNS: &str = "echo >>runs
case $(wc -l <runs) in
1) read end <end ;;
2) stty -echoctl ;;
*) stty -a >modes.new; mv modes.new modes; exec sleep 1000 ;;
esac
exit 1
";

#[test]
fn a_job_of_the_background_gets_no_line_editor_modes_on_fg() {
    if !tools::has(&["stty"]) {
        return;
    }
    in_each_shell(|rig, screen| {
        rig.write("command", THREE_RUNS);
        rig.shell("mkfifo end").exits(0);
        rig.write("late", "until test -e go; do sleep 0.02; done; exec dmon -n -d 0.1 sh command");
        screen.enter("sh late &");
        screen.wait_output("ready> ");
        // dmon must start while the line editor has its modes. dash has no line editor.
        let terminal = screen.path();
        let has_editor = !proc::cmdline(screen.shell()).starts_with("dash");
        rig.wait_for("the modes of the line editor", || {
            !has_editor || has(&modes_of(&terminal), &["-icanon", "-echo"])
        });
        rig.write("go", "");
        let dmon = screen.job("dmon -n -d");
        rig.wait_lines("runs", 1);
        let command = rig.child(dmon, "sh command");
        screen.enter("fg");
        // Not every shell sends SIGCONT, after which the command has the terminal.
        rig.wait_for("the job in the foreground", || {
            [Some(dmon), Some(command)].contains(&proc::foreground(dmon))
        });
        rig.write("end", "\n");
        rig.wait_file("modes");
        let found = rig.read("modes");
        assert!(has(&found, &["icanon", "echo", "isig", "echoctl"]), "{found:?}");
        screen.interrupt();
    });
}

#[test]
fn modes_set_while_dmon_was_suspended_stay_after_a_run() {
    if !tools::has(&["stty"]) {
        return;
    }
    in_each_shell(|rig, screen| {
        rig.write("command", THREE_RUNS);
        rig.shell("mkfifo end").exits(0);
        screen.enter("dmon -n -d 0.1 sh command");
        let dmon = screen.job("dmon -n -d");
        rig.wait_lines("runs", 1);
        wait_foreground(rig, rig.child(dmon, "sh command"));
        screen.type_in(CTRL_Z);
        rig.wait_state(dmon, 'T');
        screen.wait_output("ready> ");
        screen.prints("stty -echoe; echo set''-it", "set-it\r\n");
        screen.enter("fg");
        wait_foreground(rig, rig.child(dmon, "sh command"));
        rig.write("end", "\n");
        rig.wait_file("modes");
        let found = rig.read("modes");
        assert!(has(&found, &["icanon", "echo", "-echoe", "echoctl"]), "{found:?}");
        screen.interrupt();
    });
}
