//! Comparison of long outputs.

use std::fmt::{Display, Write};

/// Returns the numbers from 1 to `last`, one per line, as seq(1) prints them.
pub fn numbers(last: usize) -> String {
    (1..=last).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{number}");
        text
    })
}

/// Replaces the word at this index of each line by a letter: `A` for the first such word, `B` for the next other one.
/// Thus a test can compare messages that contain PIDs.
pub fn words_as_letters(text: &str, index: usize) -> Vec<String> {
    let mut known: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut words: Vec<String> = line.split(' ').map(str::to_string).collect();
        if let Some(word) = line.split(' ').nth(index) {
            let at = known.iter().position(|known| *known == word).unwrap_or(known.len());
            if at == known.len() {
                known.push(word);
            }
            words[index] = char::from(b'A' + at as u8).into();
        }
        lines.push(words.join(" "));
    }
    lines
}

/// Asserts that two long texts are equal. The message shows only where they differ.
#[track_caller]
pub fn assert_same(found: &[u8], wanted: &[u8], what: impl Display) {
    if found == wanted {
        return;
    }
    let at = found.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        let from = at.saturating_sub(20).min(bytes.len());
        let to = (at + 40).min(bytes.len());
        String::from_utf8_lossy(&bytes[from..to]).into_owned()
    };
    panic!(
        "{what}: {} bytes, expected {}; first difference at byte {at}: found {:?}, expected {:?}",
        found.len(),
        wanted.len(),
        around(found),
        around(wanted)
    );
}
