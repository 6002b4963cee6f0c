//! Messages that wait to be sent, in a fixed piece of memory: when it is full the oldest lines go, and
//! are counted. Pure.

use super::packet::LONGEST_5424;
use crate::pure::text::Message;
use heapless::Deque;

/// How many bytes may wait, a choice: half a minute of a talkative service, and little on a router.
pub const ROOM: usize = 32 << 10;

/// How many messages may wait: so many that short lines fill the room too.
const MOST: usize = 1024;

/// One message: where it lies, and whether the line ends with it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    from: u16,
    size: u16,
    last: bool,
}

/// A message with what tells it from the next.
pub type Framed = Message<{ LONGEST_5424 + 8 }>;

pub struct Queue {
    bytes: &'static mut [u8; ROOM],
    entries: Deque<Entry, MOST>,
    /// The line that was cut at the front, whose other messages must go too when they come.
    cut: bool,
    /// Lines dropped and not told yet.
    lost: u64,
    /// The oldest message tells of so many lines dropped before.
    told: u64,
    /// All that were ever dropped.
    pub all_lost: u64,
    /// The oldest message has gone partly: it stays, and nothing may come before it.
    pub held: bool,
}

impl Queue {
    #[must_use]
    pub const fn new(bytes: &'static mut [u8; ROOM]) -> Self {
        Self {
            bytes,
            entries: Deque::new(),
            cut: false,
            lost: 0,
            told: 0,
            all_lost: 0,
            held: false,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a message of `size` bytes would lie: behind the newest, or at the beginning again.
    fn place(&self, size: usize) -> Option<usize> {
        let (Some(front), Some(back)) = (self.entries.front(), self.entries.back()) else {
            return (size <= ROOM).then_some(0);
        };
        let front = usize::from(front.from);
        let end = usize::from(back.from) + usize::from(back.size);
        if usize::from(back.from) < front {
            // Around the end already: up to the oldest.
            (end + size <= front).then_some(end)
        } else if end + size <= ROOM {
            Some(end)
        } else {
            (size <= front).then_some(0)
        }
    }

    /// Whether a message of that size goes in without dropping another.
    #[must_use]
    pub fn has_room(&self, size: usize) -> bool {
        !self.entries.is_full() && self.place(size).is_some()
    }

    /// Puts in one more message; `last`: the line ends with it.
    pub fn push(&mut self, message: &[u8], last: bool) {
        if self.cut {
            self.cut = !last;
            return;
        }
        while !self.has_room(message.len()) {
            if self.entries.len() <= usize::from(self.held) {
                // Longer than all the room.
                self.lose(1);
                self.cut = !last;
                return;
            }
            self.drop_line();
            if self.cut {
                // It was the very line that goes on now.
                self.cut = !last;
                return;
            }
        }
        let Some(from) = self.place(message.len()) else {
            return;
        };
        self.put(from, message);
        let size = short(message.len());
        let _ = self.entries.push_back(Entry { from: short(from), size, last });
    }

    /// Drops the oldest line, with all its messages; if its first message has gone partly, the next one.
    fn drop_line(&mut self) {
        let Some(held) = self.entries.front().copied().filter(|_| self.held) else {
            return self.drop_front();
        };
        // It may be the word of lines dropped, and the next is not.
        let told = core::mem::take(&mut self.told);
        self.entries.pop_front();
        self.drop_front();
        let _ = self.entries.push_front(held);
        self.told = told;
    }

    fn drop_front(&mut self) {
        if self.told > 0 {
            // It was no line, but the word of others.
            self.lost += core::mem::take(&mut self.told);
            self.entries.pop_front();
            return;
        }
        self.lose(1);
        while let Some(entry) = self.entries.pop_front() {
            if entry.last {
                return;
            }
        }
        self.cut = true;
    }

    /// The messages, oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().map(|entry| {
            let (from, size) = (usize::from(entry.from), usize::from(entry.size));
            self.bytes.get(from..from + size).unwrap_or(&[])
        })
    }

    const fn lose(&mut self, lines: u64) {
        self.lost += lines;
        self.all_lost += lines;
    }

    /// Lines were dropped, and no message tells of them yet.
    #[must_use]
    pub const fn has_to_tell(&self) -> bool {
        self.lost > 0
    }

    /// If lines were dropped, puts a message that says how many before all others: `note` makes it.
    pub fn tell_lost(&mut self, note: &mut dyn FnMut(u64) -> Framed) {
        while self.lost > 0 && !self.held {
            let lost = self.lost + self.told;
            if self.told > 0 {
                self.entries.pop_front();
                self.told = 0;
                self.lost = lost;
            }
            let note = note(lost);
            let message = note.bytes();
            let front = self.entries.front().map_or(message.len(), |entry| entry.from.into());
            let back = self
                .entries
                .back()
                .map_or(0, |entry| usize::from(entry.from) + usize::from(entry.size));
            let around = self.entries.back().is_some_and(|entry| usize::from(entry.from) < front);
            let free_from = if around { back } else { 0 };
            if front >= free_from + message.len() && !self.entries.is_full() {
                let from = front - message.len();
                self.put(from, message);
                let size = short(message.len());
                let _ = self.entries.push_front(Entry { from: short(from), size, last: true });
                self.told = lost;
                self.lost = 0;
            } else if self.entries.is_empty() {
                return;
            } else {
                self.drop_line();
            }
        }
    }

    fn put(&mut self, from: usize, message: &[u8]) {
        if let Some(room) = self.bytes.get_mut(from..from + message.len()) {
            room.iter_mut().zip(message).for_each(|(place, byte)| *place = *byte);
        }
    }

    /// The oldest `count` messages were sent.
    pub fn sent(&mut self, count: usize) {
        if count > 0 {
            self.told = 0;
            self.held = false;
        }
        for _ in 0..count {
            self.entries.pop_front();
        }
    }

    /// Nothing will be sent any more: all that waits is lost.
    pub fn lose_all(&mut self) {
        let lines = self.entries.iter().filter(|entry| entry.last).count();
        self.lose(lines as u64 - u64::from(self.told > 0));
        self.entries.clear();
    }
}

/// Places and sizes are below [`ROOM`], which a short number holds.
fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::tests::Random;

    /// Any sizes, any order of pushes and sends: what comes out is what went in, oldest first, whole
    /// lines missing, each counted.
    #[test]
    fn lines_are_whole_in_order_or_counted() {
        for seed in 1..40 {
            let mut random = Random(seed);
            let mut queue = Queue::new(Box::leak(Box::new([0; ROOM])));
            let longest = [10, 200, 3000, 20_000][random.below(4)];
            let mut pushed = 0_u64;
            let mut out: Vec<(u64, bool)> = Vec::new();
            let mut line = 0_u64;
            for _ in 0..5000 {
                if random.below(3) > 0 {
                    let last = random.below(3) > 0;
                    let mut message = vec![0; 9 + random.below(longest)];
                    message[..8].copy_from_slice(&line.to_le_bytes());
                    message[8] = u8::from(last);
                    queue.push(&message, last);
                    pushed += u64::from(last);
                    line += u64::from(last);
                } else {
                    let count = random.below(5);
                    for message in queue.messages().take(count) {
                        let number = u64::from_le_bytes(message[..8].try_into().unwrap());
                        out.push((number, message[8] == 1));
                    }
                    queue.sent(count);
                }
            }
            for message in queue.messages() {
                out.push((u64::from_le_bytes(message[..8].try_into().unwrap()), message[8] == 1));
            }
            assert!(out.is_sorted_by_key(|message| message.0), "seed {seed}");
            let whole = out.iter().filter(|message| message.1).count() as u64;
            let open = u64::from(queue.cut);
            assert_eq!(whole + queue.lost - open, pushed, "seed {seed}");
        }
    }
}
