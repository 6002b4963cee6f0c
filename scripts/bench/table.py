"""Rounds, medians, and the rows of the benchmark as Markdown: in full, and short for the README."""

import functools
import statistics
import time

from common import Missing, clear
from processes import end_all

FAMILIES = [
    "floor",
    "dmon",
    "runit",
    "s6",
    "daemontools",
    "busybox",
    "OpenRC",
    "tini",
    "supervisord",
    "util-linux",
]


# What takes longer in all is measured no more than FEW times.
PATIENCE = 3
FEW = 3


def rounds(count, measures):
    """Each of `measures` (a name and a function of no arguments) `count` times, in turn and each
    time with another one first, so that whatever else the machine does meets all of them. Gives for
    each name the list of values, or why there are none."""
    values = {name: [] for name in measures}
    took = dict.fromkeys(measures, 0)
    names = list(measures)
    for number in range(count):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            if isinstance(values[name], str) or (number >= FEW and took[name] > PATIENCE):
                continue
            begun = time.monotonic()
            try:
                values[name].append(measures[name]())
            except (Missing, OSError) as reason:
                values[name] = str(reason)
            finally:
                took[name] += time.monotonic() - begun
                end_all()
                clear()
    return values


def each(families, measure):
    """For `rounds`: this measure of each of these families."""
    return {family.name: functools.partial(measure, family) for family in families}


def middle(values):
    return statistics.median(values) if isinstance(values, list) else values


def number(value):
    if isinstance(value, str):
        return "–" if value == "" else value
    if value == 0:
        return "0"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


class Row:
    """One thing that was measured. `values` has for each family a number, a list of them, or why
    there is none. `more_is_better` tells which peer is the best; `floor` whether a ratio to it
    makes sense."""

    def __init__(self, what, unit, values, more_is_better=False, ratio=True, short=True):
        self.what, self.unit = what, unit
        self.more_is_better, self.ratio, self.short = more_is_better, ratio, short
        self.values = {
            name: value if isinstance(value, (str, list)) else [value]
            for name, value in values.items()
        }
        self.middles = {name: middle(value) for name, value in values.items()}

    def best(self):
        """The figure of the best peer."""
        peers = [
            value
            for name, value in self.middles.items()
            if name not in ("floor", "dmon") and not isinstance(value, str)
        ]
        return (max if self.more_is_better else min)(peers, default=None)

    def least(self, name):
        """The best of a family's figures, which a machine that does other things as well changes
        least."""
        value = self.values.get(name, "")
        return value if isinstance(value, str) else (max if self.more_is_better else min)(value)

    def share(self, ours, other):
        """What ours costs, by what another does: less is better."""
        if (
            not self.ratio
            or not ours
            or isinstance(ours, str)
            or not other
            or isinstance(other, str)
        ):
            return "–"
        return f"{other / ours if self.more_is_better else ours / other:.2f}"

    def cells(self, full):
        for name in FAMILIES:
            value = self.values.get(name, "")
            if full and isinstance(value, list) and len(value) > 1:
                yield f"{number(self.middles[name])} ({number(min(value))}–{number(max(value))})"
            elif not full and isinstance(value, str):
                yield "–"
            else:
                yield number(self.middles.get(name, ""))


def markdown(rows, full):
    """The table; in short form without what is nobody's but ours, and without least and most."""
    rows = [row for row in rows if full or row.short]
    seen = [
        name
        for name in FAMILIES
        if full or any(not isinstance(row.middles.get(name, ""), str) for row in rows)
    ]
    ratios = ["÷ floor", "÷ best peer"] + ["÷ floor, best of each"] * full
    lines = ["| | " + " | ".join(seen + ratios) + " |", "| --- |" + " ---: |" * len(seen + ratios)]
    for row in rows:
        cells = dict(zip(FAMILIES, row.cells(full), strict=True))
        cells["dmon"] = f"**{cells['dmon']}**"
        line = [f"{row.what}, {row.unit}", *(cells[name] for name in seen)]
        line += [
            row.share(row.middles.get("dmon"), other)
            for other in (row.middles.get("floor"), row.best())
        ]
        line += [row.share(row.least("dmon"), row.least("floor"))] * full
        lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines) + "\n"
