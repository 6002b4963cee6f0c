//! `denv -f FILE`: a file with one variable per line.

use super::{Variables, assert_passes, environment_of, parse_variables, printable};
use crate::rig::Rig;

#[test]
fn each_line_of_the_file_is_a_variable() {
    let rig = Rig::new();
    for (text, wanted) in [
        ("", &[][..]),
        ("A=1\n", &[("A", "1")]),
        ("A=1", &[("A", "1")]),
        ("A=1\nB=2\n", &[("A", "1"), ("B", "2")]),
        (" \t A=1\n\tB=2", &[("A", "1"), ("B", "2")]),
        ("\n\n   \n\t\nA=1\n\n", &[("A", "1")]),
        ("# A=1\n#\n  # B=2\n#C=3\nD=4 # no comment\n", &[("D", "4 # no comment")]),
        ("A=x#y\n", &[("A", "x#y")]),
        ("A= x  y\n", &[("A", " x  y")]),
        ("A=\"x\"\nB='y'\n", &[("A", "\"x\""), ("B", "'y'")]),
        ("A=$HOME\\n\nB=`x`\n", &[("A", "$HOME\\n"), ("B", "`x`")]),
        ("A=b=c=\n", &[("A", "b=c=")]),
        ("A=1\nA=2\n", &[("A", "2")]),
        ("A=1\nA=\n", &[]),
        ("A=1\nA\n", &[]),
        ("A=1\nA=\nA=2", &[("A", "2")]),
        ("A=1\nA", &[]),
        ("GIVEN\nA=1", &[("A", "1")]),
        ("GIVEN=\nA=1", &[("A", "1")]),
        ("A=1\n  GIVEN\n", &[("A", "1")]),
        ("A=-n --\n", &[("A", "-n --")]),
        ("a.b-c=1\nodd name=2\n", &[("a.b-c", "1"), ("odd name", "2")]),
        ("export A=1\n", &[("export A", "1")]),
    ] {
        rig.write("f", text);
        let given = if text.contains("GIVEN") { "-E GIVEN=1" } else { "" };
        let all = environment_of(&rig, &format!("denv {given} -f f"));
        let wanted: Variables =
            wanted.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        assert!(all == wanted, "{text:?} makes\n{}", printable(&all));
    }
}

#[test]
fn a_file_may_contain_any_byte_but_nul() {
    let rig = Rig::new();
    let bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'\n').collect();
    rig.write("f", [b"A=", &bytes[..], b"\nB=2\n"].concat());
    let all = environment_of(&rig, "denv -f f");
    assert_eq!(all.len(), 2);
    assert_eq!(all[&b"A"[..]], bytes);
    for text in [&b"A=x\0y\n"[..], b"\0", b"A=1\nB=2\0\nC=3\n", b"A=1\n#\0\n", b"A\0=1"] {
        rig.write("f", text);
        rig.run("denv -f f touch ran").exits(111).reports("denv", &["f: "]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn a_line_without_a_name_is_an_error() {
    let rig = Rig::new();
    for text in ["=x", "A=1\n=x\nB=2\n", "  =x", "=", "="] {
        rig.write("f", text);
        rig.run("denv -f f touch ran").exits(111).reports("denv", &["f: ", "'="]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn denv_reads_the_file_from_a_pipe() {
    let rig = Rig::new();
    let pieces = "(printf 'A='; sleep 0.1; printf '1\\nB'; sleep 0.1; printf '=2\\n')";
    assert_eq!(
        environment_of(&rig, &format!("{pieces} | denv -f /dev/stdin")),
        parse_variables("A=1 B=2")
    );
    assert_passes(&rig, "-i A -f /dev/null", "A=1");
}
