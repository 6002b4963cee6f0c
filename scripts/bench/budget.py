"""Checks what can be counted exactly against the file `budget`: `make budget`. Started by
scripts/bench/run.

Prints a line for each count. Ends with 1, and a line on stderr for each, if there are counts above
their limit. What cannot be counted because a tool is missing is named as skipped. With --set the
limits become what was counted.
"""

import ctypes
import os
import re
import socket
import sys
import time

import counts
from common import HERE, Missing, clear, compile_programs, place, probe
from families import ALL, BESIDE, DMON
from memory import rolled_up
from processes import children, end_all
from supervising import Seen, count_restart, count_start

BUDGET = f"{HERE}/budget"
LINE = re.compile(r"^([a-z0-9_.]+) +(\d+)  (.*)$", re.M)
# Beginning of all addresses at the same place in each run (personality(2)).
ADDR_NO_RANDOMIZE = 0x0040000
# The second of the day and the number of a process may cost a few instructions among many: one in
# so many.
GRACE = 200
# As few as a difference can be seen with.
LINES = (1000, 11000)


def dmon():
    return next(family for family in ALL if family.name == "dmon")


def thousand(count, words, folder):
    """For 1000 lines, rounded to the nearest."""
    return round(1000 * counts.per_line(count, words, folder, *LINES))


def logger(name, *options):
    """`count`s a logger, in a folder of its own."""

    def counted(count):
        folder = place()
        os.mkdir(f"{folder}/log")
        to = f"{folder}/log" if name == "drlog" else f"{folder}/log/file"
        return thousand(count, [f"{BESIDE}/{name}", *options, to], folder)

    return counted


def rotation():
    """The calls of a drlog that rotates, less those of one that does not."""
    folder = place()
    text = counts.lines_file(f"{folder}/in", 20_000)
    spent = []
    for size in ("100k", "100M"):
        os.mkdir(f"{folder}/{size}")
        spent.append(
            counts.summary([f"{BESIDE}/drlog", "-m", "3", "-s", size, f"{folder}/{size}"], text)
        )
    # What remains unwritten of a batch is written to the new file: this call is one of the
    # rotation's, too.
    return round((spent[0] - spent[1]) / (20_000 * 100 // 102_400))


def syslog(count):
    """To a port where nobody reads: the kernel takes all and drops it, so that no batch depends on
    the time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        to = f"udp:127.0.0.1:{receiver.getsockname()[1]}"
        return thousand(count, [f"{BESIDE}/dsyslog", "--to", to, "name"], place())


def dirty(logged):
    folder = place()
    seen = Seen(folder)
    pid = dmon().start(folder, logged, {"BENCH_OUT": seen.path})[0]
    seen.wait()
    time.sleep(0.2)
    own = [one for one in children(pid) if os.readlink(f"/proc/{one}/exe") != probe("cmd")]
    return sum(rolled_up(one)[1] for one in [pid, *own])


COUNTS = {
    "start.calls": lambda: count_start(dmon()),
    "start.logged.calls": lambda: count_start(dmon(), True),
    "start.instructions": lambda: counts.instructions([DMON, "-n", "-1", "/bin/true"]),
    "restart.calls": lambda: count_restart(dmon()),
    "idle.dirty": lambda: dirty(False),
    "idle.logged.dirty": lambda: dirty(True),
    "dlog.start.instructions": lambda: counts.instructions([f"{BESIDE}/dlog", f"{place()}/log"]),
    "dlog.calls": lambda: logger("dlog")(counts.summary),
    "dlog.instructions": lambda: logger("dlog")(counts.instructions),
    "dlog.stamped.calls": lambda: logger("dlog", "-t")(counts.summary),
    "dlog.stamped.instructions": lambda: logger("dlog", "-t")(counts.instructions),
    "drlog.instructions": lambda: logger("drlog", "-s", "100M")(counts.instructions),
    "drlog.rotation.calls": rotation,
    "dsyslog.calls": lambda: syslog(counts.summary),
    "dsyslog.instructions": lambda: syslog(counts.instructions),
}


def main():
    with open(BUDGET) as file:
        text = file.read()
    if os.uname().machine != "x86_64":
        print("budget: skipped: the limits are those of x86-64")
        return
    compile_programs()
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)
    counted, over = {}, False
    for name, limit, meaning in LINE.findall(text):
        if name.startswith("size"):
            continue
        try:
            counted[name] = COUNTS[name]()
        except Missing as reason:
            print(f"budget: skipped: {name}: {reason}", flush=True)
            continue
        finally:
            end_all()
            clear()
        limit = int(limit)
        print(f"budget: {name}: {counted[name]} of {limit}", flush=True)
        if counted[name] > limit + limit // GRACE:
            over = True
            print(
                f"budget: {name} is {counted[name]}, the limit is {limit}: {meaning}",
                file=sys.stderr,
            )
    if "--set" in sys.argv:
        with open(BUDGET, "w") as file:
            file.write(LINE.sub(lambda line: line_with(counted, *line.groups()), text))
    elif over:
        sys.exit(1)


def line_with(counted, name, limit, meaning):
    return f"{name:26} {counted.get(name, limit):>7}  {meaning}"


if __name__ == "__main__":
    main()
