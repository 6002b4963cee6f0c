"""Repeats measurements, and prints the results as Markdown: in full, or shorter for the README."""

import functools
import statistics
import time

from common import Unavailable, remove_temp_dirs
from processes import kill_all

COLUMNS = [
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

# A measurement that has taken more than SLOW_SECONDS in total is repeated at most SLOW_ROUNDS
# times.
SLOW_SECONDS = 3
SLOW_ROUNDS = 3

# The floor is a lower bound, except for noise. A dmon that seems faster than this share of the
# floor means that other processes disturbed the measurement.
MIN_PLAUSIBLE_RATIO = 0.95


def interleave(rounds, measures):
    """Calls each function in `measures` once per round, for `rounds` rounds.

    Each round starts with another one, so that other load on the machine affects all of them alike.
    Returns for each name the list of its values, or the reason why there are none.
    """
    values = {name: [] for name in measures}
    seconds = dict.fromkeys(measures, 0)
    names = list(measures)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            is_slow = number >= SLOW_ROUNDS and seconds[name] > SLOW_SECONDS
            if is_slow or isinstance(values[name], str):
                continue
            started = time.monotonic()
            try:
                values[name].append(measures[name]())
            except (Unavailable, OSError) as reason:
                values[name] = str(reason)
            finally:
                seconds[name] += time.monotonic() - started
                kill_all()
                remove_temp_dirs()
    return values


def per_family(families, measure):
    """The argument of `interleave` that applies `measure` to each of the families."""
    return {family.name: functools.partial(measure, family) for family in families}


def format_number(value):
    if value == 0:
        return "0"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def ratio(ours, theirs, more_is_better):
    """The cost of dmon relative to another program; below 1, dmon is better."""
    return theirs / ours if more_is_better else ours / theirs


class Row:
    """One row of the table.

    `values` maps the name of a family to a number, a list of numbers, or a string with the reason
    why there are none.
    `has_ratio`: dividing our value by a peer's makes sense.
    `in_readme`: the row is in the short table as well.
    `use_median`: the short table shows the median, not the best value. This is for measurements
    that start on a sleeping machine, where the best value depends on how soon a CPU wakes up.
    """

    def __init__(
        self,
        label,
        unit,
        values,
        more_is_better=False,
        has_ratio=True,
        in_readme=True,
        use_median=False,
    ):
        self.label, self.unit = label, unit
        self.more_is_better, self.has_ratio = more_is_better, has_ratio
        self.in_readme, self.use_median = in_readme, use_median
        # Either a list of values or a reason.
        self.values = {
            name: value if isinstance(value, (str, list)) else [value]
            for name, value in values.items()
        }
        measured = {name: value for name, value in self.values.items() if isinstance(value, list)}
        self.medians = {name: statistics.median(value) for name, value in measured.items()}
        # Other load on the machine only makes values worse: it affects the best one least.
        self.best_of = max if more_is_better else min
        if use_median:
            self.bests = self.medians
        else:
            self.bests = {name: self.best_of(value) for name, value in measured.items()}

    def ratios(self, figures):
        """Yields the cells "÷ floor" and "÷ best peer"; `figures`: the medians or the bests."""
        peers = dict(figures)
        ours, floor = peers.pop("dmon", None), peers.pop("floor", None)
        best_peer = self.best_of(peers.values(), default=None)
        for other in (floor, best_peer):
            if self.has_ratio and ours and other:
                yield f"{ratio(ours, other, self.more_is_better):.2f}"
            else:
                yield "–"

    def is_plausible(self):
        """Whether dmon is not faster than the floor, apart from noise."""
        ours, floor = self.bests.get("dmon"), self.bests.get("floor")
        if not (self.has_ratio and ours and floor):
            return True
        return ratio(ours, floor, self.more_is_better) > MIN_PLAUSIBLE_RATIO

    def cells(self, full):
        for name in COLUMNS:
            value = self.values.get(name, "")
            if isinstance(value, str):
                yield value if full and value else "–"
            elif full and len(value) > 1:
                median, low, high = map(
                    format_number, (self.medians[name], min(value), max(value))
                )
                yield f"{median} ({low}–{high})"
            else:
                yield format_number(self.bests[name])


def markdown(rows, full):
    """The table. In full: all rows, as "median (minimum–maximum)". Short: the best values."""
    rows = [row for row in rows if full or row.in_readme]
    columns = [name for name in COLUMNS if full or any(name in row.bests for row in rows)]
    ratios = ["÷ floor", "÷ best peer"]
    if full:
        ratios = [f"{name}, {which}" for which in ("medians", "bests") for name in ratios]
    heads = columns + ratios
    lines = ["| | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(heads)]
    for row in rows:
        cells = dict(zip(COLUMNS, row.cells(full), strict=True))
        cells["dmon"] = f"**{cells['dmon']}**"
        line = [f"{row.label}, {row.unit}", *(cells[name] for name in columns)]
        line += [*(row.ratios(row.medians) if full else []), *row.ratios(row.bests)]
        lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines) + "\n"
