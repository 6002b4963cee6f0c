"""Rest and end of supervised commands: wake-ups, the time it takes to end, what is kept of the last
lines."""

import time

from common import QUICK, Missing, clear, probe, say
from families import ALL, LOGGERS
from processes import end_all, wait_gone
from supervising import command_of, together
from table import Row

WORDS = 1000


def end(families, words):
    """Microseconds from the order to end to the end of all, and how many of the command's last
    lines are kept. All are started together, and have run for more than a second then, since some
    wait for that before they end."""
    running, failed = together(families, True, lambda _: {"BENCH_WORDS": str(words)})
    time.sleep(1.2)
    ended = dict(failed)
    for family in families:
        if family.name not in running:
            continue
        _, folder, pids, all_pids = running[family.name]
        begun = time.monotonic_ns()
        try:
            family.stop(pids, folder)
            wait_gone(all_pids)
            took = (time.monotonic_ns() - begun) / 1000
            with open(family.logger(folder)[1]) as file:
                ended[family.name] = took, file.read().count("last words")
        except (Missing, OSError) as reason:
            ended[family.name] = str(reason)
    end_all()
    clear()
    return ended


def end_rows():
    took, kept = {}, {}
    for number in range(2 if QUICK else 15):
        families = LOGGERS[number % len(LOGGERS) :] + LOGGERS[: number % len(LOGGERS)]
        for index, (all_values, words) in enumerate(((took, 0), (kept, WORDS))):
            for name, one in end(families, words).items():
                if isinstance(one, str):
                    all_values[name] = one
                elif not isinstance(all_values.get(name), str):
                    all_values.setdefault(name, []).append(one[index])
    return [
        Row("TERM → all gone", "µs", took),
        Row(f"of {WORDS} last lines kept", "lines", kept, more_is_better=True, ratio=False),
    ]


def switches(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return sum(int(line.split()[1]) for line in file if "_ctxt_switches:" in line)
    except OSError:
        return 0


def idle_row():
    """A wake-up is a context switch of the supervisor or its logger, all of which rest at the same
    time."""
    running, failed = together(LOGGERS, True)
    more, missing = together([family for family in ALL if family not in LOGGERS])
    mine = {
        name: [pid for pid in pids if command_of(pid) != probe("cmd")]
        for name, (_, _, _, pids) in {**running, **more}.items()
    }
    time.sleep(2)
    seconds = 6 if QUICK else 60
    before = {name: sum(map(switches, pids)) for name, pids in mine.items()}
    time.sleep(seconds)
    values = {
        name: (sum(map(switches, pids)) - before[name]) * 60 / seconds
        for name, pids in mine.items()
    }
    end_all()
    clear()
    return Row(
        "wake-ups of supervisor and logger at rest",
        "a minute",
        {**values, **failed, **missing},
        ratio=False,
    )


def rows():
    say("rest")
    yield idle_row()
    say("end")
    yield from end_rows()
