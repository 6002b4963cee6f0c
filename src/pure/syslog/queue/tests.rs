//! Tests of the queue: random messages, and an exploration of every state of a queue that is almost full.

use super::{CAPACITY, FRAME_OVERHEAD, Framing, HEAD, Memory, Queue};
use crate::testing::Random;
use std::collections::HashSet;

fn memory() -> &'static mut Memory {
    Box::leak(Box::new([0; CAPACITY + HEAD]))
}

const DATAGRAM: Framing = Framing { octet_count: false, trailer: b"" };
const NUL: Framing = Framing { octet_count: false, trailer: b"\0" };

#[test]
fn each_framing_separates_messages_as_its_rfc_says() {
    let newline = Framing { octet_count: false, trailer: b"\n" };
    let counted = Framing { octet_count: true, trailer: b"" };
    for (framing, message, frame) in [
        (NUL, &b"ten bytes."[..], &b"ten bytes.\0"[..]),
        (newline, b"", b"\n"),
        (DATAGRAM, b"ten bytes.", b"ten bytes."),
        (counted, b"ten bytes.", b"10 ten bytes."),
        (counted, b"", b"0 "),
    ] {
        let mut queue = Queue::new(memory(), framing);
        queue.push(message, true);
        assert_eq!(queue.messages(true).collect::<Vec<_>>(), [frame], "{framing:?}");
        assert!(frame.len() <= message.len() + FRAME_OVERHEAD);
    }
}

/// Messages of any size, pushed and sent in any order, leave the queue in their order. Missing lines are missing
/// completely and are counted.
#[test]
fn lines_are_complete_in_order_or_counted() {
    for seed in 1..40 {
        let mut random = Random(seed);
        let mut queue = Queue::new(memory(), DATAGRAM);
        let max_size = [10, 200, 3000, 10_000][random.below(4)];
        let mut pushed = 0_u64;
        let mut received: Vec<(u64, bool)> = Vec::new();
        let mut line = 0_u64;
        let decode = |message: &[u8]| {
            (u64::from_le_bytes(message[..8].try_into().unwrap()), message[8] == 1)
        };
        for _ in 0..5000 {
            if random.below(3) > 0 {
                let last = random.below(3) > 0;
                let mut message = vec![0; 9 + random.below(max_size)];
                message[..8].copy_from_slice(&line.to_le_bytes());
                message[8] = u8::from(last);
                queue.push(&message, last);
                pushed += u64::from(last);
                line += u64::from(last);
            } else {
                let count = random.below(5);
                received.extend(queue.messages(true).take(count).map(decode));
                queue.sent(count);
            }
        }
        received.extend(queue.messages(true).map(decode));
        assert!(received.is_sorted_by_key(|message| message.0), "seed {seed}");
        let complete = received.iter().filter(|message| message.1).count() as u64;
        let unfinished = u64::from(queue.skipping_line);
        assert_eq!(complete + queue.lost - unfinished, pushed, "seed {seed}");
    }
}

#[test]
fn only_streams_get_the_trailer() {
    let mut queue = Queue::new(memory(), NUL);
    queue.push(b"text", true);
    assert_eq!(queue.messages(true).collect::<Vec<_>>(), [b"text\0"]);
    assert_eq!(queue.messages(false).collect::<Vec<_>>(), [b"text"]);
}

#[test]
fn a_discarded_line_is_counted_without_a_notice() {
    let mut queue = Queue::new(memory(), NUL);
    for (text, last) in [("long", false), ("line", true), ("short", true)] {
        queue.push(text.as_bytes(), last);
    }
    queue.discard_line();
    assert_eq!(queue.messages(false).collect::<Vec<_>>(), [b"short"]);
    assert_eq!((queue.total_lost, queue.unreported_loss()), (1, None));
}

#[test]
fn a_stream_may_take_any_number_of_bytes() {
    for first in 0..=12 {
        let mut queue = Queue::new(memory(), NUL);
        for text in ["one", "two", "six"] {
            queue.push(text.as_bytes(), true);
        }
        queue.sent_bytes(first);
        assert_eq!(queue.messages(true).count(), 3 - first / 4);
        assert_eq!(queue.front_sent(), first % 4);
        queue.sent_bytes(12 - first);
        assert!(queue.is_empty() && queue.front_sent() == 0);
    }
}

/// The first bytes of each message of the exploration: a piece of a line, or a loss notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Content {
    Piece { line: u32, piece: u8, last: bool },
    LossNotice { lines: u32 },
}

impl Content {
    fn encode(self) -> [u8; 7] {
        let (kind, number, piece, last) = match self {
            Self::Piece { line, piece, last } => (0, line, piece, last),
            Self::LossNotice { lines } => (1, lines, 0, true),
        };
        let [a, b, c, d] = number.to_le_bytes();
        [kind, a, b, c, d, piece, last.into()]
    }

    fn decode(message: &[u8]) -> Self {
        let [kind, a, b, c, d, piece, last] = message[..7].try_into().unwrap();
        let number = u32::from_le_bytes([a, b, c, d]);
        match kind {
            0 => Self::Piece { line: number, piece, last: last == 1 },
            _ => Self::LossNotice { lines: number },
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Push {
        size: usize,
        last: bool,
    },
    /// A connection takes this many messages, and perhaps a part of the next one.
    Send {
        count: usize,
        partial: bool,
    },
    /// The connection breaks.
    Break,
}

/// The place of a message in the buffer.
struct Entry {
    from: usize,
    end: usize,
}

fn entries(queue: &Queue) -> Vec<Entry> {
    let mut at = queue.start;
    let next = |_| {
        let entry = Entry { from: at + HEAD, end: queue.end_of(at) };
        at = queue.next(entry.end);
        entry
    };
    (0..queue.count).map(next).collect()
}

/// The queue, the lines that were pushed, and the messages that the receiver got.
struct Model {
    queue: Queue,
    /// The next piece to push.
    line: u32,
    piece: u8,
    /// Lines that the receiver got completely, and lines that loss notices reported to it.
    complete: u32,
    reported: u32,
    /// The message that the receiver got last.
    newest: Content,
    /// The steps up to this state.
    path: Vec<Step>,
}

/// Buffers of discarded models.
type Pool = Vec<&'static mut Memory>;

impl Model {
    fn new() -> Self {
        let queue = Queue::new(memory(), NUL);
        let newest = Content::LossNotice { lines: 0 };
        Self { queue, line: 0, piece: 0, complete: 0, reported: 0, newest, path: Vec::new() }
    }

    fn copy(&self, pool: &mut Pool) -> Self {
        let bytes = pool.pop().unwrap_or_else(memory);
        bytes.copy_from_slice(self.queue.bytes);
        Self { queue: Queue { bytes, ..self.queue }, path: self.path.clone(), ..*self }
    }

    fn step(&mut self, step: Step) {
        self.path.push(step);
        match step {
            Step::Push { size, last } => {
                let mut message = vec![b'x'; size];
                let content = Content::Piece { line: self.line, piece: self.piece, last };
                message[..7].copy_from_slice(&content.encode());
                let (fits, lost) = (self.fits(size + FRAME_OVERHEAD), self.queue.total_lost);
                self.queue.push(&message, last);
                assert!(!fits || self.queue.total_lost == lost, "a line is dropped without need");
                self.piece = if last { 0 } else { self.piece + 1 };
                self.line += u32::from(last);
            }
            Step::Break => self.queue.resend_front(),
            Step::Send { count, partial } => self.send(count, partial),
        }
    }

    fn send(&mut self, max: usize, partial: bool) {
        let mut tries = 0;
        while let Some(lost) = self.queue.unreported_loss() {
            tries += 1;
            assert!(tries < 9, "no space for a notice of {lost} lines");
            let mut message = [b'x'; 20];
            let content = Content::LossNotice { lines: lost as u32 };
            message[..7].copy_from_slice(&content.encode());
            self.queue.push_loss_notice(&message);
        }
        let messages: Vec<(Content, usize)> = self
            .queue
            .messages(true)
            .map(|message| {
                assert!(message.ends_with(b"x\0"), "another message overwrote it");
                (Content::decode(message), message.len())
            })
            .collect();
        assert_eq!(self.queue.is_empty(), messages.is_empty());
        let has_partial_front = self.queue.front_sent > 0;
        assert!(
            messages.len() == self.queue.count || has_partial_front && self.queue.lost > 0,
            "more could be sent"
        );
        let (taken, rest) = messages.split_at(max.min(messages.len()));
        taken.iter().for_each(|message| self.receive(message.0));
        let part = usize::from(partial && !rest.is_empty());
        let complete = taken.iter().map(|message| message.1).sum::<usize>();
        let sent_before = if taken.is_empty() { 0 } else { self.queue.front_sent };
        self.queue.sent_bytes(complete - sent_before + part);
        assert_eq!(self.queue.front_sent > 0, part > 0 || has_partial_front && taken.is_empty());
    }

    /// Returns whether there is free space behind the newest message or at the start of the buffer, so that no line is dropped.
    fn fits(&self, size: usize) -> bool {
        let entries = entries(&self.queue);
        let is_free = |from: usize| {
            let beside =
                |entry: &Entry| entry.end <= from || from + size + HEAD <= entry.from - HEAD;
            from + HEAD + size <= CAPACITY && entries.iter().all(beside)
        };
        let end = entries.last().map_or(0, |entry| entry.end);
        !self.queue.skipping_line && (is_free(end) || is_free(0))
    }

    /// Checks that lines arrive in order and completely, and that all lines missing before one were reported.
    fn receive(&mut self, content: Content) {
        match content {
            Content::LossNotice { lines } => return self.reported += lines,
            Content::Piece { line, piece: 0, .. } => {
                let all = self.complete + self.reported >= line;
                assert!(all, "lines before {line} are not reported: {:?}", self.path);
            }
            Content::Piece { line, piece, .. } => {
                let before = Content::Piece { line, piece: piece - 1, last: false };
                assert_eq!(self.newest, before, "{:?}", self.path);
            }
        }
        self.complete += u32::from(matches!(content, Content::Piece { last: true, .. }));
        self.newest = content;
    }

    /// Checks that each line is received or reported if all sends succeed from now on, or counted as lost if none does.
    fn check(&self, pool: &mut Pool) {
        let mut drained = self.copy(pool);
        if drained.piece > 0 {
            drained.step(Step::Push { size: 20, last: true });
        }
        let mut lost = drained.copy(pool);
        lost.queue.lose_all();
        let path = &self.path;
        assert_eq!(u64::from(lost.complete) + lost.queue.total_lost, lost.line.into(), "{path:?}");
        for _ in 0..4 {
            drained.step(Step::Send { count: usize::MAX, partial: false });
        }
        assert!(drained.queue.is_empty() && drained.queue.unreported_loss().is_none());
        assert_eq!(drained.complete + drained.reported, drained.line, "{path:?}");
        assert_eq!(u64::from(drained.reported), drained.queue.total_lost, "{path:?}");
        pool.extend([drained.queue.bytes, lost.queue.bytes]);
    }

    /// Returns a key that is equal for states that behave equally. The numbers of the lines do not matter.
    fn key(&self) -> Vec<u64> {
        let Queue { skipping_line, lost, notice, front_sent, total_lost, end, .. } = &self.queue;
        let entries = entries(&self.queue);
        assert!(entries.last().map_or(0, |newest| newest.end) == *end);
        let relative = |content| match content {
            Content::Piece { line, piece, last } => {
                u64::from(self.line - line) << 16 | u64::from(piece) << 8 | u64::from(last)
            }
            Content::LossNotice { .. } => 1 << 60,
        };
        let missing = u64::from(self.line - self.complete).wrapping_sub(*total_lost);
        let unreported = total_lost - u64::from(self.reported);
        let mut key = vec![missing, unreported, self.piece.into(), relative(self.newest)];
        let front = notice.map_or(0, |lines| lines + 1);
        // Only whether the front is partially sent matters: no step sends a frame byte by byte up to its end.
        key.extend([(*skipping_line).into(), *lost, front, (*front_sent > 0).into()]);
        for entry in entries {
            let place = (entry.from as u64) << 32 | entry.end as u64;
            let content = Content::decode(&self.queue.bytes[entry.from..]);
            key.extend([place, relative(content)]);
        }
        key
    }
}

#[test]
fn each_line_is_received_or_reported_in_every_state() {
    let depth = if std::env::var_os("DMON_LONG").is_some() { 9 } else { 7 };
    let mut steps = vec![Step::Break];
    steps.extend(
        [(0, true), (1, false), (1, true), (usize::MAX, false)]
            .map(|(count, partial)| Step::Send { count, partial }),
    );
    for size in [20, CAPACITY / 3 - FRAME_OVERHEAD - HEAD] {
        steps.extend([true, false].map(|last| Step::Push { size, last }));
    }
    let mut pool = Vec::new();
    let mut seen = HashSet::new();
    let mut frontier = vec![Model::new()];
    for _ in 0..depth {
        let mut next = Vec::new();
        for model in frontier {
            for step in &steps {
                let mut after = model.copy(&mut pool);
                after.step(*step);
                if seen.insert(after.key()) {
                    after.check(&mut pool);
                    next.push(after);
                } else {
                    pool.push(after.queue.bytes);
                }
            }
            pool.push(model.queue.bytes);
        }
        frontier = next;
    }
    println!("{} states of the queue", seen.len());
}
