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
        ("A= x  y \t \n", &[("A", " x  y")]),
        ("A=1\r\nB=2 \r\n\r\n# C\r\nD=\r\nE\r", &[("A", "1"), ("B", "2")]),
        ("A=1\rB=2\n", &[("A", "1\rB=2")]),
        ("\u{feff}A=1\nB=\u{feff}\n", &[("A", "1"), ("B", "\u{feff}")]),
        ("\u{feff}# A\nB=1", &[("B", "1")]),
        ("A=\"x\"\nB='y'\n", &[("A", "\"x\""), ("B", "'y'")]),
        ("A=$HOME\\n\nB=`x`\n", &[("A", "$HOME\\n"), ("B", "`x`")]),
        ("A=b=c=\n", &[("A", "b=c=")]),
        ("A=1\nA=2\n", &[("A", "2")]),
        ("A=1\nA=\n", &[]),
        ("A=1\nA\n", &[]),
        ("A=1\nA=\nA=2", &[("A", "2")]),
        ("A=1\nA", &[]),
        ("GIVEN\nA=1", &[("A", "1")]),
        ("GIVEN= \t\nA=1", &[("A", "1")]),
        ("export GIVEN\nA=1", &[("A", "1")]),
        ("A=1\n  GIVEN\n", &[("A", "1")]),
        ("A=-n --\n", &[("A", "-n --")]),
        ("a.b-c=1\n", &[("a.b-c", "1")]),
        ("export A=1\n\texport \t B=x y\n", &[("A", "1"), ("B", "x y")]),
        ("export=1\nexported=2\n", &[("export", "1"), ("exported", "2")]),
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
    let bytes: Vec<u8> = (1..=255).rev().filter(|byte| *byte != b'\n').collect();
    rig.write("f", [b"A=", &bytes[..], b"\nB=2\n"].concat());
    let all = environment_of(&rig, "denv -f f");
    assert_eq!(all.len(), 2);
    assert_eq!(all[&b"A"[..]], bytes);
    for text in [&b"A=x\0y\n"[..], b"\0", b"A=1\nB=2\0\nC=3\n", b"A=1\n#\0\n", b"A\0=1"] {
        rig.write("f", text);
        rig.run("denv -f f touch ran").exits(111).reports("denv", &["f: line ", "NUL"]);
    }
    assert!(!rig.has("ran"));
}

#[test]
fn a_line_without_a_valid_name_is_an_error() {
    let rig = Rig::new();
    for (text, message) in [
        ("=x", "f: line 1: '=x' is not a variable"),
        ("A=1\n=x\nB=2\n", "f: line 2: '=x' is not a variable"),
        ("  =x", "f: line 1: '  =x'"),
        ("\n\n#\n=", "f: line 4: '='"),
        ("A = b\n", "f: line 1: 'A = b' is not a variable"),
        ("A=1\r\n\r\nB = b\r\n", "f: line 3: 'B = b' is not"),
        ("A\t=b", "f: line 1: 'A?=b' is not"),
        ("A b", "f: line 1: 'A b' is not"),
        ("set A=b", "f: line 1: 'set A=b' is not"),
        ("export A = b", "f: line 1: 'export A = b' is not"),
        ("export =b", "f: line 1: 'export =b' is not"),
    ] {
        rig.write("f", text);
        rig.run("denv -f f touch ran").exits(111).reports("denv", &[message]);
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
