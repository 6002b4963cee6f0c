//! Messages that wait to be sent, in a fixed piece of memory: when it is full the oldest lines go, and
//! are counted. Pure.

#[cfg(test)]
mod tests;

use super::message::MAX_5424;
use crate::text::{Message, Put, copy, put_number, spare};
use heapless::Deque;

/// How many bytes may wait, a choice: half a minute of a talkative service, and little on a router.
const CAPACITY: usize = 32 << 10;

// Beside a message that has to stay there is always room for another.
const _: () = assert!(Queue::MAX_FRAME <= CAPACITY / 3);

/// How many messages may wait: so many that short lines fill the room too.
const MAX_MESSAGES: usize = 1024;

/// The longest frame: a length of up to 7 digits and a blank.
const FRAME_OVERHEAD: usize = 8;

/// One message: where it lies, and whether the line ends with it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    from: u16,
    size: u16,
    last: bool,
}

/// How a message is told from the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// A NUL after it in a stream, as the C libraries do it on /dev/log; left off where it is a packet.
    Nul,
    /// Nothing: it is a packet.
    Packet,
    /// Its length before it, and a blank.
    Count,
}

impl Entry {
    fn end(&self) -> usize {
        usize::from(self.from) + usize::from(self.size)
    }
}

// In this order: what is large comes last, so that the way to what is small is short.
#[repr(C)]
pub struct Queue {
    framing: Framing,
    /// At least [`ROOM`].
    bytes: &'static mut [u8],
    /// The line that was cut at the front, whose other messages must go too when they come.
    skipping_line: bool,
    /// Lines dropped and not told yet.
    lost: u64,
    /// The oldest message is no line that could be lost: it tells of so many dropped before; or it has
    /// gone partly, and is what is left of a line dropped.
    front_is_notice: Option<u64>,
    /// All that were ever dropped.
    pub all_lost: u64,
    /// The oldest message has gone partly: it stays, and nothing may come before it.
    pub front_partially_sent: bool,
    /// Where the newest message ends, as it stands in `entries`; kept, because each line asks twice.
    end: usize,
    entries: Deque<Entry, MAX_MESSAGES>,
}

impl Queue {
    /// The longest message with its frame.
    pub const MAX_FRAME: usize = MAX_5424 + FRAME_OVERHEAD;

    #[must_use]
    pub const fn new(bytes: &'static mut [u8], framing: Framing) -> Self {
        Self {
            framing,
            bytes,
            end: 0,
            entries: Deque::new(),
            skipping_line: false,
            lost: 0,
            front_is_notice: None,
            all_lost: 0,
            front_partially_sent: false,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a message of `size` bytes goes without dropping another: behind the newest, or at the beginning again.
    fn place(&self, size: usize) -> Option<usize> {
        let Some(front) = self.entries.front() else {
            return (size <= CAPACITY).then_some(0);
        };
        let (front, end) = (usize::from(front.from), self.end);
        // Around the end already: up to the oldest.
        let limit = if end <= front { front } else { CAPACITY };
        if self.entries.is_full() {
            None
        } else if end + size <= limit {
            Some(end)
        } else {
            (front < end && size <= front).then_some(0)
        }
    }

    /// Whether a message of that size goes in without dropping another.
    #[must_use]
    pub fn has_room(&self, size: usize) -> bool {
        self.place(size).is_some()
    }

    /// Puts in one more message; `last`: the line ends with it.
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
                // It was the very line that goes on now.
                self.skipping_line = !last;
                return;
            }
        };
        let entry = self.put(from, message, last);
        self.end = entry.end();
        let _ = self.entries.push_back(entry);
    }

    /// Drops the oldest line, with all its messages; if its first message has gone partly, the next one.
    fn drop_line(&mut self) {
        let Some(front_partially_sent) =
            self.entries.front().copied().filter(|_| self.front_partially_sent)
        else {
            return self.drop_front();
        };
        // It may be the word of lines dropped, and the next is not.
        let told = self.front_is_notice.take();
        self.entries.pop_front();
        self.drop_front();
        self.push_front(Entry { last: true, ..front_partially_sent });
        self.front_is_notice = if front_partially_sent.last { told } else { Some(0) };
    }

    fn drop_front(&mut self) {
        if let Some(told) = self.front_is_notice.take() {
            self.lost += told;
            self.entries.pop_front();
            return;
        }
        self.lose(1);
        while let Some(entry) = self.entries.pop_front() {
            if entry.last {
                return;
            }
        }
        self.skipping_line = true;
    }

    /// The messages that may go now, oldest first: behind one that has begun comes the word of lines dropped. In a
    /// `stream`, or as packets, which need no NUL.
    pub fn messages(&self, stream: bool) -> impl Iterator<Item = &[u8]> {
        let most = if self.front_partially_sent && self.lost > 0 { 1 } else { MAX_MESSAGES };
        let nul = usize::from(!stream && self.framing == Framing::Nul);
        self.entries.iter().take(most).map(move |entry| {
            self.bytes.get(entry.from.into()..entry.end().saturating_sub(nul)).unwrap_or(&[])
        })
    }

    fn push_front(&mut self, entry: Entry) {
        if self.is_empty() {
            self.end = entry.end();
        }
        let _ = self.entries.push_front(entry);
    }

    const fn lose(&mut self, lines: u64) {
        self.lost += lines;
        self.all_lost += lines;
    }

    /// How many lines have to be told of before anything else can be sent: those dropped, and not told yet.
    #[must_use]
    pub fn unreported_loss(&self) -> Option<u64> {
        (self.lost > 0 && !self.front_partially_sent)
            .then_some(self.lost + self.front_is_notice.unwrap_or(0))
    }

    /// Puts a message that tells of them before all others.
    pub fn push_loss_notice(&mut self, message: &[u8]) {
        let size = message.len() + FRAME_OVERHEAD;
        if let Some(told) = self.front_is_notice.take() {
            // It stands there already, with a smaller number.
            self.entries.pop_front();
            self.lost += told;
        }
        let front = self.entries.front().map_or(size, |entry| entry.from.into());
        let free_from = if self.is_empty() || self.end > front { 0 } else { self.end };
        if front >= free_from + size && !self.entries.is_full() {
            let entry = self.put(front - size, message, true);
            self.push_front(entry);
            self.front_is_notice = Some(core::mem::take(&mut self.lost));
        } else {
            self.drop_line();
        }
    }

    /// Puts a message into its place, where it has room with the longest frame.
    fn put(&mut self, from: usize, message: &[u8], last: bool) -> Entry {
        let mut end = from;
        if self.framing == Framing::Count {
            let mut count = Message::<FRAME_OVERHEAD>::new();
            put_number(&mut count, message.len() as u64);
            count.put(b" ");
            end += copy(count.bytes(), spare(self.bytes, end));
        }
        end += copy(message, spare(self.bytes, end));
        if self.framing == Framing::Nul
            && let Some(nul) = self.bytes.get_mut(end)
        {
            *nul = 0;
            end += 1;
        }
        Entry { from: short(from), size: short(end - from), last }
    }

    /// The oldest `count` messages were sent.
    pub fn sent(&mut self, count: usize) {
        if count > 0 {
            self.front_is_notice = None;
            self.front_partially_sent = false;
        }
        for _ in 0..count {
            self.entries.pop_front();
        }
    }

    /// Nothing will be sent any more: all that waits is lost.
    pub fn lose_all(&mut self) {
        let lines = self.entries.iter().filter(|entry| entry.last).count();
        self.lose(lines as u64 - u64::from(self.front_is_notice.is_some()));
        self.entries.clear();
    }
}

/// Places and sizes are below [`ROOM`], which a short number holds.
fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(0)
}
