//! Long values and many variables: an error, never a truncated value.

use super::{assert_passes, environment_of, parse_variables};
use crate::rig::Rig;

#[test]
fn values_too_long_are_reported_and_never_truncated() {
    let rig = Rig::new();
    rig.shell("mkdir d").exits(0);
    for length in [4000, 65_535, 65_536, 131_000, 131_072, 1_000_000] {
        let value = "x".repeat(length);
        rig.write("f", format!("A={value}\nB=2\n"));
        rig.write("d/A", &value);
        for call in ["denv -f f", "denv -d d", "envdir d"] {
            let done = rig.shell(format!("rm -f out; exec {call} env -0 >out"));
            if length <= 131_000 {
                done.exits(0).reports_nothing();
                assert!(rig.variables("out")[&b"A"[..]] == value.as_bytes(), "{call}: {length}");
            } else {
                let (applet, arguments) = call.split_once(' ').expect("a blank");
                let name = if arguments == "-f f" { "f: " } else { "d/A: " };
                done.exits(111).reports(applet, &[name, "File too large"]);
                assert!(rig.read("out").is_empty());
            }
        }
    }
    // Only the first line of a file counts.
    let rest = "and more\n".repeat(50_000);
    rig.write("d/A", format!("x\n{rest}"));
    assert_eq!(environment_of(&rig, "denv -d d"), parse_variables("A=x"));
    // Blanks end a value only if nothing follows them.
    rig.write("d/A", format!("x{}y", " ".repeat(200_000)));
    rig.run("denv -d d touch ran").exits(111).reports("denv", &["d/A: ", "File too large"]);
    assert!(!rig.has("ran"));
    // Endless files must not be read forever.
    rig.run("denv -f /dev/zero touch ran").exits(111).reports("denv", &["/dev/zero"]);
    rig.shell("ln -sf /dev/zero d/A").exits(0);
    let done = rig.run("denv -d d touch ran");
    if !rig.has("ran") {
        done.exits(111).reports("denv", &["d/A"]);
    }
}

#[test]
fn a_thousand_variables_work_and_thousands_fail() {
    let rig = Rig::new();
    // The variables as lines, as options for the shell to expand, and as a directory.
    let fill = |count: usize| {
        let list = |before: &str| -> String {
            (0..count).map(|n| format!("{before}V{n}={n}\n")).collect()
        };
        rig.write("f", list(""));
        rig.write("options", list("-E "));
        let last = count - 1;
        let each = "do echo $n >V$n; done";
        rig.shell(format!("rm -rf d; mkdir d; cd d; for n in $(seq 0 {last}); {each}")).exits(0);
    };
    fill(1000);
    for call in [
        "denv -f f",
        "denv -d d",
        "denv $(cat options)",
        "env -i PATH=\"$PATH\" $(cat f) denv -I -E PATH",
        "env -i PATH=\"$PATH\" $(cat f) denv -I $(cat options)",
        // Repeated names take no additional space.
        "denv -d d -f f -d d -f f",
        "envdir d",
    ] {
        let all = environment_of(&rig, call);
        let ours = all.iter().filter(|(name, _)| name.starts_with(b"V")).count();
        assert_eq!((ours, &all[&b"V999"[..]][..]), (1000, &b"999"[..]), "{call}");
    }
    fill(2100);
    rig.shell("mkdir e; echo x >e/X").exits(0);
    for (call, applet) in [
        ("denv -f f", "denv"),
        ("denv -d d", "denv"),
        ("envdir d", "envdir"),
        ("denv $(cat options)", "denv"),
        ("env $(cat f) denv -I", "denv"),
        ("env $(cat f) denv --inherit-env -E A=1", "denv"),
        ("env $(cat f) denv -I -d e", "denv"),
        ("env $(cat f) envdir e", "envdir"),
    ] {
        rig.shell(format!("exec {call} touch ran")).exits(111).reports(applet, &["2000"]);
        assert!(!rig.has("ran"), "{call}");
    }
    // Variables that are not inherited take no space.
    assert_passes(&rig, "-i A", "A=1");
    assert_eq!(environment_of(&rig, "env $(cat f) denv -i V7"), parse_variables("V7=7"));
}
