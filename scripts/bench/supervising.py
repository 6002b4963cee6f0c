"""Measures the start and the restart of a supervised command, and wake-ups of idle supervisors."""

import mmap
import os
import struct
import time

import counts
from common import QUICK, Unavailable, log, probe, remove_temp_dirs, temp_dir
from peer_families import ALL_FAMILIES, LOGGER_FAMILIES
from processes import descendants, executable_of, kill_all, spawn, wait_for
from table import Row, interleave, per_family

# tini does not restart its command.
RESTARTERS = [family for family in ALL_FAMILIES if family.name != "tini"]
IDLE_SECONDS = 6 if QUICK else 60
RESTART_SECONDS = 7 if QUICK else 90


class Timestamps:
    """The page that probe/launch.c and probe/cmd.c map, and write CLOCK_MONOTONIC times to.

    64-bit numbers: the time of the launch, the number of times that follow, and these.
    """

    CAPACITY = 510

    def __init__(self, folder):
        self.path = f"{folder}/page"
        with open(self.path, "wb") as file:
            file.truncate(4096)
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)

    def launch(self):
        return struct.unpack_from("q", self.page)[0]

    def count(self):
        return min(struct.unpack_from("q", self.page, 8)[0], self.CAPACITY)

    def times(self):
        return struct.unpack_from(f"{self.count()}q", self.page, 16)

    def wait(self, count=1):
        wait_for("the command to start", lambda: self.count() >= count)


def measure_start(family):
    """Microseconds from the exec of a supervisor to the first instruction of its command."""
    folder = temp_dir()
    timestamps = Timestamps(folder)
    command = family.supervisor(folder, False)[0]
    spawn(
        [probe("launch"), timestamps.path, *command],
        env={**family.env, "BENCH_TIMES": timestamps.path},
    )
    timestamps.wait()
    return (timestamps.times()[0] - timestamps.launch()) / 1000


def start_row():
    values = interleave(20 if QUICK else 300, per_family(ALL_FAMILIES, measure_start))
    return Row("start: exec of the supervisor → first instruction of the command", "µs", values)


def trace(family, with_logger, events, env=None):
    """Traces a supervisor until its command has written this many times: of its starts and exits.

    Returns the folder of the service and the path of the trace.
    """
    folder = temp_dir()
    timestamps = Timestamps(folder)
    path = f"{folder}/strace"
    command = counts.strace_command(family.supervisor(folder, with_logger)[0], path)
    spawn(command, env={**family.env, "BENCH_TIMES": timestamps.path, **(env or {})})
    timestamps.wait(events)
    kill_all()
    return folder, path


def count_start(family, with_logger=False):
    folder, path = trace(family, with_logger, 1)
    command = "./run" if os.path.exists(f"{folder}/svc/run") else probe("cmd")
    loggers = ("dlog", "copy", "svlogd")
    return counts.calls_until_exec(path, command, loggers)


def count_restart(family):
    # Start, exit and second start.
    _, path = trace(family, False, 3, {"BENCH_RUN_MS": "1100"})
    return counts.calls_between_runs(path, probe("cmd"))


def count_rows():
    def with_logger(family):
        return count_start(family, True)

    # In these families a single process starts both the command and the logger.
    names = ("floor", "dmon", "runit", "busybox")
    single = [family for family in ALL_FAMILIES if family.name in names]
    unit = "system calls"
    starts = interleave(1, per_family(ALL_FAMILIES, count_start))
    yield Row("start, without a logger", unit, starts)
    logged = interleave(1, per_family(single, with_logger))
    yield Row("start, with a logger", unit, logged, in_readme=False)
    restarts = interleave(1, per_family(RESTARTERS, count_restart))
    yield Row("restart: exit of the command → exec of the next", unit, restarts)


class Running:
    """A family that `start_together` has started."""

    def __init__(self, timestamps, folder, started_pids, all_pids):
        self.timestamps, self.folder = timestamps, folder
        # The return value of `Family.start`, and these with their descendants.
        self.started_pids, self.all_pids = started_pids, all_pids


def start_together(families, with_logger=False, env=None):
    """Starts all of these families, so that they run at the same time.

    `env`: maps the index of a family to variables for its command. Returns the running families by
    name, and for each other one the reason.
    """
    running, failed = {}, {}
    for index, family in enumerate(families):
        before, folder = set(descendants()), temp_dir()
        timestamps = Timestamps(folder)
        variables = {"BENCH_TIMES": timestamps.path, **(env(index) if env else {})}
        try:
            pids = family.start(folder, with_logger, variables)
            timestamps.wait()
        except (Unavailable, OSError) as reason:
            failed[family.name] = str(reason)
            continue
        # The logger may start a little later than the command.
        time.sleep(0.2)
        all_pids = [pid for pid in descendants() if pid not in before]
        running[family.name] = Running(timestamps, folder, pids, all_pids)
    return running, failed


def restart_row():
    """Measures all families at the same time, because each run takes more than a second.

    Most supervisors delay the restart of a command that exits within a second. The durations
    differ a little, so that the restarts do not coincide.
    """
    running, values = start_together(
        RESTARTERS, env=lambda index: {"BENCH_RUN_MS": str(1100 + 13 * index)}
    )
    time.sleep(RESTART_SECONDS)
    for name, family in running.items():
        # Start, exit, start, exit, …
        times = family.timestamps.times()
        delays = [(start - end) / 1000 for end, start in zip(times[1::2], times[2::2])]
        values[name] = delays or "does not restart"
    kill_all()
    remove_temp_dirs()
    label = "restart: exit of the command → first instruction of the next"
    return Row(label, "µs", values, use_median=True)


def context_switches(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return sum(int(line.split()[1]) for line in file if "_ctxt_switches:" in line)
    except OSError:
        return 0


def idle_row():
    """Counts the context switches of all supervisors and loggers while they are idle."""
    others = [family for family in ALL_FAMILIES if family not in LOGGER_FAMILIES]
    with_logger, failed = start_together(LOGGER_FAMILIES, True)
    without_logger, also_failed = start_together(others)
    pids = {
        name: [pid for pid in family.all_pids if executable_of(pid) != probe("cmd")]
        for name, family in {**with_logger, **without_logger}.items()
    }

    def switches():
        return {name: sum(map(context_switches, own)) for name, own in pids.items()}

    time.sleep(2)
    before = switches()
    time.sleep(IDLE_SECONDS)
    after = switches()
    values = {name: (after[name] - before[name]) * 60 / IDLE_SECONDS for name in pids}
    kill_all()
    remove_temp_dirs()
    label = "idle: wake-ups of supervisor and logger"
    return Row(label, "per minute", {**values, **failed, **also_failed}, has_ratio=False)


def rows():
    log("start")
    yield start_row()
    yield from count_rows()
    log("restart")
    yield restart_row()
    log("idle")
    yield idle_row()
