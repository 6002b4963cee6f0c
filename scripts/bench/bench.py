"""Runs all benchmarks, or the named ones, and prints their table. `make bench` calls it.

    scripts/bench/run DMON bench.py [SUBJECT…]

It writes target/bench/table.md, with all rows and the scaling tables, and target/bench/readme.md,
with the short table. If nothing was left out or shortened, it also replaces the table in README.md
between the two marks.
"""

import os
import re
import subprocess
import sys
import time

import common
import loggers
import memory
import messages
import peers
import scaling
import shutdown
import supervising
import table
from common import OUTPUT, QUICK, ROOT, log

# Each has a function `rows`, except scaling, which prints its own tables.
SUBJECTS = {
    "memory": memory,
    "supervising": supervising,
    "shutdown": shutdown,
    "loggers": loggers,
    "messages": messages,
    "scaling": scaling,
}
PACKAGES = (
    "runit",
    "s6",
    "daemontools",
    "busybox-static",
    "openrc",
    "tini",
    "supervisor",
    "bsdutils",
)
TABLE_START, TABLE_END = "<!-- measured by make bench -->\n", "<!-- until here -->\n"


def describe_machine(compiler):
    """The date, and everything that the results depend on."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^(?:model name|Processor|cpu model)\s*: (.*)$", file.read(), re.M)
    commit = subprocess.run(
        ["git", "-C", ROOT, "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    versions = ", ".join(f"{name} {peers.version(name)}" for name in PACKAGES)
    return (
        f"{time.strftime('%Y-%m-%d')}, dmon {commit or 'unknown'}; "
        f"{model[1] if model else os.uname().machine}, {os.cpu_count()} processors, "
        f"Linux {os.uname().release}, load {os.getloadavg()[0]:.1f} at the start; "
        f"floor compiled by {compiler}; Debian's {versions}."
    )


def update_readme(text):
    path = f"{ROOT}/README.md"
    with open(path) as file:
        readme = file.read()
    before, start, rest = readme.partition(TABLE_START)
    _, end, after = rest.partition(TABLE_END)
    if start and end:
        with open(path, "w") as file:
            file.write(before + TABLE_START + text + TABLE_END + after)
        log("updated the table in README.md")


def main():
    unknown = set(sys.argv[1:]) - set(SUBJECTS)
    if unknown:
        raise SystemExit(f"bench: unknown {', '.join(unknown)}: expected {', '.join(SUBJECTS)}")
    os.makedirs(OUTPUT, exist_ok=True)
    compiler = common.compile_programs()
    peers.fetch()
    os.sync()
    started = time.monotonic()
    machine = describe_machine(compiler)
    rows, scaling_tables = [], ""
    for name in sys.argv[1:] or SUBJECTS:
        if name == "scaling":
            scaling_tables = scaling.run()
        else:
            rows += SUBJECTS[name].rows()
    full_table = f"{table.markdown(rows, full=True)}\n" if rows else ""
    full = f"{machine}\n\n{full_table}{scaling_tables}"
    short = f"{table.markdown(rows, full=False)}\n{machine}\n"
    for name, text in (("table.md", full), ("readme.md", short)):
        with open(f"{OUTPUT}/{name}", "w") as file:
            file.write(text)
    print(full)
    for row in rows:
        if not row.is_plausible():
            log(f"dmon is faster than the floor, so the machine was too busy: {row.label}")
    if not QUICK and not sys.argv[1:]:
        update_readme(short)
    log(f"took {time.monotonic() - started:.0f} s; results are in {os.path.relpath(OUTPUT)}")


main()
