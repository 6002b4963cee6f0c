//! The queue of syslog messages that are not sent yet, in a fixed buffer. dsyslog's sender fills and empties it.
//!
//! The buffer is a ring. Each frame follows its size. If a message does not fit behind the newest one, it is placed at the
//! start of the buffer, so that each message is one slice; then the size 0 follows the newest one. When the buffer is full,
//! the oldest lines are dropped and counted, and a loss notice before the remaining lines reports them.
//!
//! A message that a stream has taken in part must stay, and nothing may come before it. The loss notice then follows
//! it. Therefore the queue records the kind of its front, and how many bytes of it are sent.

#[cfg(test)]
mod tests;

use super::framing::{FRAME_OVERHEAD, Framing};
use super::message::MAX_SIZE;
use crate::text::{Text, copy, spare};

/// The maximum number of bytes in the queue, frames and their sizes included. Chosen: half a minute of a talkative
/// service, and little memory on a router.
pub const CAPACITY: usize = 32 << 10;

// A partially sent message cannot be dropped. The buffer has space for another one before or behind it.
const _: () = assert!(MAX_SIZE + FRAME_OVERHEAD + HEAD <= CAPACITY / 3);

/// The number of bytes before each frame: twice the size of both, plus 1 if it is the last message of its line.
const HEAD: usize = 2;

/// The memory of a queue: the capacity, and the size 0 behind the newest frame.
pub type Memory = [u8; CAPACITY + HEAD];

/// The place of a new message in the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before all others.
    First,
    /// Behind all others.
    Last,
}

/// A queue of messages in frames.
// Field order: see src/lib.rs.
#[repr(C)]
pub struct Queue {
    framing: Framing,
    bytes: &'static mut Memory,
    /// The number of messages.
    count: usize,
    /// The place of the oldest message and the end of the newest one; both 0 in an empty queue.
    start: usize,
    end: usize,
    /// `None` if the oldest message belongs to a line, as every other one does, or the queue is empty. `Some(0)`: its line was
    /// dropped, and counted as lost, while it was partially sent. Otherwise it is a loss notice that reports this many lines.
    notice: Option<u64>,
    /// Bytes of the oldest frame that a stream has taken. Above 0 the frame must stay, and nothing may come before it.
    front_sent: usize,
    /// Whether the newest line was dropped before its last message arrived: its other messages are skipped.
    skipping_line: bool,
    /// Dropped lines that no loss notice in the queue reports.
    lost: u64,
    /// The number of all lines that were dropped, reported or not.
    pub total_lost: u64,
}

impl Queue {
    /// Returns an empty queue.
    #[must_use]
    pub const fn new(bytes: &'static mut Memory, framing: Framing) -> Self {
        Self {
            framing,
            bytes,
            count: 0,
            start: 0,
            end: 0,
            notice: None,
            front_sent: 0,
            skipping_line: false,
            lost: 0,
            total_lost: 0,
        }
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn head(&self, at: usize) -> usize {
        let head = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        head.map_or(0, |head| u16::from_le_bytes(*head).into())
    }

    fn set_head(&mut self, at: usize, head: usize) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *place = (head as u16).to_le_bytes();
        }
    }

    /// Writes bytes at an offset, and returns their end.
    #[inline(never)]
    fn write(&mut self, at: usize, bytes: &[u8]) -> usize {
        if bytes.is_empty() { at } else { at + copy(bytes, spare(self.bytes, at)) }
    }

    /// Returns the end of the message at `at`.
    fn end_of(&self, at: usize) -> usize {
        at + (self.head(at) >> 1)
    }

    /// Returns the place of the message after the one that ends at `end`.
    fn next(&self, end: usize) -> usize {
        if self.head(end) == 0 { 0 } else { end }
    }

    /// Returns the offset for `size` bytes: behind the newest message, or at the start of the buffer. `None` if a line must be
    /// dropped first.
    const fn place(&self, size: usize) -> Option<usize> {
        let Self { count, start, end, .. } = *self;
        // If the ring has wrapped around, the oldest frame is the limit.
        let limit = if count > 0 && end <= start { start } else { CAPACITY };
        if end + size <= limit {
            Some(end)
        } else if start < end && size <= start {
            Some(0)
        } else {
            None
        }
    }

    /// Returns whether a message of `size` bytes fits without dropping a line.
    #[must_use]
    pub const fn has_space(&self, size: usize) -> bool {
        self.place(HEAD + size + FRAME_OVERHEAD).is_some()
    }

    /// Inserts a message. Returns `None` if there is no space.
    fn insert(&mut self, message: &[u8], last: bool, place: Place) -> Option<()> {
        let mut prefix = Text::new();
        self.framing.put_prefix(&mut prefix, message.len());
        let trailer = self.framing.trailer;
        let size = HEAD + prefix.bytes().len() + message.len() + trailer.len();
        let from = if place == Place::Last || self.is_empty() {
            let from = self.place(size)?;
            if from != self.end {
                self.set_head(self.end, 0);
            }
            self.end = from + size;
            from
        } else {
            let free_from = if self.end <= self.start { self.end } else { 0 };
            if self.start < free_from + size {
                return None;
            }
            self.start -= size;
            self.start
        };
        self.count += 1;
        self.set_head(from, size * 2 + usize::from(last));
        let from = self.write(from + HEAD, prefix.bytes());
        let from = self.write(from, message);
        self.write(from, trailer);
        Some(())
    }

    /// Removes the oldest message. Returns whether it was the last one of its line.
    fn pop(&mut self) -> Option<bool> {
        self.count = self.count.checked_sub(1)?;
        let is_last = self.head(self.start) & 1 > 0;
        self.start = self.next(self.end_of(self.start));
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        Some(is_last)
    }

    /// Appends a message, and drops the oldest lines if there is no space. `last`: the line ends with this message.
    pub fn push(&mut self, message: &[u8], last: bool) {
        while !self.skipping_line {
            if self.insert(message, last, Place::Last).is_some() {
                return;
            }
            self.drop_line();
        }
        // The dropped line is the one that this message continues.
        self.skipping_line = !last;
    }

    /// Drops the oldest line, which can never be sent, without a loss notice: space for one need not be free.
    pub fn discard_line(&mut self) {
        let before = self.total_lost;
        self.drop_line();
        self.lost -= self.total_lost - before;
    }

    /// Drops the oldest line with all its messages. A partially sent front stays. Then all other messages are dropped: the
    /// space between them and the front is of no use.
    fn drop_line(&mut self) {
        if self.front_sent == 0 {
            return self.drop_front();
        }
        let (start, notice) = (self.start, self.notice.take());
        let is_last = self.pop() == Some(true);
        loop {
            self.drop_front();
            if self.is_empty() {
                break;
            }
        }
        self.start = start;
        self.count = 1;
        self.end = self.end_of(start);
        self.set_head(start, self.head(start) | 1);
        self.notice = if is_last { notice } else { Some(0) };
    }

    fn drop_front(&mut self) {
        if self.remove_unless_line() {
            return;
        }
        self.lost += 1;
        self.total_lost += 1;
        while let Some(last) = self.pop() {
            if last {
                return;
            }
        }
        self.skipping_line = true;
    }

    /// Removes the front and returns true if that loses no line. The lines that a removed loss notice has counted are
    /// unreported again.
    fn remove_unless_line(&mut self) -> bool {
        let Some(lines) = self.notice.take() else {
            return false;
        };
        self.lost += lines;
        self.pop().is_some()
    }

    /// Returns the messages to send next, oldest first: complete frames for a stream, without their trailer for
    /// datagrams. A partially sent message is the only one if a loss notice must follow it.
    pub fn messages(&self, stream: bool) -> impl Iterator<Item = &[u8]> {
        let count = if self.front_sent > 0 && self.lost > 0 { 1 } else { self.count };
        let trailer = if stream { 0 } else { self.framing.trailer.len() };
        let mut at = self.start;
        (0..count).map(move |_| {
            let (from, end) = (at + HEAD, self.end_of(at));
            at = self.next(end);
            self.bytes.get(from..end.saturating_sub(trailer)).unwrap_or(&[])
        })
    }

    /// Returns the number of lost lines that a loss notice must report before anything else can be sent. `None` also
    /// while the front is partially sent.
    #[must_use]
    pub fn unreported_loss(&self) -> Option<u64> {
        (self.lost > 0 && self.front_sent == 0).then(|| self.lost + self.notice.unwrap_or(0))
    }

    /// Puts a loss notice before all other messages. It replaces an earlier one. If there is no space, it drops a line
    /// instead: ask [`Queue::unreported_loss`] again.
    pub fn push_loss_notice(&mut self, message: &[u8]) {
        self.remove_unless_line();
        match self.insert(message, true, Place::First) {
            Some(()) => self.notice = Some(core::mem::take(&mut self.lost)),
            None => self.drop_line(),
        }
    }

    /// Removes the oldest `count` messages, which were sent.
    pub fn sent(&mut self, count: usize) {
        for _ in 0..count {
            self.notice = None;
            self.front_sent = 0;
            self.pop();
        }
    }

    /// Records that a stream has taken the next `bytes` bytes: removes the complete frames, and stores how much of the
    /// next frame is sent.
    pub fn sent_bytes(&mut self, bytes: usize) {
        let mut rest = self.front_sent + bytes;
        while !self.is_empty() {
            let size = self.end_of(self.start) - self.start - HEAD;
            if rest < size {
                break;
            }
            rest -= size;
            self.sent(1);
        }
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
        // A front that is not a line has no line to count.
        self.remove_unless_line();
        while let Some(last) = self.pop() {
            self.total_lost += u64::from(last);
        }
    }
}
