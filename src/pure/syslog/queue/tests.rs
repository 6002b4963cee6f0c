//! The queue with any messages: at random, and all that can happen to one that is almost full. Test code.

use super::{CAPACITY, Entry, FRAME_OVERHEAD, Framing, MAX_MESSAGES, Queue};
use crate::testing::Random;
use std::collections::HashSet;

/// Any sizes, any order of pushes and sends: what comes out is what went in, oldest first, whole
/// lines missing, each counted.
#[test]
fn lines_are_whole_in_order_or_counted() {
    for seed in 1..40 {
        let mut random = Random(seed);
        let mut queue = Queue::new(Box::leak(Box::new([0; CAPACITY])), Framing::Packet);
        let longest = [10, 200, 3000, 10_000][random.below(4)];
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
                for message in queue.messages(true).take(count) {
                    let number = u64::from_le_bytes(message[..8].try_into().unwrap());
                    out.push((number, message[8] == 1));
                }
                queue.sent(count);
            }
        }
        for message in queue.messages(true) {
            out.push((u64::from_le_bytes(message[..8].try_into().unwrap()), message[8] == 1));
        }
        assert!(out.is_sorted_by_key(|message| message.0), "seed {seed}");
        let whole = out.iter().filter(|message| message.1).count() as u64;
        let open = u64::from(queue.skipping_line);
        assert_eq!(whole + queue.lost - open, pushed, "seed {seed}");
    }
}

/// What stands in front of a message of the walk below: its line, which piece of it, whether the line
/// ends; or how many lines are told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Head {
    Piece(u32, u8, bool),
    Told(u32),
}

impl Head {
    fn bytes(self) -> [u8; 7] {
        let (kind, number, piece, last) = match self {
            Self::Piece(line, piece, last) => (0, line, piece, last),
            Self::Told(lines) => (1, lines, 0, true),
        };
        let [a, b, c, d] = number.to_le_bytes();
        [kind, a, b, c, d, piece, last.into()]
    }

    fn of(message: &[u8]) -> Self {
        let [kind, a, b, c, d, piece, last] = message[..7].try_into().unwrap();
        let number = u32::from_le_bytes([a, b, c, d]);
        if kind == 0 { Self::Piece(number, piece, last == 1) } else { Self::Told(number) }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Push(usize, bool),
    /// A connection takes so many messages, and perhaps a part of the next.
    Take(usize, bool),
    /// It breaks: what has gone partly will go again.
    Break,
}

/// The queue, what was put in, and what the receiver has got.
struct World {
    queue: Queue,
    /// The line and the piece that come next.
    line: u32,
    piece: u8,
    /// How many lines have come whole, and how many were told of; the last piece.
    whole: u32,
    told: u32,
    got: Head,
    /// How we came here.
    way: Vec<Step>,
}

/// Memory of queues that are gone.
type Pool = Vec<&'static mut [u8]>;

impl World {
    fn new() -> Self {
        let queue = Queue::new(Box::leak(Box::new([0; CAPACITY])), Framing::Nul);
        Self { queue, line: 0, piece: 0, whole: 0, told: 0, got: Head::Told(0), way: Vec::new() }
    }

    fn copy(&self, pool: &mut Pool) -> Self {
        let bytes = pool.pop().unwrap_or_else(|| Box::leak(Box::new([0; CAPACITY])));
        for entry in &self.queue.entries {
            // The head says it all, but that nobody may write over the rest.
            let places =
                [entry.from.into()..usize::from(entry.from) + 7, entry.end() - 2..entry.end()];
            for place in places {
                bytes[place.clone()].copy_from_slice(&self.queue.bytes[place]);
            }
        }
        let entries = self.queue.entries.clone();
        Self { queue: Queue { bytes, entries, ..self.queue }, way: self.way.clone(), ..*self }
    }

    fn step(&mut self, step: Step) {
        self.way.push(step);
        match step {
            Step::Push(size, last) => {
                let mut message = vec![b'x'; size];
                message[..7].copy_from_slice(&Head::Piece(self.line, self.piece, last).bytes());
                let (fits, lost) = (self.fits(size + FRAME_OVERHEAD), self.queue.all_lost);
                self.queue.push(&message, last);
                assert!(!fits || self.queue.all_lost == lost, "a line is dropped for nothing");
                self.piece = if last { 0 } else { self.piece + 1 };
                self.line += u32::from(last);
            }
            Step::Break => self.queue.front_partially_sent = false,
            Step::Take(most, part) => {
                let mut tries = 0;
                while let Some(lost) = self.queue.unreported_loss() {
                    tries += 1;
                    assert!(tries < 9, "no room to tell of {lost}");
                    let mut message = [b'x'; 20];
                    message[..7].copy_from_slice(&Head::Told(lost as u32).bytes());
                    self.queue.push_loss_notice(&message);
                }
                let messages = self.queue.messages(true);
                let heads: Vec<Head> = messages
                    .map(|message| {
                        assert!(message.ends_with(b"x\0"), "something was written over it");
                        Head::of(message)
                    })
                    .collect();
                assert_eq!(self.queue.is_empty(), heads.is_empty());
                let all = heads.len() == self.queue.entries.len();
                assert!(
                    all || self.queue.front_partially_sent && self.queue.lost > 0,
                    "more could be sent"
                );
                let count = most.min(heads.len());
                heads[..count].iter().for_each(|head| self.receive(*head));
                self.queue.sent(count);
                if count > 0 || part {
                    self.queue.front_partially_sent = part && count < heads.len();
                }
            }
        }
    }

    /// There is free memory behind the newest message or at the beginning, and nothing has to be dropped.
    fn fits(&self, size: usize) -> bool {
        let Queue { entries, skipping_line: cut, .. } = &self.queue;
        let is_free = |from: usize| {
            let beside = |entry: &Entry| entry.end() <= from || from + size <= entry.from.into();
            from + size <= CAPACITY && entries.iter().all(beside)
        };
        let end = entries.back().map_or(0, Entry::end);
        !cut && entries.len() < MAX_MESSAGES && (is_free(end) || is_free(0))
    }

    /// Lines come in order and whole, and before a line all that are missing before it are told of.
    fn receive(&mut self, head: Head) {
        match head {
            Head::Told(lines) => return self.told += lines,
            Head::Piece(line, 0, _) => {
                let all = self.whole + self.told >= line;
                assert!(all, "lines before {line} are not told of: {:?}", self.way);
            }
            Head::Piece(line, piece, _) => {
                assert_eq!(self.got, Head::Piece(line, piece - 1, false), "{:?}", self.way);
            }
        }
        self.whole += u32::from(matches!(head, Head::Piece(_, _, true)));
        self.got = head;
    }

    /// Each line was received or told of, if all goes from here on; or is counted as lost, if nothing.
    fn check(&self, pool: &mut Pool) {
        let mut end = self.copy(pool);
        if end.piece > 0 {
            end.step(Step::Push(20, true));
        }
        let mut lost = end.copy(pool);
        lost.queue.lose_all();
        let way = &self.way;
        assert_eq!(u64::from(lost.whole) + lost.queue.all_lost, lost.line.into(), "{way:?}");
        for _ in 0..4 {
            end.step(Step::Take(MAX_MESSAGES, false));
        }
        assert!(end.queue.is_empty() && end.queue.unreported_loss().is_none());
        assert_eq!(end.whole + end.told, end.line, "{way:?}");
        assert_eq!(u64::from(end.told), end.queue.all_lost, "{way:?}");
        pool.extend([end.queue.bytes, lost.queue.bytes]);
    }

    /// The same for all that comes, at whatever number the lines are.
    fn key(&self) -> Vec<u64> {
        let Queue {
            skipping_line,
            lost,
            front_is_notice,
            front_partially_sent,
            framing: _,
            bytes: _,
            all_lost,
            end,
            entries,
        } = &self.queue;
        assert!(entries.back().is_none_or(|newest| newest.end() == *end));
        let ago = |head| match head {
            Head::Piece(line, piece, last) => {
                u64::from(self.line - line) << 16 | u64::from(piece) << 8 | u64::from(last)
            }
            Head::Told(_) => 1 << 60,
        };
        let account = u64::from(self.line - self.whole).wrapping_sub(*all_lost);
        let untold = all_lost - u64::from(self.told);
        let mut key = vec![account, untold, self.piece.into(), ago(self.got)];
        key.extend([
            (*skipping_line).into(),
            *lost,
            front_is_notice.map_or(0, |n| n + 1),
            (*front_partially_sent).into(),
        ]);
        for entry in entries {
            let place = u64::from(entry.from) << 32 | u64::from(entry.size);
            let head = Head::of(&self.queue.bytes[entry.from.into()..]);
            key.extend([place, ago(head)]);
        }
        key
    }
}

#[test]
fn each_line_is_received_or_told_of_whatever_comes_in_which_order() {
    let depth = if std::env::var_os("DMON_LONG").is_some() { 9 } else { 7 };
    let mut steps = vec![Step::Break];
    steps.extend(
        [(0, true), (1, false), (1, true), (MAX_MESSAGES, false)]
            .map(|(n, part)| Step::Take(n, part)),
    );
    for size in [20, CAPACITY / 3 - FRAME_OVERHEAD] {
        steps.extend([true, false].map(|last| Step::Push(size, last)));
    }
    let mut full = World::new();
    (0..MAX_MESSAGES - 1).for_each(|_| full.step(Step::Push(20, true)));
    full.way.clear();
    let mut pool = Vec::new();
    let mut states = 0;
    // A queue that is full of bytes, and one that is full of messages.
    for (start, depth) in [(World::new(), depth), (full, 4)] {
        let mut seen = HashSet::new();
        let mut edge = vec![start];
        for _ in 0..depth {
            let mut next = Vec::new();
            for world in edge {
                for step in &steps {
                    let mut after = world.copy(&mut pool);
                    after.step(*step);
                    if seen.insert(after.key()) {
                        after.check(&mut pool);
                        next.push(after);
                    } else {
                        pool.push(after.queue.bytes);
                    }
                }
                pool.push(world.queue.bytes);
            }
            edge = next;
        }
        states += seen.len();
    }
    println!("{states} states of the queue");
}
