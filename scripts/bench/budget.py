"""Compares exact counts with the limits in the file `budget`. `make budget` calls it.

    scripts/bench/run DMON budget.py [--set]

Prints one line for each count. Exits with 1 if a count is above its limit. A count is skipped if
its tool is missing. --set replaces the limits with the counts.
"""

import ctypes
import os
import re
import socket
import sys
import time

from common import HERE, Unavailable, compile_programs, probe, remove_temp_dirs, temp_dir
from counts import count_instructions, count_syscalls, per_line, write_lines
from memory import pss_and_dirty
from peer_families import BIN_DIR, DMON, Dmon
from processes import children, executable_of, kill_all
from supervising import Timestamps, count_restart, count_start

BUDGET = f"{HERE}/budget"
BUDGET_LINE = re.compile(r"^([a-z0-9_.]+) +(\d+)  (.*)$", re.M)
# personality(2): load everything at fixed addresses, so that each run counts the same.
ADDR_NO_RANDOMIZE = 0x0040000
# A time of day or a PID with more digits costs a few instructions. Accept 1/TOLERANCE more.
TOLERANCE = 200

# A value above its limit is counted this many times.
ATTEMPTS = 3
# drlog.rotation.calls: the size of its input.
ROTATION_LINES = 20_000


def count_logger(count, name, *options):
    """Counts the cost of 1000 lines for dlog or drlog."""
    folder = temp_dir()
    os.mkdir(f"{folder}/log")
    target = f"{folder}/log" if name == "drlog" else f"{folder}/log/file"
    return round(1000 * per_line(count, [f"{BIN_DIR}/{name}", *options, target], folder))


def count_rotation():
    """Counts the calls of one rotation: the difference of two drlogs, one of which rotates.

    If a batch of lines does not fit into the file, its rest is written to the next one. This write
    counts as well.
    """
    folder = temp_dir()
    lines = write_lines(f"{folder}/in", ROTATION_LINES)
    calls = []
    for size in ("100k", "100M"):
        os.mkdir(f"{folder}/{size}")
        command = [f"{BIN_DIR}/drlog", "-m", "3", "-s", size, f"{folder}/{size}"]
        calls.append(count_syscalls(command, lines))
    rotations = ROTATION_LINES * 100 // (100 << 10)
    return round((calls[0] - calls[1]) / rotations)


def count_dsyslog(count):
    """Counts the cost of 1000 lines for dsyslog.

    Nothing reads from the UDP port. The kernel accepts and drops the messages, so that the size of
    the batches does not depend on the timing of a reader.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        address = f"udp:127.0.0.1:{receiver.getsockname()[1]}"
        command = [f"{BIN_DIR}/dsyslog", "--to", address, "name"]
        return round(1000 * per_line(count, command, temp_dir()))


def idle_dirty(with_logger):
    """Private dirty memory of an idle dmon, and of its logger, in KiB."""
    folder = temp_dir()
    timestamps = Timestamps(folder)
    pid = Dmon().start(folder, with_logger, {"BENCH_TIMES": timestamps.path})[0]
    timestamps.wait()
    time.sleep(0.2)
    logger = [child for child in children(pid) if executable_of(child) != probe("cmd")]
    return sum(pss_and_dirty(one)[1] for one in [pid, *logger])


COUNTS = {
    "start.calls": lambda: count_start(Dmon()),
    "start.logged.calls": lambda: count_start(Dmon(), True),
    "start.instructions": lambda: count_instructions([DMON, "-n", "-1", "/bin/true"]),
    "restart.calls": lambda: count_restart(Dmon()),
    "idle.dirty": lambda: idle_dirty(False),
    "idle.logged.dirty": lambda: idle_dirty(True),
    "dlog.start.instructions": lambda: count_instructions([f"{BIN_DIR}/dlog", f"{temp_dir()}/log"]),
    "dlog.calls": lambda: count_logger(count_syscalls, "dlog"),
    "dlog.instructions": lambda: count_logger(count_instructions, "dlog"),
    "dlog.stamped.calls": lambda: count_logger(count_syscalls, "dlog", "-t"),
    "dlog.stamped.instructions": lambda: count_logger(count_instructions, "dlog", "-t"),
    "drlog.instructions": lambda: count_logger(count_instructions, "drlog", "-s", "100M"),
    "drlog.rotation.calls": count_rotation,
    "dsyslog.calls": lambda: count_dsyslog(count_syscalls),
    "dsyslog.instructions": lambda: count_dsyslog(count_instructions),
}


def main():
    if os.uname().machine != "x86_64":
        print("budget: skipped: the limits are for x86-64")
        return
    with open(BUDGET) as file:
        text = file.read()
    compile_programs()
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)
    counted, is_over = {}, False
    for name, limit, meaning in BUDGET_LINE.findall(text):
        # scripts/check-binary checks the sizes.
        if name.startswith("size"):
            continue
        limit = int(limit)
        accepted = limit + limit // TOLERANCE
        try:
            # drlog looks at its directory once a second: on a busy machine, more often for the same lines.
            for _ in range(ATTEMPTS):
                counted[name] = COUNTS[name]()
                if counted[name] <= accepted:
                    break
        except Unavailable as reason:
            print(f"budget: skipped: {name}: {reason}", flush=True)
            continue
        finally:
            kill_all()
            remove_temp_dirs()
        print(f"budget: {name}: {counted[name]} of {limit}", flush=True)
        if counted[name] > accepted:
            is_over = True
            print(
                f"budget: {name} is {counted[name]}, the limit is {limit}: {meaning}",
                file=sys.stderr,
            )
    if "--set" in sys.argv:
        with open(BUDGET, "w") as file:
            file.write(BUDGET_LINE.sub(lambda line: budget_line(counted, *line.groups()), text))
    elif is_over:
        sys.exit(1)


def budget_line(counted, name, limit, meaning):
    return f"{name:26} {counted.get(name, limit):>7}  {meaning}"


if __name__ == "__main__":
    main()
