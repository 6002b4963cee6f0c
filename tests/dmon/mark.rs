//! The mark of a command: DMON_PID in its environment, and in that of no log command.

use crate::rig::accounts::Accounts;
use crate::rig::{Rig, numbers, proc};

/// Asserts that the command has the mark of its dmon, and that the log command has none.
#[track_caller]
fn assert_marks(rig: &Rig, prefix: &str, options: &str) {
    let line = format!("{prefix} env DMON_PID=7 AA=1 dmon -n {options} sleep 1000 -- sleep 2000");
    let dmon = rig.start(line);
    let own = format!("DMON_PID={}", dmon.pid());
    let has = |words: &str, variable: &str| {
        // At first the child is dmon itself.
        proc::has_variable(rig.child(dmon.pid(), words), variable)
    };
    assert!(has("sleep 1000", &own) && has("sleep 1000", "AA=1"), "{options}");
    assert!(!has("sleep 2000", &own) && has("sleep 2000", "AA=1"), "{options}");
    // Not the mark of another dmon, or of a user.
    for words in ["sleep 1000", "sleep 2000"] {
        for foreign in ["DMON_PID=7", "DMON_PID=8"] {
            assert!(!has(words, foreign), "{words} {options}: {foreign}");
        }
    }
}

#[test]
fn only_the_command_has_the_pid_of_its_dmon() {
    let rig = Rig::new();
    for options in ["", "-E B=1", "-E DMON_PID=8", "-E DMON_PID"] {
        assert_marks(&rig, "", options);
    }
}

#[test]
fn a_command_of_another_user_is_marked_too() {
    let rig = Rig::new();
    let Some(accounts) = Accounts::new(&rig) else {
        return;
    };
    for options in ["-u alice", "-U alice", "-u alice -U bob -E DMON_PID=8"] {
        assert_marks(&rig, &accounts.to_string(), options);
    }
}

/// The mark takes a place behind the words of the command line.
#[test]
fn the_mark_leaves_all_words_and_variables_as_they_are() {
    let rig = Rig::new();
    let words: Vec<String> = numbers(300).lines().map(String::from).collect();
    let words = words.join(" ");
    for options in ["-n1", "-n -1 --"] {
        let line = format!("env -i PATH=\"$PATH\" DMON_TEST=\"$DMON_TEST\" A=1 B= dmon {options}");
        let print = "sh -c 'echo \"$0 $*\"; echo $A,$B' first";
        let wanted = format!("first {words}\n1,\n");
        let done = rig.shell(format!("{line} {print} {words}")).exits(0);
        assert_eq!(done.out, wanted);
        let log = "sh -c 'echo \"$0 $*\" >log; echo $A,$B >>log; cat' log";
        let done = rig.shell(format!("{line} {print} {words} -- {log} {words}")).exits(0);
        assert_eq!(done.out, wanted);
        assert_eq!(rig.read("log"), format!("log {words}\n1,\n"));
    }
}
