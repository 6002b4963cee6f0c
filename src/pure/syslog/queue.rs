//! The queue of syslog messages that are not sent yet, in a fixed buffer. dsyslog's sender fills and empties it.
//!
//! The buffer is a ring. If a message does not fit behind the newest one, it is placed at the start of the buffer, so
//! that each message is one slice. When the buffer is full, the oldest lines are dropped and counted, and a loss
//! notice before the remaining lines reports them.
//!
//! A message that a stream has taken in part must stay, and nothing may come before it. The loss notice then follows
//! it. Therefore the queue records the kind of its front, and how many bytes of it are sent.

#[cfg(test)]
mod tests;

use super::framing::{FRAME_OVERHEAD, Framing};
use super::message::MAX_SIZE;
use crate::text::spare;
use heapless::Deque;

/// The maximum number of bytes in the queue, frames included. Chosen: half a minute of a talkative service, and little
/// memory on a router.
pub const CAPACITY: usize = 32 << 10;

// A partially sent message cannot be dropped. The buffer has space for another one before or behind it.
const _: () = assert!(Queue::MAX_FRAME <= CAPACITY / 3);

/// The maximum number of messages in the queue. Chosen: 32 bytes each fill the buffer, and most messages are longer.
const MAX_MESSAGES: usize = 1024;

/// The position of one frame in the buffer.
#[derive(Clone, Copy, Debug)]
struct Entry {
    from: u16,
    size: u16,
    /// Whether this is the last message of its line.
    last: bool,
}

impl Entry {
    fn end(&self) -> usize {
        usize::from(self.from) + usize::from(self.size)
    }
}

/// The kind of the oldest message. Every other message belongs to a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Front {
    /// A message of a line, or the queue is empty.
    Line,
    /// A loss notice that reports this many lines.
    LossNotice { lines: u64 },
    /// The first message of a line that was dropped while this message was partially sent. The line is counted as lost.
    DroppedLine,
}

/// A queue of messages in frames.
// Field order: see src/lib.rs.
#[repr(C)]
pub struct Queue {
    framing: Framing,
    /// At least [`CAPACITY`] bytes.
    bytes: &'static mut [u8],
    front: Front,
    /// Bytes of the oldest frame that a stream has taken. Above 0 the frame must stay, and nothing may come before it.
    front_sent: usize,
    /// Whether the newest line was dropped before its last message arrived: its other messages are skipped.
    skipping_line: bool,
    /// Dropped lines that no loss notice in the queue reports.
    lost: u64,
    /// The number of all lines that were dropped, reported or not.
    pub total_lost: u64,
    /// The end of the newest frame: a copy, because each line needs it twice.
    end: usize,
    entries: Deque<Entry, MAX_MESSAGES>,
}

impl Queue {
    /// The maximum size of a message with its frame, in bytes.
    const MAX_FRAME: usize = MAX_SIZE + FRAME_OVERHEAD;

    /// Returns an empty queue in a buffer of at least 32 KiB.
    #[must_use]
    pub const fn new(bytes: &'static mut [u8], framing: Framing) -> Self {
        Self {
            framing,
            bytes,
            front: Front::Line,
            front_sent: 0,
            skipping_line: false,
            lost: 0,
            total_lost: 0,
            end: 0,
            entries: Deque::new(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the offset for a frame of `size` bytes: behind the newest, or at the start of the buffer. `None` if
    /// a line must be dropped first.
    fn place(&self, size: usize) -> Option<usize> {
        let Some(front) = self.entries.front() else {
            return (size <= CAPACITY).then_some(0);
        };
        let (front, end) = (usize::from(front.from), self.end);
        // If the ring has wrapped around, the oldest frame is the limit.
        let limit = if end <= front { front } else { CAPACITY };
        if self.entries.is_full() {
            None
        } else if end + size <= limit {
            Some(end)
        } else {
            (front < end && size <= front).then_some(0)
        }
    }

    /// Returns whether a message of `size` bytes fits without dropping a line.
    #[must_use]
    pub fn has_space(&self, size: usize) -> bool {
        self.place(size + FRAME_OVERHEAD).is_some()
    }

    /// Appends a message, and drops the oldest lines if there is no space. `last`: the line ends with this message.
    pub fn push(&mut self, message: &[u8], last: bool) {
        let size = message.len() + FRAME_OVERHEAD;
        if self.skipping_line {
            self.skipping_line = !last;
            return;
        }
        let from = loop {
            if let Some(from) = self.place(size) {
                break from;
            }
            self.drop_line();
            if self.skipping_line {
                // The dropped line is the one that this message continues.
                self.skipping_line = !last;
                return;
            }
        };
        let entry = self.write_frame(from, message, last);
        self.end = entry.end();
        let _ = self.entries.push_back(entry);
    }

    /// Drops the oldest line, which can never be sent, without a loss notice: space for one need not be free.
    pub fn discard_line(&mut self) {
        let before = self.total_lost;
        self.drop_line();
        self.lost -= self.total_lost - before;
    }

    /// Drops the oldest line with all its messages. A partially sent front stays. Then the rest of its line is dropped; if
    /// there is no rest, the next line is.
    fn drop_line(&mut self) {
        let Some(partial) = self.entries.front().copied().filter(|_| self.front_sent > 0) else {
            return self.drop_front();
        };
        let kind = core::mem::replace(&mut self.front, Front::Line);
        self.entries.pop_front();
        self.drop_front();
        self.push_front(Entry { last: true, ..partial });
        self.front = if partial.last { kind } else { Front::DroppedLine };
    }

    fn drop_front(&mut self) {
        if self.remove_unless_line() {
            return;
        }
        self.count_lost(1);
        while let Some(entry) = self.entries.pop_front() {
            if entry.last {
                return;
            }
        }
        self.skipping_line = true;
    }

    /// Removes the front and returns true if that loses no line. The lines that a removed loss notice has counted are
    /// unreported again.
    fn remove_unless_line(&mut self) -> bool {
        match core::mem::replace(&mut self.front, Front::Line) {
            Front::Line => return false,
            Front::LossNotice { lines } => self.lost += lines,
            Front::DroppedLine => {}
        }
        self.entries.pop_front();
        true
    }

    /// Returns the messages to send next, oldest first: complete frames for a stream, without their trailer for
    /// datagrams. A partially sent message is the only one if a loss notice must follow it.
    pub fn messages(&self, stream: bool) -> impl Iterator<Item = &[u8]> {
        let max = if self.front_sent > 0 && self.lost > 0 { 1 } else { MAX_MESSAGES };
        let trailer = if stream { 0 } else { self.framing.trailer_len() };
        self.entries.iter().take(max).map(move |entry| {
            self.bytes.get(entry.from.into()..entry.end().saturating_sub(trailer)).unwrap_or(&[])
        })
    }

    fn push_front(&mut self, entry: Entry) {
        if self.is_empty() {
            self.end = entry.end();
        }
        let _ = self.entries.push_front(entry);
    }

    const fn count_lost(&mut self, lines: u64) {
        self.lost += lines;
        self.total_lost += lines;
    }

    /// Returns the number of lost lines that a loss notice must report before anything else can be sent. `None` also
    /// while the front is partially sent.
    #[must_use]
    pub const fn unreported_loss(&self) -> Option<u64> {
        if self.lost == 0 || self.front_sent > 0 {
            return None;
        }
        match self.front {
            Front::LossNotice { lines } => Some(self.lost + lines),
            Front::Line | Front::DroppedLine => Some(self.lost),
        }
    }

    /// Puts a loss notice before all other messages. It replaces an earlier one. If there is no space, it drops a line
    /// instead: ask [`Queue::unreported_loss`] again.
    pub fn push_loss_notice(&mut self, message: &[u8]) {
        let size = message.len() + FRAME_OVERHEAD;
        self.remove_unless_line();
        let front = self.entries.front().map_or(size, |entry| entry.from.into());
        let free_from = if self.is_empty() || self.end > front { 0 } else { self.end };
        if front >= free_from + size && !self.entries.is_full() {
            let entry = self.write_frame(front - size, message, true);
            self.push_front(entry);
            self.front = Front::LossNotice { lines: core::mem::take(&mut self.lost) };
        } else {
            self.drop_line();
        }
    }

    fn write_frame(&mut self, from: usize, message: &[u8], last: bool) -> Entry {
        let size = self.framing.write(message, spare(self.bytes, from));
        Entry { from: to_u16(from), size: to_u16(size), last }
    }

    /// Removes the oldest `count` messages, which were sent.
    pub fn sent(&mut self, count: usize) {
        if count > 0 {
            self.front = Front::Line;
            self.front_sent = 0;
        }
        for _ in 0..count {
            self.entries.pop_front();
        }
    }

    /// Records that a stream has taken the next `bytes` bytes: removes the complete frames, and stores how much of the
    /// next frame is sent.
    pub fn sent_bytes(&mut self, bytes: usize) {
        let mut rest = self.front_sent + bytes;
        let mut count = 0;
        for entry in &self.entries {
            let size = usize::from(entry.size);
            if rest < size {
                break;
            }
            rest -= size;
            count += 1;
        }
        self.sent(count);
        self.front_sent = rest;
    }

    /// Returns how many bytes of the oldest frame a stream has taken.
    #[must_use]
    pub const fn front_sent(&self) -> usize {
        self.front_sent
    }

    /// Handles a broken connection: the oldest message will be sent again from its start.
    pub const fn resend_front(&mut self) {
        self.front_sent = 0;
    }

    /// Empties the queue and counts its lines as lost.
    pub fn lose_all(&mut self) {
        let last_messages = self.entries.iter().filter(|entry| entry.last).count();
        // A front that is not a line has no line to count.
        let front_is_line = core::mem::replace(&mut self.front, Front::Line) == Front::Line;
        self.count_lost(last_messages as u64 - u64::from(!front_is_line));
        self.entries.clear();
    }
}

/// Converts an offset or size, which is at most [`CAPACITY`].
fn to_u16(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(0)
}
