"""Measures the loggers: throughput with and without timestamps, latency, memory and syncs."""

import functools
import os
import time

import counts
from common import QUICK, Unavailable, floor, log, probe, temp_dir
from peer_families import LOGGER_FAMILIES, Dmon, Drlog, Floor
from processes import spawn, wait_exited, wait_for
from table import Row, interleave, per_family

MB = 1 << 20
BYTES = (16 if QUICK else 256) * MB
ROUNDS = 3 if QUICK else 9
LONG_LINE = 100 * 1000 * 1000


def start_with_feeder(command, feed, env=None):
    """Starts a logger, and the probe `feed` as its input; returns both PIDs."""
    reader, writer = os.pipe()
    logger = spawn(command, stdin=reader, env=env)
    feeder = spawn([probe("feed"), *map(str, feed)], stdout=writer)
    os.close(reader)
    os.close(writer)
    return logger, feeder


def nanoseconds(family, feed, timestamps=False):
    """The time from the start of a logger to its exit, while it reads the output of `feed`."""
    command, path = family.logger(temp_dir(), timestamps)
    started = time.monotonic_ns()
    wait_exited(start_with_feeder(command, feed, family.env), 120)
    duration = time.monotonic_ns() - started
    if not os.path.exists(path):
        raise Unavailable("wrote nothing")
    return duration


def throughput_row(
    label, feed, amount, unit, timestamps=False, families=LOGGER_FAMILIES, in_readme=True
):
    """A row of `amount` units per second."""

    def measure(family):
        return amount / nanoseconds(family, feed, timestamps) * 1e9

    values = interleave(ROUNDS, per_family(families, measure))
    return Row(label, unit, values, more_is_better=True, in_readme=in_readme)


def latency_row():
    """The time from the write of a single line until it is in the file."""
    lines = 50

    def measure(family):
        folder = temp_dir()
        command, path = family.logger(folder)
        reader, writer = os.pipe()
        spawn(command, stdin=reader, env=family.env)
        with open(f"{folder}/times", "w") as times:
            feeder = spawn(
                [probe("feed"), "latency", str(lines), path], stdout=writer, stderr=times.fileno()
            )
        os.close(reader)
        os.close(writer)
        wait_exited([feeder])
        with open(f"{folder}/times") as times:
            return sorted(map(int, times))[lines // 2] / 1000

    values = interleave(ROUNDS, per_family(LOGGER_FAMILIES, measure))
    return Row("latency of a single line: write → in the file", "µs", values)


def peak_memory_row():
    """The peak memory (VmHWM) of a logger that has read one very long line."""

    def measure(family):
        command, path = family.logger(temp_dir())
        reader, writer = os.pipe()
        pid = spawn(command, stdin=reader, env=family.env)
        os.close(reader)
        # Keep our end open, so that the logger still runs when we read its VmHWM.
        feeder = spawn([probe("feed"), "bulk", str(LONG_LINE), str(LONG_LINE)], stdout=writer)
        wait_exited([feeder], 120)
        wait_for("the logger to write the line", lambda: is_unchanged(path), 60, 0.1)
        with open(f"/proc/{pid}/status") as file:
            peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        os.close(writer)
        return peak

    values = interleave(1 if QUICK else 3, per_family(LOGGER_FAMILIES, measure))
    return Row("peak memory of the logger during a line of 100 MB", "KiB", values)


def size_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def is_unchanged(path):
    before = size_of(path)
    time.sleep(0.3)
    return before == size_of(path)


def count_rows():
    few, many = (1000, 3000) if QUICK else (1000, 11000)

    def measure(count, timestamps, factor, family):
        folder = temp_dir()
        command, _ = family.logger(folder, timestamps)
        return factor * counts.per_line(count, command, folder, few, many, env=family.env)

    for label, timestamps in (
        ("line of 100 bytes", False),
        ("line of 100 bytes with a timestamp", True),
    ):
        for unit, count, factor in (
            ("instructions", counts.count_instructions, 1),
            ("system calls per 1000", counts.count_syscalls, 1000),
        ):
            measure_one = functools.partial(measure, count, timestamps, factor)
            values = interleave(1, per_family(LOGGER_FAMILIES, measure_one))
            yield Row(label, unit, values, in_readme=timestamps and unit == "instructions")


def sync_rows():
    """Lines that are synced to the disk, each or in batches. The peers do not sync."""
    few, many = (500, 20_000) if QUICK else (2000, 200_000)
    unit = "lines/s"

    def measure(command_in, count):
        command = command_in(temp_dir(on_disk=True))
        started = time.monotonic_ns()
        logger, _ = start_with_feeder(command, ["bulk", count * 100, 100])
        wait_exited([logger], 120)
        return count * 1e9 / (time.monotonic_ns() - started)

    def copy(mode):
        return lambda folder: [floor("copy"), f"{folder}/log", mode]

    by_line = interleave(ROUNDS, {"floor": lambda: measure(copy("line"), few)})
    yield Row("sync after each line", unit, by_line, more_is_better=True, in_readme=False)
    for name, family in (("dlog", Dmon()), ("drlog", Drlog())):

        def command_in(folder, family=family):
            return family.logger(folder)[0]

        by_batch = interleave(
            ROUNDS,
            {
                "floor": lambda: measure(copy("batch"), many),
                "dmon": functools.partial(measure, command_in, many),
            },
        )
        label = f"sync after each batch, {name}"
        yield Row(label, unit, by_batch, more_is_better=True, in_readme=False)


def rows():
    log("loggers")
    for length in (100, 20, 4096):
        feed = ["bulk", BYTES, length]
        label = f"lines of {length} bytes, dlog"
        yield throughput_row(label, feed, BYTES / MB, "MB/s", in_readme=length < 4096)
    yield throughput_row(
        "lines of 100 bytes, drlog",
        ["bulk", BYTES, 100],
        BYTES / MB,
        "MB/s",
        families=[Floor(), Drlog()],
        in_readme=False,
    )
    count = BYTES // 400
    feed = ["lines", count, 100]
    yield throughput_row("lines of 100 bytes, one write each", feed, count / 1e6, "M lines/s")
    for length in (100, 20):
        size = BYTES // 4
        yield throughput_row(
            f"lines of {length} bytes with timestamps",
            ["bulk", size, length],
            size // length / 1e6,
            "M lines/s",
            timestamps=True,
            in_readme=length == 100,
        )
    yield latency_row()
    yield peak_memory_row()
    yield from count_rows()
    yield from sync_rows()
