"""Measures how the cost scales with the number of services and lines and the length of a line.

    scripts/bench/run DMON scaling.py [--draw]

Prints the tables and draws scaling.svg. With --draw it draws the last measurement again
(target/bench/scaling.json). bench.py runs this as well.
"""

import functools
import json
import sys
import time

from common import HERE, OUTPUT, QUICK, Unavailable, log, remove_temp_dirs
from loggers import nanoseconds
from memory import MemoryCgroup, pss_and_dirty, start_many, supervisors_and_loggers
from peer_families import Dmon, Floor
from processes import kill_all
from supervising import context_switches
from table import interleave

RESULTS = f"{OUTPUT}/scaling.json"
SERVICES = (1, 10, 100) if QUICK else (1, 10, 100, 1000)
LINES = [10**power for power in range(0, 6 if QUICK else 8)]
LENGTHS = [1 << power for power in range(0, 25 if QUICK else 29, 4)]
# Total size of the lines of one length. A longer line is written once.
TOTAL_BYTES = 1 << (22 if QUICK else 26)
IDLE_SECONDS = 2 if QUICK else 30
ROUNDS = 3 if QUICK else 5
LOGGERS = {"copy": (Floor(), False), "dlog": (Dmon(), False), "dlog -t": (Dmon(), True)}


def measure_services(count):
    """Seconds until all commands run, memory in MB, and wake-ups while all are idle."""
    with MemoryCgroup() as cgroup:
        try:
            kernel_before = cgroup.kernel_memory()
            seconds = start_many(Dmon(), count)
            time.sleep(1 if QUICK else 2)
            pids = supervisors_and_loggers()
            switches_before = sum(map(context_switches, pids))
            time.sleep(IDLE_SECONDS)
            wakeups = sum(map(context_switches, pids)) - switches_before
            pss = sum(pss_and_dirty(pid)[0] for pid in pids) / 1024
            kernel = None
            if kernel_before is not None:
                kernel = (cgroup.kernel_memory() - kernel_before) / 1024
            return {"start": seconds, "memory": pss, "kernel": kernel, "wakeups": wakeups}
        finally:
            kill_all()
            remove_temp_dirs()


def measure_loggers(feed):
    """The minimum of the nanoseconds for each logger: other load on the machine only adds to it."""
    values = interleave(
        ROUNDS,
        {
            name: functools.partial(nanoseconds, family, feed, timestamps)
            for name, (family, timestamps) in LOGGERS.items()
        },
    )
    for name, value in values.items():
        if isinstance(value, str):
            raise Unavailable(f"{name}: {value}")
    return {name: min(value) for name, value in values.items()}


def measure():
    results = {
        "services": {count: measure_services(count) for count in SERVICES},
        "lines": {name: {} for name in LOGGERS},
        "lengths": {name: {} for name in LOGGERS},
    }
    for count in LINES:
        for name, duration in measure_loggers(["bulk", count * 100, 100]).items():
            results["lines"][name][count] = duration / 1e9
    for length in LENGTHS:
        size = max(TOTAL_BYTES, length + 1)
        for name, duration in measure_loggers(["bulk", size, length + 1]).items():
            results["lengths"][name][length] = duration / size
    return results


def draw(results):
    """Draws the picture with matplotlib (Debian: python3-matplotlib)."""
    try:
        import matplotlib
    except ImportError:
        raise Unavailable("no picture: python3-matplotlib is missing") from None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "scaling", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")

    def plot(axes, x, y, label):
        axes.plot([int(value) for value in x], list(y), "o-", ms=3, label=label)

    services = results["services"]
    for key, label in (
        ("memory", "memory (PSS), MB"),
        ("kernel", "kernel memory, MB"),
        ("start", "start of all services, s"),
    ):
        values = [one[key] for one in services.values()]
        if None not in values:
            plot(left, services, values, label)
    for name, values in results["lines"].items():
        plot(middle, values, values.values(), name)
    for name, values in results["lengths"].items():
        plot(right, values, values.values(), name)
    left.set(title="services", xlabel="services, each with a dlog")
    middle.set(title="number of lines", xlabel="lines of 100 bytes", ylabel="s")
    right.set(title="length of a line", xlabel="bytes per line", ylabel="ns per byte")
    for axes in (left, middle, right):
        axes.set(xscale="log", yscale="log")
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
    right.set(ylim=(0.1, 100))
    path = f"{OUTPUT if QUICK else HERE}/scaling.svg"
    figure.savefig(path, metadata={"Date": None})
    log(f"created {path}")


def tables(results):
    """The results as Markdown, for target/bench/table.md."""
    heads = ["services", "start of all, s", "PSS, MB", "kernel memory, MB"]
    heads.append(f"wake-ups in {IDLE_SECONDS} s")
    lines = ["| " + " | ".join(heads) + " |", "|" + " ---: |" * len(heads)]
    for count, one in results["services"].items():
        kernel = "–" if one["kernel"] is None else f"{one['kernel']:.2f}"
        lines.append(
            f"| {count} | {one['start']:.3f} | {one['memory']:.2f} | {kernel} | {one['wakeups']} |"
        )
    for key, x_label, unit in (
        ("lines", "lines of 100 bytes", "s"),
        ("lengths", "bytes per line", "ns per byte"),
    ):
        series = results[key]
        heads = [x_label, *(f"{name}, {unit}" for name in series)]
        lines += ["", "| " + " | ".join(heads) + " |", "|" + " ---: |" * len(heads)]
        for x in next(iter(series.values())):
            cells = [str(x), *(f"{values[x]:.3g}" for values in series.values())]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def run():
    """Measures, saves and draws; returns the tables."""
    log("scaling")
    try:
        results = measure()
    except Unavailable as reason:
        return f"Scaling could not be measured: {reason}\n"
    with open(RESULTS, "w") as file:
        json.dump(results, file, indent=1)
    try:
        draw(results)
    except Unavailable as reason:
        log(str(reason))
    return tables(results)


if __name__ == "__main__":
    if "--draw" in sys.argv:
        with open(RESULTS) as saved:
            draw(json.load(saved))
    else:
        print(run())
