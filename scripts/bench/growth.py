"""How the cost grows with the number of services, the number of lines and the length of a line.
Draws growth.svg.

    scripts/bench/run DMON growth.py [--draw]

measures and draws, or draws what was measured last (target/bench/growth.json). bench.py calls it,
too.
"""

import json
import sys
import time

from common import HERE, OUTPUT, QUICK, Missing, clear, say
from copying import through
from ending import switches
from families import Dmon, Floor
from memory import Cgroup, rolled_up, start_many, supervisors
from processes import end_all
from table import rounds

KEPT = f"{OUTPUT}/growth.json"
SERVICES = (1, 10, 100) if QUICK else (1, 10, 100, 1000)
LINES = [10**power for power in range(0, 6 if QUICK else 8)]
LENGTHS = [1 << power for power in range(0, 25 if QUICK else 29, 4)]
# As many lines as make so much; a line that is longer comes alone.
AMOUNT = 1 << (22 if QUICK else 26)
SECONDS = 2 if QUICK else 30
TIMES = 3 if QUICK else 5


def services(count):
    """Seconds until all run, MB of memory, MB of the kernel's, and wake-ups while they rest."""
    with Cgroup() as cgroup:
        try:
            before = cgroup.used() if cgroup.folder else 0
            took = start_many(Dmon(), count)
            time.sleep(1 if QUICK else 2)
            pids = supervisors()
            woken = sum(map(switches, pids))
            time.sleep(SECONDS)
            woken = sum(map(switches, pids)) - woken
            shared = sum(rolled_up(pid)[0] for pid in pids) / 1024
            kernel = (cgroup.used() - before) / 1024 if cgroup.folder else None
            return {"start": took, "memory": shared, "kernel": kernel, "woken": woken}
        finally:
            end_all()
            clear()


def measure():
    found = {"services": {count: services(count) for count in SERVICES}, "lines": {}, "lengths": {}}
    loggers = (("copy", Floor(), False), ("dlog", Dmon(), False), ("dlog -t", Dmon(), True))

    def seconds(key, name, feed, per):
        """The least of some: whatever else the machine does only adds to it."""
        for logger, value in rounds(
            TIMES,
            {
                one: lambda of=of, stamped=stamped: through(of, feed, stamped) / per
                for one, of, stamped in loggers
            },
        ).items():
            if isinstance(value, str):
                raise Missing(f"{logger}: {value}")
            found[key].setdefault(logger, {})[name] = min(value)

    for count in LINES:
        seconds("lines", count, ["bulk", count * 100, 100], 1e9)
    for length in LENGTHS:
        amount = max(AMOUNT, length + 1)
        seconds("lengths", length, ["bulk", amount, length + 1], amount)
    return found


def draw(found):
    """With Debian's python3-matplotlib, which /usr/bin/python3 finds."""
    try:
        import matplotlib
    except ImportError:
        raise Missing("no picture: python3-matplotlib is not here") from None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    picture, (left, middle, right) = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    counts = [int(count) for count in found["services"]]
    for name, key in (
        ("share of memory (PSS), MB", "memory"),
        ("memory of the kernel, MB", "kernel"),
        ("start of all, s", "start"),
    ):
        values = [one[key] for one in found["services"].values()]
        if None not in values:
            left.plot(counts, values, "o-", ms=3, label=name)
    left.set(xlabel="services, each with a dlog", title="services")
    for name, values in found["lines"].items():
        middle.plot([int(count) for count in values], list(values.values()), "o-", ms=3, label=name)
    middle.set(xlabel="lines of 100 bytes", ylabel="s", title="number of lines")
    for name, values in found["lengths"].items():
        right.plot(
            [int(length) for length in values], list(values.values()), "o-", ms=3, label=name
        )
    right.set(xlabel="bytes in a line", ylabel="ns a byte", title="length of a line")
    for part in (left, middle, right):
        part.set(xscale="log", yscale="log")
        part.minorticks_off()
        part.grid(alpha=0.3)
        part.legend(frameon=False, fontsize=8)
    right.set(ylim=(0.1, 100))
    path = f"{HERE}/growth.svg" if not QUICK else f"{OUTPUT}/growth.svg"
    picture.savefig(path, metadata={"Date": None})
    say(f"drawn: {path}")


def text(found):
    """What was measured, for target/bench."""
    lines = [
        "| services | start of all, s | PSS, MB | kernel, MB | wake-ups in " + f"{SECONDS} s |",
        "| ---: |" + " ---: |" * 4,
    ]
    for count, one in found["services"].items():
        kernel = "–" if one["kernel"] is None else f"{one['kernel']:.2f}"
        lines.append(
            f"| {count} | {one['start']:.3f} | {one['memory']:.2f} | {kernel} | {one['woken']} |"
        )
    for key, title, unit in (
        ("lines", "lines of 100 bytes", "s"),
        ("lengths", "bytes in a line", "ns a byte"),
    ):
        names = list(found[key])
        lines += [
            "",
            f"| {title} | " + " | ".join(f"{name}, {unit}" for name in names) + " |",
            "| ---: |" + " ---: |" * len(names),
        ]
        for count in found[key][names[0]]:
            lines.append(
                f"| {count} | "
                + " | ".join(f"{found[key][name][count]:.3g}" for name in names)
                + " |"
            )
    return "\n".join(lines) + "\n"


def run():
    """Measures, keeps, draws; gives the text."""
    say("growth")
    try:
        found = measure()
    except Missing as reason:
        return f"The growth could not be measured: {reason}\n"
    with open(KEPT, "w") as file:
        json.dump(found, file, indent=1)
    try:
        draw(found)
    except Missing as reason:
        say(str(reason))
    return text(found)


if __name__ == "__main__":
    if "--draw" in sys.argv:
        with open(KEPT) as kept:
            draw(json.load(kept))
    else:
        print(run())
