"""Processes of the benchmark: started, found again, ended."""

import ctypes
import os
import select
import signal
import time

from common import ENVIRONMENT, Missing

# Orphans come to us, so that whatever a program leaves behind is found, and its end is waited for.
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

# As far as we may, we and what we start go before whatever else the machine does.
try:
    os.setpriority(os.PRIO_PROCESS, 0, -20)
except PermissionError:
    pass


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
