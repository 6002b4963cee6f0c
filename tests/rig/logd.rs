//! A stand-in of OpenWrt's logd: its socket, and its rules for the bytes of a message.

use super::receiver::{Datagrams, Receiver};
use super::syslog_record::{Record, now};
use std::path::Path;

pub struct Logd {
    socket: Datagrams,
    records: Vec<Record>,
}

impl Logd {
    pub fn new(path: impl AsRef<Path>) -> Logd {
        Logd { socket: Datagrams::new(path), records: Vec::new() }
    }

    /// Returns all messages that it has stored.
    pub fn records(&mut self) -> Vec<Record> {
        while let Some(message) = self.socket.try_receive() {
            let (priority, text) = stored(&message);
            // The facility local7 is for logd's own debugging.
            if priority >> 3 != 23 {
                self.records.push(Record::of_tag(now(), "", priority, &text));
            }
        }
        self.records.clone()
    }
}

/// Returns what logd stores (log/syslog.c of OpenWrt's ubox): it reads at most 1023 bytes, up to a NUL, removes blanks at
/// the end, the priority, and then 16 bytes of any message whose 16th byte is a blank.
fn stored(message: &[u8]) -> (u32, String) {
    let message = &message[..message.len().min(1023)];
    let text = message.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text.trim_ascii_end()).replace('\n', " ");
    let (priority, text) = text
        .strip_prefix('<')
        .and_then(|rest| rest.split_once('>'))
        .and_then(|(number, rest)| Some((number.parse().ok()?, rest.to_string())))
        .unwrap_or((0, text.clone()));
    match text.as_bytes().get(15) {
        Some(b' ') => (priority, text[16..].to_string()),
        _ => (priority, text),
    }
}
