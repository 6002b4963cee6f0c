"""All subjects one after the other, and the table of what they have measured. Started by
scripts/bench/run.

    bench.py [SUBJECT…]

writes target/bench/table.md: the machine, all rows with least and most, and how the cost grows; and
target/bench/readme.md, the short table, which replaces the one in README.md between its two marks
if all of it was measured in full.
"""

import os
import re
import subprocess
import sys
import time

import common
import copying
import ending
import growth
import memory
import messages
import peers
import supervising
import table
from common import OUTPUT, QUICK, ROOT, say

SUBJECTS = {
    "memory": memory,
    "supervising": supervising,
    "ending": ending,
    "copying": copying,
    "messages": messages,
    "growth": growth,
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
BEGIN, END = "<!-- measured by make bench -->\n", "<!-- until here -->\n"


def machine(compiler):
    """What the figures depend on."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^(?:model name|Processor|cpu model)\s*: (.*)$", file.read(), re.M)
    commit = subprocess.run(
        ["git", "-C", ROOT, "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    peers_are = ", ".join(f"{name} {peers.version(name)}" for name in PACKAGES)
    return (
        f"{time.strftime('%Y-%m-%d')}, dmon {commit or 'unknown'}; "
        f"{model[1] if model else os.uname().machine}, {os.cpu_count()} processors, "
        f"Linux {os.uname().release}, load {os.getloadavg()[0]:.1f} at the beginning; "
        f"floor built by {compiler}; Debian's {peers_are}."
    )


def put_in_readme(text):
    path = f"{ROOT}/README.md"
    with open(path) as file:
        readme = file.read()
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        with open(path, "w") as file:
            file.write(before + BEGIN + text + END + after)
        say("README.md: the table is new")


def main():
    os.makedirs(OUTPUT, exist_ok=True)
    compiler = common.compile_programs()
    peers.fetch()
    os.sync()
    chosen = sys.argv[1:] or list(SUBJECTS)
    begun = time.monotonic()
    head = machine(compiler)
    rows, grown = [], ""
    for name in chosen:
        if name == "growth":
            grown = growth.run()
        else:
            rows += SUBJECTS[name].rows()
    full, short = table.markdown(rows, True), f"{table.markdown(rows, False)}\n{head}\n"
    with open(f"{OUTPUT}/table.md", "w") as file:
        file.write(f"{head}\n\n{full}\n{grown}")
    with open(f"{OUTPUT}/readme.md", "w") as file:
        file.write(short)
    print(f"{head}\n\n{full}\n{grown}")
    for row in rows:
        if not row.is_plausible():
            say(f"the floor is not the quickest, the machine was too busy for: {row.what}")
    if not QUICK and not sys.argv[1:]:
        put_in_readme(short)
    say(f"{time.monotonic() - begun:.0f} seconds, all of it in {os.path.relpath(OUTPUT)}")


main()
