"""What can be counted exactly: system calls (strace) and instructions (valgrind). For the table and
for the budget."""

import os
import re
import shutil
import subprocess

from common import ENVIRONMENT, Missing

LINE = re.compile(r"^(\d+) +([a-z0-9_]+)\((.*)")


def tool(name):
    path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not here")
    return path


def traced(words, output):
    """The command line that runs `words` and leaves what it calls in a file."""
    return [tool("strace"), "-f", "-q", "-s", "256", "-o", output, *words]


def calls(path):
    """What strace has seen in their order: who, which call, its arguments and result; a process's
    end as `exited`. A call that strace shows in two parts counts when it begins."""
    with open(path, errors="replace") as file:
        for line in file:
            if " <... " in line:
                continue
            if match := LINE.match(line):
                yield int(match[1]), match[2], match[3]
            elif " +++ exited" in line:
                yield int(line.split()[0]), "exited", ""


def to_command(path, command, aside=()):
    """How many calls there are from the first exec to the exec of `command`, both included. What a
    program makes that is named in `aside` (the logger, beside the way) is not counted."""
    count, ignored = 0, set()
    for pid, call, rest in calls(path):
        if pid in ignored or call == "exited":
            continue
        count += 1
        if call == "execve" and rest.startswith(f'"{command}"'):
            return count
        if call == "execve" and any(f'{name}"' in rest.split(",")[0] for name in aside):
            ignored.add(pid)
    raise Missing("the command was not seen to start")


def between_runs(path, command):
    """How many calls there are from the end of the first `command` to the exec of the second."""
    count, first, ended = 0, None, False
    for pid, call, rest in calls(path):
        started = call == "execve" and rest.startswith((f'"{command}"', '"./run"'))
        if ended:
            count += call != "exited"
            if started:
                return count
        elif started:
            first = pid
        elif pid == first and call == "exited":
            ended = True
    raise Missing("no second run was seen")


def run(words, stdin, env):
    # From "/", since valgrind is started by a shell that adds PWD to the environment.
    with open(stdin or os.devnull) as file:
        return subprocess.run(
            words,
            stdin=file,
            env={**ENVIRONMENT, **(env or {})},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        ).stderr


def summary(words, stdin=None, env=None):
    """How many calls a program makes in all."""
    said = run([tool("strace"), "-f", "-c", *words], stdin, env)
    total = said.strip().splitlines()[-1].split()
    if total[-1:] != ["total"]:
        raise Missing(f"strace says nothing of {words[0]}")
    return int(total[3])


def instructions(words, stdin=None, env=None):
    """How many instructions a program executes in all, its children aside."""
    said = run(
        [tool("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null", *words], stdin, env
    )
    match = re.search(r"Collected : (\d+)", said)
    if match is None:
        raise Missing(f"valgrind says nothing of {words[0]}")
    return int(match[1])


def lines_file(path, count, length=100):
    with open(path, "w") as file:
        file.write(("x" * (length - 1) + "\n") * count)
    return path


def per_line(count, words, folder, few=1000, many=11000, length=100, env=None):
    """What one more line costs, by `count`: `summary` or `instructions`."""
    short, long = (lines_file(f"{folder}/in.{n}", n, length) for n in (few, many))
    return (count(words, long, env) - count(words, short, env)) / (many - few)
