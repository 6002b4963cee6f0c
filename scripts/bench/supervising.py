"""Start and restart of a supervised command."""

import mmap
import os
import struct
import time

import counts
from common import QUICK, Missing, clear, place, probe, say
from families import ALL
from processes import descendants, end_all, spawn, wait_for
from table import Row, each, rounds

RESTARTERS = [family for family in ALL if family.name != "tini"]


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
    values = rounds(20 if QUICK else 300, each(ALL, start))
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
    def logged(family):
        return count_start(family, True)

    # Those with one process that starts both.
    both = [family for family in ALL if family.name in ("floor", "dmon", "runit", "busybox")]
    calls = "system calls"
    yield Row("the same, without a logger", calls, rounds(1, each(ALL, count_start)))
    yield Row("the same, with a logger", calls, rounds(1, each(both, logged)), short=False)
    restarts = rounds(1, each(RESTARTERS, count_restart))
    yield Row("the command dies → the next begins", calls, restarts)


def together(families, logged=False, env=None):
    """Starts all of these at the same time. Gives for each what its command has seen, its folder,
    what we have started and all processes that it consists of; and why a family is not there."""
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
        running[family.name] = (
            seen,
            folder,
            pids,
            [pid for pid in descendants() if pid not in before],
        )
    return running, failed


def restart_row():
    """All at the same time, since each run has to last longer than the second that everybody waits
    between two starts of a command that dies at once. Their lives differ a little, so that they do
    not meet."""
    running, failed = together(
        RESTARTERS, env=lambda number: {"BENCH_LIFE": str(1100 + 13 * number)}
    )
    time.sleep(7 if QUICK else 90)
    values = {}
    for name, (seen, *_) in running.items():
        times = seen.times()
        values[name] = [(begin - end) / 1000 for end, begin in zip(times[1::2], times[2::2])]
        if not values[name]:
            failed[name] = "is not restarted"
    end_all()
    clear()
    values |= failed
    return Row("the command dies → the next one's first instruction", "µs", values, asleep=True)


def command_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def rows():
    say("start")
    yield start_row()
    yield from count_rows()
    say("restart")
    yield restart_row()
