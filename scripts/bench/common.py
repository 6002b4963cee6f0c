"""What all subjects of the benchmark stand on: folders, the programs in C, what is missing.

Python and nothing but its own library, since most of this is starting programs, waiting for them
and reading /proc. What has to be quick is done by small programs in C (floor/ and probe/), which
look at the clock themselves.
"""

import atexit
import os
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUTPUT = os.path.join(
    os.path.abspath(os.environ.get("CARGO_TARGET_DIR", f"{ROOT}/target")), "bench"
)
QUICK = os.environ.get("QUICK", "") not in ("", "0")

# Always the same environment, since each variable costs a supervisor instructions.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

PLACES = []


class Missing(Exception):
    """Something cannot be measured here; the words say why, and stand in the table."""


def say(words):
    print(f"bench: {words}", flush=True)


def compile_programs():
    """Builds floor/ and probe/ as static programs; says with what."""
    compiler = next((name for name in ("musl-gcc", "gcc") if shutil.which(name)), None)
    if compiler is None:
        raise SystemExit("bench: neither musl-gcc nor gcc is here: `make setup` installs gcc")
    for folder in ("floor", "probe"):
        os.makedirs(f"{OUTPUT}/{folder}", exist_ok=True)
        for source in os.listdir(f"{HERE}/{folder}"):
            program = f"{OUTPUT}/{folder}/{source.removesuffix('.c')}"
            subprocess.run(
                [
                    compiler,
                    "-static",
                    "-no-pie",
                    "-fno-pie",
                    "-Wl,-z,norelro",
                    "-Os",
                    "-s",
                    "-Wall",
                    "-Wextra",
                    "-o",
                    program,
                ]
                + [f"{HERE}/{folder}/{source}"],
                check=True,
            )
            # What is not on the disk yet would count as changed memory.
            with open(program) as file:
                os.fsync(file)
    return compiler


def floor(name):
    return f"{OUTPUT}/floor/{name}"


def probe(name):
    return f"{OUTPUT}/probe/{name}"


def place(on_disk=False):
    """A fresh folder, in memory if it is not said otherwise."""
    folder = tempfile.mkdtemp(prefix="dmon-bench-", dir=OUTPUT if on_disk else "/dev/shm")
    PLACES.append(folder)
    return folder


def clear():
    """Removes all folders that were made."""
    while PLACES:
        shutil.rmtree(PLACES.pop(), ignore_errors=True)


atexit.register(clear)
