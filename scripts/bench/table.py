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
    if value == 0:
        return "0"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


class Row:
    """One thing that was measured. `values` has for each family a number, a list of them, or why
    there is none; `ratio` tells whether ours by theirs makes sense, `short` whether it is for the
    README, `asleep` that it begins with a machine that sleeps: how soon that wakes is a matter of
    luck, and the middle is what counts."""

    def __init__(
        self, what, unit, values, more_is_better=False, ratio=True, short=True, asleep=False
    ):
        self.what, self.unit = what, unit
        self.more_is_better, self.ratio, self.short = more_is_better, ratio, short
        self.best_of = max if more_is_better else min
        self.values = {
            name: value if isinstance(value, (str, list)) else [value]
            for name, value in values.items()
        }
        self.middles = {name: middle(value) for name, value in self.values.items()}
        # What a machine that does other things as well changes least.
        self.bests = {
            name: value if isinstance(value, str) or asleep else self.best_of(value)
            for name, value in (self.middles if asleep else self.values).items()
        }

    def shares(self, figures):
        """What ours costs by what the floor and the best peer cost: less is better."""
        known = {name: one for name, one in figures.items() if not isinstance(one, str)}
        ours, least = known.pop("dmon", None), known.pop("floor", None)
        for other in (least, self.best_of(known.values(), default=None)):
            if not self.ratio or not ours or not other:
                yield "–"
            else:
                yield f"{other / ours if self.more_is_better else ours / other:.2f}"

    def is_plausible(self):
        """Nothing is quicker than the floor, if not by a little; else the machine was too busy."""
        floor, ours = self.bests.get("floor"), self.bests.get("dmon")
        if (
            not self.ratio
            or isinstance(floor, str)
            or isinstance(ours, str)
            or not (floor and ours)
        ):
            return True
        return (floor / ours if self.more_is_better else ours / floor) > 0.95

    def cells(self, full):
        for name in FAMILIES:
            value = self.values.get(name, "")
            if isinstance(value, str):
                yield value if full and value else "–"
            elif full and len(value) > 1:
                yield f"{number(self.middles[name])} ({number(min(value))}–{number(max(value))})"
            else:
                yield number(self.bests[name])


def markdown(rows, full):
    """The table: in full the middle, the least and the most; in short the best of each, of what is
    not ours alone."""
    rows = [row for row in rows if full or row.short]
    seen = [
        name
        for name in FAMILIES
        if full or any(isinstance(row.values.get(name), list) for row in rows)
    ]
    ratios = ["÷ floor", "÷ best peer"]
    if full:
        ratios += ["÷ floor, best of each", "÷ best peer, best of each"]
    lines = ["| | " + " | ".join(seen + ratios) + " |", "| --- |" + " ---: |" * len(seen + ratios)]
    for row in rows:
        cells = dict(zip(FAMILIES, row.cells(full), strict=True))
        cells["dmon"] = f"**{cells['dmon']}**"
        line = [f"{row.what}, {row.unit}", *(cells[name] for name in seen)]
        line += [*(row.shares(row.middles) if full else []), *row.shares(row.bests)]
        lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines) + "\n"
