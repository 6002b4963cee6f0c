"""Start, restart, rest and end of a supervised command."""

import mmap
import os
import struct
import time

import counts
from common import QUICK, clear, Missing, descendants, end_all, place, probe, rounds, say, spawn, wait_for, wait_gone
from peers import ALL
from table import Row

RESTARTERS = [family for family in ALL if family.name != "tini"]
# Those that start a logger beside the command. OpenRC and tini have none, supervisord is one itself.
LOGGERS = [family for family in ALL if family.name not in ("OpenRC", "tini", "supervisord")]
WORDS = 1000


class Seen:
    """The page in which probe/cmd.c leaves the times of its starts and ends."""

    def __init__(self, folder):
        self.path = f"{folder}/seen"
        with open(self.path, "wb") as file:
            file.truncate(4096)
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)

    def times(self):
        return struct.unpack_from(f"{self.count()}q", self.page, 16)

    def count(self):
        return min(struct.unpack_from("q", self.page, 8)[0], 510)

    def launch(self):
        return struct.unpack_from("q", self.page)[0]

    def wait(self, count=1):
        wait_for("the command to start", lambda: self.count() >= count)


def start(family):
    """Nanoseconds from the exec of a supervisor to its command's first instruction."""
    folder = place()
    seen = Seen(folder)
    words = family.supervisor(folder, False)[0]
    spawn([probe("launch"), seen.path, *words], env={**family.env, "BENCH_OUT": seen.path})
    seen.wait()
    return (seen.times()[0] - seen.launch()) / 1000


def start_row():
    values = rounds(30 if QUICK else 300, {family.name: lambda family=family: start(family) for family in ALL})
    return Row("exec of the supervisor → its command's first instruction", "µs", values)


def count_start(family, logged=False):
    folder = place()
    seen = Seen(folder)
    log = f"{folder}/strace"
    words = counts.traced(family.supervisor(folder, logged)[0], log)
    spawn(words, env={**family.env, "BENCH_OUT": seen.path})
    seen.wait()
    loggers = ("dlog", "copy", "svlogd")
    end_all()
    command = "./run" if os.path.exists(f"{folder}/svc/run") else probe("cmd")
    return counts.to_command(log, command, loggers)


def count_restart(family):
    folder = place()
    seen = Seen(folder)
    log = f"{folder}/strace"
    words = counts.traced(family.supervisor(folder, False)[0], log)
    spawn(words, env={**family.env, "BENCH_OUT": seen.path, "BENCH_LIFE": "1100"})
    seen.wait(3)
    end_all()
    return counts.between_runs(log, probe("cmd"))


def count_rows():
    both = [family for family in ALL if family.name in ("floor", "dmon", "runit", "busybox")]

    def once(families, count):
        return rounds(1, {family.name: lambda family=family: count(family) for family in families})

    return [
        Row("the same, without a logger", "system calls", once(ALL, count_start)),
        Row("the same, with a logger", "system calls", once(both, lambda family: count_start(family, True))),
        Row("the command dies → the next begins", "system calls", once(RESTARTERS, count_restart)),
    ]


def together(families, logged=False, env=None):
    """Starts all of these at the same time. Gives for each what its command has seen, its folder, what we have started and
    all processes that it consists of; and why a family is not there."""
    running, failed = {}, {}
    for number, family in enumerate(families):
        before, folder = set(descendants()), place()
        seen = Seen(folder)
        try:
            words = {"BENCH_OUT": seen.path, **(env(number) if env else {})}
            pids = family.start(folder, logged, words)
            seen.wait()
        except (Missing, OSError) as reason:
            failed[family.name] = str(reason)
            continue
        # Its logger may come a little later.
        time.sleep(0.2)
        running[family.name] = (seen, folder, pids, [pid for pid in descendants() if pid not in before])
    return running, failed


def restart_row():
    """All at the same time, since each run has to last longer than the second that everybody waits between two starts
    of a command that dies at once. Their lives differ a little, so that they do not meet."""
    running, failed = together(RESTARTERS, env=lambda number: {"BENCH_LIFE": str(1100 + 13 * number)})
    time.sleep(9 if QUICK else 90)
    values = {}
    for name, (seen, *_) in running.items():
        times = seen.times()
        values[name] = [(begin - end) / 1000 for end, begin in zip(times[1::2], times[2::2])]
        if not values[name]:
            failed[name] = "is not restarted"
    end_all()
    clear()
    return Row("the command dies → the next one's first instruction", "µs", {**values, **failed})


def end(families, words):
    """Microseconds from the order to end to the end of all, and how many of the command's last lines are kept. All are
    started together, and have run for more than a second then, since some wait for that before they end."""
    running, failed = together(families, True, lambda _: {"BENCH_WORDS": str(words)})
    time.sleep(1.2)
    ended = dict(failed)
    for family in families:
        if family.name not in running:
            continue
        _, folder, pids, all_pids = running[family.name]
        begun = time.monotonic_ns()
        try:
            family.stop(pids, folder)
            wait_gone(all_pids)
            took = (time.monotonic_ns() - begun) / 1000
            with open(family.logger(folder)[1]) as file:
                ended[family.name] = took, file.read().count("last words")
        except (Missing, OSError) as reason:
            ended[family.name] = str(reason)
    end_all()
    clear()
    return ended


def end_rows():
    took, kept = {}, {}
    for number in range(3 if QUICK else 15):
        families = LOGGERS[number % len(LOGGERS) :] + LOGGERS[: number % len(LOGGERS)]
        for index, (all_values, words) in enumerate(((took, 0), (kept, WORDS))):
            for name, one in end(families, words).items():
                if isinstance(one, str):
                    all_values[name] = one
                elif not isinstance(all_values.get(name), str):
                    all_values.setdefault(name, []).append(one[index])
    return [
        Row("TERM → all gone", "µs", took),
        Row(f"of {WORDS} last lines kept", "lines", kept, more_is_better=True, ratio=False),
    ]


def switches(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return sum(int(line.split()[1]) for line in file if "_ctxt_switches:" in line)
    except OSError:
        return 0


def command_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def idle_row():
    """A wake-up is a context switch of the supervisor or its logger, all of which rest at the same time."""
    running, failed = together(LOGGERS, True)
    more, missing = together([family for family in ALL if family not in LOGGERS])
    mine = {
        name: [pid for pid in pids if command_of(pid) != probe("cmd")]
        for name, (_, _, _, pids) in {**running, **more}.items()
    }
    time.sleep(2)
    seconds = 10 if QUICK else 60
    before = {name: sum(map(switches, pids)) for name, pids in mine.items()}
    time.sleep(seconds)
    values = {name: (sum(map(switches, pids)) - before[name]) * 60 / seconds for name, pids in mine.items()}
    end_all()
    clear()
    return Row("wake-ups of supervisor and logger at rest", "a minute", {**values, **failed, **missing}, ratio=False)


def rows():
    say("start")
    yield start_row()
    yield from count_rows()
    say("restart")
    yield restart_row()
    say("rest")
    yield idle_row()
    say("end")
    yield from end_rows()
