"""Parts that every benchmark uses: paths, temporary folders, the C programs, progress messages.

Only Python's standard library is used. Python starts programs, waits for them and reads /proc.
Work that must be fast is done by the C programs in floor/ and probe/, which read the clock
themselves.
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

# A fixed environment for all measured programs: each variable costs a supervisor instructions.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

COMPILER_FLAGS = "-static -no-pie -fno-pie -Wl,-z,norelro -Os -s -Wall -Wextra".split()

temp_dirs = []


class Unavailable(Exception):
    """A measurement is impossible. The full table shows the message in place of a value.

    An empty message means that the family has no such program.
    """


def log(message):
    print(f"bench: {message}", flush=True)


def compile_programs():
    """Compiles floor/ and probe/ to static programs; returns the name of the compiler."""
    compiler = next((name for name in ("musl-gcc", "gcc") if shutil.which(name)), None)
    if compiler is None:
        raise SystemExit("bench: cannot find musl-gcc or gcc: `make setup` installs gcc")
    for folder in ("floor", "probe"):
        os.makedirs(f"{OUTPUT}/{folder}", exist_ok=True)
        for source in os.listdir(f"{HERE}/{folder}"):
            program = f"{OUTPUT}/{folder}/{source.removesuffix('.c')}"
            subprocess.run(
                [compiler, *COMPILER_FLAGS, "-o", program, f"{HERE}/{folder}/{source}"], check=True
            )
            # Pages that are not on the disk yet would count as modified memory.
            with open(program) as file:
                os.fsync(file)
    return compiler


def floor(name):
    """The path of a floor program: the minimal C implementation of a task."""
    return f"{OUTPUT}/floor/{name}"


def probe(name):
    """The path of a probe: a C program that takes part in a measurement."""
    return f"{OUTPUT}/probe/{name}"


def temp_dir(on_disk=False):
    """Creates an empty folder, on a tmpfs unless `on_disk`."""
    folder = tempfile.mkdtemp(prefix="dmon-bench-", dir=OUTPUT if on_disk else "/dev/shm")
    temp_dirs.append(folder)
    return folder


def remove_temp_dirs():
    while temp_dirs:
        shutil.rmtree(temp_dirs.pop(), ignore_errors=True)


atexit.register(remove_temp_dirs)
