//! Random configuration files and option variables.

use crate::rig::random::Random;
use crate::rig::{Rig, assert_same, scaled};

#[test]
fn random_values_arrive_unchanged_from_both_sources() {
    let rig = Rig::new();
    let mut random = Random::new();
    for _ in 0..scaled(20, 1000) {
        let values: Vec<Vec<u8>> =
            (0..1 + random.below(9)).map(|_| random_value(&mut random)).collect();
        let (mut file, mut options) = (Vec::new(), Vec::new());
        for (number, value) in values.iter().enumerate() {
            let [f, v] =
                ["F", "V"].map(|kind| [format!("{kind}{number}=").as_bytes(), &value[..]].concat());
            file.extend_from_slice(b"environ ");
            file.extend(file_word(&mut random, &f));
            file.push(random.pick(b" \t\n\r\x0b\x0c"));
            options.extend_from_slice(b"-E ");
            options.extend(variable_word(&mut random, &v));
            options.push(random.pick(b" \t\n\r\x0b\x0c"));
        }
        // `$(…)` removes newlines at the end.
        options.extend_from_slice(b" -n");
        rig.write("conf", &file);
        rig.write("options", &options);
        rig.shell("DMON_OPTIONS=\"$(cat options)\" exec dmon -C conf -1 env -0 >out")
            .exits(0)
            .reports_nothing();
        let found = rig.variables("out");
        for (number, value) in values.iter().enumerate() {
            for kind in ["F", "V"] {
                let name = format!("{kind}{number}");
                let found = found.get(name.as_bytes()).unwrap_or_else(|| panic!("no {name}"));
                assert_same(found, value, format!("{name}\n{}", rig.describe()));
            }
        }
    }
}

/// Random bytes; half of them have a meaning in one of the syntaxes.
fn random_value(random: &mut Random) -> Vec<u8> {
    let length = random.below(30);
    (0..length)
        .map(|_| match random.below(2) {
            0 => random.pick(b" \t\n\r\"'\\#=-nx0a"),
            _ => 1 + random.below(255) as u8,
        })
        .collect()
}

/// Writes a word in one of its forms in a configuration file.
fn file_word(random: &mut Random, word: &[u8]) -> Vec<u8> {
    let bare = |byte: &u8| !byte.is_ascii_whitespace() && !b"\x0b\"#".contains(byte);
    if random.below(2) == 0 && word.iter().all(bare) {
        return word.to_vec();
    }
    let mut text = vec![b'"'];
    for &byte in word {
        let letter = b"n\nr\rt\tb\x08e\x1ba\x07v\x0b\"\"\\\\".chunks(2).find(|two| two[1] == byte);
        match (random.below(3), letter) {
            (0, _) if byte != b'"' && byte != b'\\' => text.push(byte),
            (1, Some(two)) => text.extend([b'\\', two[0]]),
            _ if random.below(2) == 0 => text.extend(format!("\\x{byte:02x}").bytes()),
            _ => text.extend(format!("\\x{byte:02X}").bytes()),
        }
    }
    text.push(b'"');
    text
}

/// Writes a word in one of its forms in a variable: pieces with or without quotes.
fn variable_word(random: &mut Random, word: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = word;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(1 + random.below(rest.len()));
        let free = |quote: u8| !piece.contains(&quote);
        let bare = |byte: &u8| !byte.is_ascii_whitespace() && !b"\x0b\"'".contains(byte);
        if piece.iter().all(bare) && random.below(2) == 0 {
            text.extend_from_slice(piece);
        } else if let Some(&quote) = b"'\"".iter().find(|&&quote| free(quote)) {
            text.push(quote);
            text.extend_from_slice(piece);
            text.push(quote);
        } else {
            // The piece contains both kinds of quotes: try a smaller one.
            continue;
        }
        rest = more;
    }
    text
}

#[test]
fn a_random_config_file_never_crashes_dmon() {
    let rig = Rig::new();
    let mut random = Random::new();
    for _ in 0..scaled(100, 5000) {
        let mut text = b"no-daemon once ".to_vec();
        for _ in 0..random.below(5) {
            text.extend_from_slice(random.pick(&[
                b"environ ",
                b"timeout ",
                b"once ",
                b"\" ",
                b"# ",
            ]));
            text.extend(random_value(&mut random));
        }
        rig.write("conf", &text);
        let done = rig.run("dmon -C conf true");
        if !done.err.is_empty() {
            let done = done.exits(125).reports("dmon", &["conf:"]);
            assert!(!done.err.contains(|c: char| c.is_ascii_control() && c != '\n'), "{done}");
        } else {
            done.exits(0);
        }
    }
}
