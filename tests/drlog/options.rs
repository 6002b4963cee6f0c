//! The options that drlog shares with dlog.

use crate::rig::Rig;

#[test]
fn drlog_has_the_options_of_dlog() {
    let rig = Rig::new();
    let options = "--time mono -p x --sync 5s --on-full block --rate 9/1s";
    rig.shell(format!("echo one | drlog {options} .")).exits(0).reports_nothing();
    let log = rig.read("current");
    let (time, rest) = log.split_once(' ').expect("a time");
    assert!(time.parse::<f64>().is_ok_and(|seconds| seconds > 0.0), "{log}");
    assert_eq!(rest, "x one\n");
    rig.run("drlog --on-full wait .").exits(125).reports("drlog", &["--on-full", "wait"]);
    // dlog has no directory to rotate.
    rig.run("dlog --max-size 5 f").exits(125).reports("dlog", &["unknown option '--max-size'"]);
}
