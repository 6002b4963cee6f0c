"""Measures the shutdown of a supervised command: how long it takes, and whether lines are lost."""

import time

from common import QUICK, Unavailable, log, remove_temp_dirs
from peer_families import LOGGER_FAMILIES
from processes import kill_all, wait_exited
from supervising import start_together
from table import Row

FINAL_LINES = 1000
ROUNDS = 2 if QUICK else 15


def measure(families, final_lines):
    """Starts and then stops each family; the command writes `final_lines` lines on SIGTERM.

    Returns for each family the microseconds from the request until all processes have exited, and
    the number of final lines in the log; or the reason why there are none.
    """
    env = {"BENCH_FINAL_LINES": str(final_lines)}
    running, results = start_together(families, True, lambda _: env)
    # Some supervisors do not stop before their command has run for a second.
    time.sleep(1.2)
    for family in families:
        if family.name not in running:
            continue
        one = running[family.name]
        requested = time.monotonic_ns()
        try:
            family.stop(one.started_pids, one.folder)
            wait_exited(one.all_pids)
            microseconds = (time.monotonic_ns() - requested) / 1000
            with open(family.logger(one.folder)[1]) as file:
                results[family.name] = microseconds, file.read().count("final line")
        except (Unavailable, OSError) as reason:
            results[family.name] = str(reason)
    kill_all()
    remove_temp_dirs()
    return results


def rows():
    log("shutdown")
    durations, lines_kept = {}, {}
    for number in range(ROUNDS):
        first = number % len(LOGGER_FAMILIES)
        families = LOGGER_FAMILIES[first:] + LOGGER_FAMILIES[:first]
        for column, (values, final_lines) in enumerate(((durations, 0), (lines_kept, FINAL_LINES))):
            for name, result in measure(families, final_lines).items():
                if isinstance(result, str):
                    values[name] = result
                elif not isinstance(values.get(name), str):
                    values.setdefault(name, []).append(result[column])
    yield Row("shutdown: SIGTERM → exit of all processes", "µs", durations)
    label = f"lines kept of {FINAL_LINES} that the command writes on SIGTERM"
    yield Row(label, "lines", lines_kept, more_is_better=True, has_ratio=False)
