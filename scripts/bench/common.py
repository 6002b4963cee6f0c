"""What all subjects of the benchmark stand on: programs started and ended, rounds, medians, the table.

Python and nothing but its own library, since most of this is starting programs, waiting for them and reading /proc. What has
to be quick is done by small programs in C (floor/ and probe/), which look at the clock themselves.
"""

import atexit
import ctypes
import os
import select
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUTPUT = os.path.join(os.path.abspath(os.environ.get("CARGO_TARGET_DIR", f"{ROOT}/target")), "bench")
QUICK = os.environ.get("QUICK", "") not in ("", "0")

# Always the same environment, since each variable costs a supervisor instructions.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

# Orphans come to us, so that whatever a program leaves behind is found, and its end is waited for.
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


PLACES = []


# As far as we may, we and what we start go before whatever else the machine does.
try:
    os.setpriority(os.PRIO_PROCESS, 0, -20)
except PermissionError:
    pass


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
                [compiler, "-static", "-no-pie", "-fno-pie", "-Wl,-z,norelro", "-Os", "-s", "-Wall", "-Wextra", "-o", program]
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


def spawn(words, stdin=None, stdout=None, stderr=None, env=None):
    """Starts a program in a session of its own. What is not given is /dev/null."""
    null = os.open("/dev/null", os.O_RDWR)
    ends = [null if end is None else end for end in (stdin, stdout, stderr)]
    moves = [(os.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate(ends)]
    env = {**ENVIRONMENT, **(env or {})}
    try:
        return os.posix_spawn(words[0], words, env, file_actions=moves, setsid=True)
    finally:
        os.close(null)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def descendants(pid=None):
    """All that has come from a process, by default from this one."""
    found, left = [], children(pid or os.getpid())
    while left:
        one = left.pop()
        found.append(one)
        left += children(one)
    return found


def end_all():
    """Kills whatever is left, and waits for it."""
    deadline = time.monotonic() + 20
    while left := descendants():
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        reap()
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: cannot end {left}")
        time.sleep(0.001)
    reap()


def reap():
    """Takes what has ended; says whether anything of ours still lives."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def wait_gone(pids, seconds=30):
    """Waits until all of these have ended; who should reap them may not have done so yet."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ended, _, _ = select.select([handle], [], [], max(0, deadline - time.monotonic()))
        os.close(handle)
        if not ended:
            raise Missing("does not end")


def wait_for(what, so, seconds=10, pause=0.0005):
    deadline = time.monotonic() + seconds
    while not (answer := so()):
        if time.monotonic() > deadline:
            raise Missing(f"waited in vain for {what}")
        time.sleep(pause)
    return answer


# What takes longer in all is measured no more than FEW times.
PATIENCE = 3
FEW = 3


def rounds(count, measures):
    """Each of `measures` (a name and a function of no arguments) `count` times, in turn and each time with another one
    first, so that whatever else the machine does meets all of them. Gives for each name the list of values, or why there are none."""
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


def middle(values):
    return statistics.median(values) if isinstance(values, list) else values
