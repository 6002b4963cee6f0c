"""Loggers: how fast lines go through, plain and stamped, and how soon a line is in the file."""

import functools
import os
import time

import counts
from common import QUICK, Missing, floor, place, probe, say
from families import LOGGERS, Dmon, Drlog
from processes import spawn, wait_for, wait_gone
from table import Row, each, rounds

MIB = 1 << 20
BYTES = (16 if QUICK else 256) * MIB
ROUNDS = 3 if QUICK else 9


def through(logger, feed, stamped=False):
    """Nanoseconds from the start of a logger to its end, while `feed` (its options) writes what it
    reads."""
    folder = place()
    words, path = logger.logger(folder, stamped)
    reader, writer = os.pipe()
    begun = time.monotonic_ns()
    pid = spawn(words, stdin=reader, env=logger.env)
    feeder = spawn([probe("feed"), *map(str, feed)], stdout=writer)
    os.close(reader)
    os.close(writer)
    wait_gone([feeder, pid], 120)
    took = time.monotonic_ns() - begun
    if not os.path.exists(path):
        raise Missing("has written nothing")
    return took


def row(what, feed, stamped=False, loggers=LOGGERS, amount=BYTES / MIB, unit="MB/s", short=True):
    def measure(logger):
        return amount / through(logger, feed, stamped) * 1e9

    return Row(what, unit, rounds(ROUNDS, each(loggers, measure)), True, short=short)


def seen_row():
    """A line that comes alone: from its write to its place in the file."""

    def measure(logger):
        folder = place()
        words, path = logger.logger(folder)
        reader, writer = os.pipe()
        spawn(words, stdin=reader, env=logger.env)
        with open(f"{folder}/times", "w") as times:
            feeder = spawn(
                [probe("feed"), "seen", "50", path], stdout=writer, stderr=times.fileno()
            )
        os.close(reader)
        os.close(writer)
        wait_gone([feeder])
        with open(f"{folder}/times") as times:
            return sorted(map(int, times))[25] / 1000

    values = rounds(ROUNDS, each(LOGGERS, measure))
    return Row("a line alone: write → to be seen in the file", "µs", values)


def long_row():
    """The most memory a logger takes while one long line passes."""
    length = 100 * 1000 * 1000

    def measure(logger):
        folder = place()
        words, path = logger.logger(folder)
        reader, writer = os.pipe()
        pid = spawn(words, stdin=reader, env=logger.env)
        os.close(reader)
        feeder = spawn([probe("feed"), "bulk", str(length), str(length)], stdout=writer)
        wait_gone([feeder], 120)
        wait_for("the file to grow no more", lambda: still(path), 60, 0.1)
        with open(f"/proc/{pid}/status") as file:
            most = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        os.close(writer)
        return most

    values = rounds(1 if QUICK else 3, each(LOGGERS, measure))
    return Row("the logger's memory at most, while a line of 100 MB passes", "KiB", values)


def still(path):
    before = os.path.getsize(path) if os.path.exists(path) else 0
    time.sleep(0.3)
    return before == (os.path.getsize(path) if os.path.exists(path) else 0)


def count_rows():
    few, many = (1000, 3000) if QUICK else (1000, 11000)

    def measure(count, stamped, factor, logger):
        folder = place()
        words, _ = logger.logger(folder, stamped)
        return factor * counts.per_line(count, words, folder, few, many, env=logger.env)

    for what, stamped in (("", False), (" with stamps", True)):
        for unit, count, factor in (
            ("instructions", counts.instructions, 1),
            ("system calls a thousand", counts.summary, 1000),
        ):
            one = functools.partial(measure, count, stamped, factor)
            values = rounds(1, each(LOGGERS, one))
            yield Row(f"a line of 100 bytes{what}", unit, values, short=stamped and factor == 1)


def sync_rows():
    """Lines that have to be on the disk: each by itself, or as many as have come. Peers sync
    nothing."""
    one, many = (500, 20_000) if QUICK else (2000, 200_000)

    def measure(words_for, count):
        folder = place(on_disk=True)
        reader, writer = os.pipe()
        begun = time.monotonic_ns()
        pid = spawn(words_for(folder), stdin=reader)
        spawn([probe("feed"), "bulk", str(count * 100), "100"], stdout=writer)
        os.close(reader)
        os.close(writer)
        wait_gone([pid], 120)
        return count * 1e9 / (time.monotonic_ns() - begun)

    def copy(how):
        return lambda folder: [floor("copy"), f"{folder}/log", how]

    by_line = rounds(ROUNDS, {"floor": lambda: measure(copy("line"), one)})
    yield Row("to the disk, each line by itself", "lines/s", by_line, True, short=False)
    for name, logger in (("dlog", Dmon()), ("drlog", Drlog())):
        measures = {
            "floor": lambda: measure(copy("batch"), many),
            "dmon": lambda logger=logger: measure(lambda folder: logger.logger(folder)[0], many),
        }
        what = f"to the disk, as many as have come, {name}"
        yield Row(what, "lines/s", rounds(ROUNDS, measures), True, short=False)


def rows():
    say("copying")
    drlog = [family for family in LOGGERS if family.name == "floor"] + [Drlog()]
    for length in (100, 20, 4096):
        feed = ["bulk", BYTES, length]
        yield row(f"lines of {length} bytes, dlog", feed, short=length < 4096)
    yield row("lines of 100 bytes, drlog", ["bulk", BYTES, 100], loggers=drlog, short=False)
    count = BYTES // 400
    yield row("written line by line", ["lines", count, 100], amount=count / 1e6, unit="M lines/s")
    for length in (100, 20):
        size = BYTES // 4
        millions = size // length / 1e6
        yield row(
            f"stamped lines of {length} bytes",
            ["bulk", size, length],
            True,
            amount=millions,
            unit="M lines/s",
            short=length == 100,
        )
    yield seen_row()
    yield long_row()
    yield from count_rows()
    yield from sync_rows()
