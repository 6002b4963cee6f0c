//! Tests of denv and envdir.

use crate::rig::Rig;
use std::collections::BTreeMap;

/// How denv starts the command, and what the command inherits.
mod command;
/// `-d`: a directory with one variable per file.
mod directory;
/// envdir and its original in daemontools.
mod envdir;
/// `-f`: a file with one variable per line.
mod file;
/// Long values and many variables.
mod limits;
/// Options, their order, errors, help.
mod options;

/// The variables of an environment by name.
type Variables = BTreeMap<Vec<u8>, Vec<u8>>;

/// The environment of env(1) when it is run by this command.
#[track_caller]
fn environment_of(rig: &Rig, command: &str) -> Variables {
    rig.shell(format!("rm -f out; {command} env -0 >out")).exits(0).reports_nothing();
    rig.variables("out")
}

/// Parses `A=1 B=2`.
fn parse_variables(text: &str) -> Variables {
    let words = text.split_whitespace().filter_map(|word| word.split_once('='));
    words.map(|(name, value)| (name.into(), value.into())).collect()
}

/// The variables as text, long values shortened.
fn printable(variables: &Variables) -> String {
    let text = |bytes: &[u8]| bytes[..bytes.len().min(200)].escape_ascii().to_string();
    variables.iter().map(|(name, value)| format!("{}={}\n", text(name), text(value))).collect()
}

/// Asserts that denv with these options, called with `A=1 B=2 C=3`, passes exactly these variables to the command.
#[track_caller]
fn assert_passes(rig: &Rig, options: &str, wanted: &str) {
    let all = environment_of(rig, &format!("A=1 B=2 C=3 denv {options}"));
    let wanted = parse_variables(wanted);
    assert!(
        all == wanted,
        "{options} makes\n{}instead of\n{}",
        printable(&all),
        printable(&wanted)
    );
}
