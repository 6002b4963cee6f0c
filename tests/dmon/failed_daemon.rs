//! A daemon whose first start fails, and the parent that reports it.

use crate::rig::Rig;
use crate::rig::strace::can_inject;

/// The parent's exit reports that the start has failed. A script may then start dmon again, and must not meet the
/// previous daemon and its pid file.
#[test]
fn the_parent_exits_after_a_daemon_that_failed_to_start() {
    if !can_inject() {
        return;
    }
    for (log, failed) in [("", "./nosuch"), ("-- dlog out", "./nosuch"), ("-- ./nosuch", "true")] {
        let rig = Rig::new();
        // A second before each exit: a parent that does not wait overtakes its daemon.
        let slow = "-e trace=exit_group -e inject=exit_group:delay_enter=1000000";
        let done =
            rig.run(format!("strace -f -b execve -o trace {slow} dmon -p pid {failed} {log}"));
        let done = done.exits(127).reports("dmon", &["nosuch", "No such file"]);
        rig.assert_no_processes();
        // strace records each exit in order. The parent is the first process and exits last.
        let trace = rig.read("trace");
        let exits: Vec<&str> = trace.lines().filter(|line| line.contains("exit")).collect();
        let parent = exits.last().and_then(|line| line.split_whitespace().next());
        let parent = parent.unwrap_or_else(|| panic!("no exit: {done}"));
        let begin = exits.iter().position(|line| line.starts_with(parent)).unwrap_or(0);
        assert!(begin > 0, "no daemon: {trace}");
        let later = exits[begin..].iter().find(|line| !line.starts_with(parent));
        assert_eq!(later, None, "the parent did not wait: {trace}");
    }
}
