"""Starts, finds and ends the processes of a benchmark."""

import ctypes
import os
import select
import signal
import time

from common import ENVIRONMENT, Unavailable

# Become a subreaper: orphans of the measured programs are then found and reaped here.
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

# Raise our priority if permitted. The measured programs inherit it.
try:
    os.setpriority(os.PRIO_PROCESS, 0, -20)
except PermissionError:
    pass


def spawn(command, stdin=None, stdout=None, stderr=None, env=None):
    """Starts a program in a new session; returns its PID. `None` means /dev/null."""
    null = os.open("/dev/null", os.O_RDWR)
    streams = [null if fd is None else fd for fd in (stdin, stdout, stderr)]
    actions = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate(streams)]
    env = {**ENVIRONMENT, **(env or {})}
    try:
        return os.posix_spawn(command[0], command, env, file_actions=actions, setsid=True)
    finally:
        os.close(null)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def descendants():
    """The PIDs of all descendants of this process."""
    found, queue = [], children(os.getpid())
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += children(pid)
    return found


def executable_of(pid):
    """The path of the program that a process runs; empty if the process does not exist."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def kill_all():
    """Kills and reaps all descendants."""
    deadline = time.monotonic() + 20
    while remaining := descendants():
        for pid in remaining:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        reap()
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: cannot kill {remaining}")
        time.sleep(0.001)
    reap()


def reap():
    """Reaps all zombies among our children."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def wait_exited(pids, seconds=30):
    """Waits until all of these have exited. They may still be zombies."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        exited, _, _ = select.select([pidfd], [], [], max(0, deadline - time.monotonic()))
        os.close(pidfd)
        if not exited:
            raise Unavailable("does not exit")


def wait_for(what, condition, seconds=10, interval=0.0005):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Unavailable(f"timed out waiting for {what}")
        time.sleep(interval)
