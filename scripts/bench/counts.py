"""Counts system calls (strace) and instructions (callgrind). Both counts are exact.

The benchmark and the budget use them.
"""

import os
import re
import shutil
import signal
import subprocess

from common import ENVIRONMENT, Unavailable

# posix_spawn(3) of glibc ignores the signals that it uses itself, so dmon starts with them ignored and resets them.
SPAWN_SIGNALS = re.compile(r"^SIGRT(MIN|_1), {sa_handler=SIG_DFL")
STRACE_CALL = re.compile(r"^(\d+) +([a-z0-9_]+)\((.*)")


def tool(name):
    path = shutil.which(name)
    if path is None:
        raise Unavailable(f"{name} is missing")
    return path


def strace_command(command, output):
    """The command line that traces `command` and writes its system calls to the file `output`."""
    return [tool("strace"), "-f", "-q", "-s", "256", "-o", output, *command]


def read_trace(path):
    """Yields (PID, name, arguments and result) for each call in the output of strace.

    A process exit is yielded as the call `exited`. strace splits a call in two lines if another
    process interrupts it: such a call counts where it starts.
    """
    with open(path, errors="replace") as file:
        for line in file:
            if " <... " in line:
                continue
            if match := STRACE_CALL.match(line):
                if match[2] == "rt_sigaction" and SPAWN_SIGNALS.match(match[3]):
                    continue
                yield int(match[1]), match[2], match[3]
            elif " +++ exited" in line:
                yield int(line.split()[0]), "exited", ""


def calls_until_exec(path, command, ignored_programs=()):
    """Counts the calls from the first exec to the exec of `command`, including both.

    The calls of `ignored_programs`, after their own exec, do not count: a logger starts at the same
    time and is not on the way to the command.
    """
    count, ignored = 0, set()
    for pid, call, arguments in read_trace(path):
        if pid in ignored or call == "exited":
            continue
        count += 1
        if call != "execve":
            continue
        if arguments.startswith(f'"{command}"'):
            return count
        if any(f'{name}"' in arguments.split(",")[0] for name in ignored_programs):
            ignored.add(pid)
    raise Unavailable("the command did not start")


def calls_between_runs(path, command):
    """Counts the calls from the exit of the first `command` to the exec of the second."""
    count, first_pid, first_exited = 0, None, False
    for pid, call, arguments in read_trace(path):
        is_start = call == "execve" and arguments.startswith((f'"{command}"', '"./run"'))
        if first_exited:
            count += call != "exited"
            if is_start:
                return count
        elif is_start:
            first_pid = pid
        elif pid == first_pid and call == "exited":
            first_exited = True
    raise Unavailable("the command was not restarted")


def reset_signals():
    """Resets ignored signals: a shell ignores SIGINT for a background job, nohup SIGHUP, and dmon would count them."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def stderr_of(command, stdin, env):
    # Run in "/": valgrind starts through a shell, which adds PWD to the environment.
    with open(stdin or os.devnull) as file:
        return subprocess.run(
            command,
            stdin=file,
            env={**ENVIRONMENT, **(env or {})},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            preexec_fn=reset_signals,
        ).stderr


def count_syscalls(command, stdin=None, env=None):
    """Counts all system calls of a program and its children. `stdin` is the path of its input."""
    output = stderr_of([tool("strace"), "-f", "-c", *command], stdin, env)
    total = output.strip().splitlines()[-1].split()
    if total[-1:] != ["total"]:
        raise Unavailable(f"strace printed no total for {command[0]}")
    return int(total[3])


def count_instructions(command, stdin=None, env=None):
    """Counts the instructions of a program, without its children. `stdin` as above."""
    callgrind = [tool("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    output = stderr_of([*callgrind, *command], stdin, env)
    match = re.search(r"Collected : (\d+)", output)
    if match is None:
        raise Unavailable(f"callgrind printed no count for {command[0]}")
    return int(match[1])


def write_lines(path, count, length=100):
    """Writes `count` lines of `length` bytes, newline included; returns the path."""
    with open(path, "w") as file:
        file.write(("x" * (length - 1) + "\n") * count)
    return path


def per_line(count, command, folder, few=1000, many=11000, env=None):
    """Counts the cost of one more line of 100 bytes.

    `count` is `count_syscalls` or `count_instructions`. The difference between a long and a short
    input removes the cost of the start.
    """
    short, long = (write_lines(f"{folder}/in.{n}", n) for n in (few, many))
    return (count(command, long, env) - count(command, short, env)) / (many - few)
