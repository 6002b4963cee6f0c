//! `denv -d DIR` and envdir: a directory with one variable per file.

use super::{assert_passes, environment_of, parse_variables, printable};
use crate::rig::Rig;

#[test]
fn each_file_in_the_directory_is_a_variable() {
    let rig = Rig::new();
    for (text, wanted) in [
        (&b"x"[..], Some(&b"x"[..])),
        (b"x\n", Some(b"x")),
        (b"x\ny\nz\n", Some(b"x")),
        (b"  x y \t \t\n", Some(b"  x y")),
        (b"x \t ", Some(b"x")),
        (b"x\r\n", Some(b"x\r")),
        (b"x\x0b\n", Some(b"x\x0b")),
        (b"\n", Some(b"")),
        (b" \t", Some(b"")),
        (b"\nx\n", Some(b"")),
        (b"a\0b\0\0c\n", Some(b"a\nb\n\nc")),
        (b"a\0\n", Some(b"a\n")),
        (b"\0", Some(b"\n")),
        (b"a \0", Some(b"a \n")),
        (b"a=b=\"c\" # d $HOME", Some(b"a=b=\"c\" # d $HOME")),
        ("ä€\u{1}".as_bytes(), Some("ä€\u{1}".as_bytes())),
        (b"", None),
    ] {
        rig.shell("rm -rf d; mkdir d").exits(0);
        rig.write("d/A", text);
        for call in ["denv -E A=before -d d", "A=before envdir d"] {
            let all = environment_of(&rig, call);
            let value = all.get(&b"A"[..]).map(|value| &value[..]);
            assert_eq!(value, wanted, "{call} of {:?}", text.escape_ascii().to_string());
        }
    }
}

#[test]
fn files_without_a_valid_variable_name_are_ignored() {
    let rig = Rig::new();
    rig.shell(
        "mkdir -p d/sub d/.git d/SUB; echo no >d/sub/X; echo no >d/.hidden; echo no >d/.A; \
         echo no >d/A=B; echo no >d/=C; mkfifo d/FIFO; echo yes >d/YES; echo '1 ' >d/a-b.c; \
         echo yes >'d/odd name'; ln -s YES d/LINK; ln -s nowhere d/.dangling; echo x >d/ä",
    )
    .exits(0);
    let mut wanted = parse_variables("YES=yes a-b.c=1 LINK=yes ä=x");
    wanted.insert(b"odd name".to_vec(), b"yes".to_vec());
    let all = environment_of(&rig, "timeout 20 denv -d d");
    assert!(all == wanted, "{}instead of\n{}", printable(&all), printable(&wanted));
    let all = environment_of(&rig, "timeout 20 envdir d");
    for (name, value) in &wanted {
        assert_eq!(all.get(name), Some(value), "{}", printable(&all));
    }
    for name in ["sub", "SUB", ".git", ".hidden", ".A", "A=B", "A", "FIFO", "X"] {
        assert!(!all.contains_key(name.as_bytes()), "{name}: {}", printable(&all));
    }
    // An empty directory changes nothing.
    rig.shell("mkdir e").exits(0);
    assert_passes(&rig, "-i A -d e", "A=1");
    assert_passes(&rig, "-d ./e/", "");
}

#[test]
fn a_dangling_link_in_the_directory_is_an_error() {
    let rig = Rig::new();
    rig.shell("mkdir d; ln -s nowhere d/A").exits(0);
    for (call, applet) in [("denv -d d", "denv"), ("envdir d", "envdir")] {
        let done = rig.run(format!("{call} touch ran"));
        // envdir of daemontools treats a missing file as an empty one.
        if !rig.has("ran") {
            done.exits(111).reports(applet, &["d/A"]);
        }
    }
}

#[test]
fn links_to_fifos_and_directories_are_ignored() {
    let rig = Rig::new();
    rig.shell("mkdir d e; mkfifo fifo; ln -s ../fifo d/A; ln -s .. e/A; echo b >e/B").exits(0);
    for call in ["denv -d d -d e", "envdir d envdir e"] {
        let done = rig.run(format!("timeout -k 1 5 {call} sh -c 'echo \"${{A-none}}\" $B'"));
        assert_eq!(done.exits(0).reports_nothing().out, "none b\n");
    }
}
