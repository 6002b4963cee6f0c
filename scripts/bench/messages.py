"""Lines for syslog: how many go through to a fast receiver, and how many are lost when it is
started again."""

import functools
import os
import time

from common import QUICK, Missing, floor, place, probe, say
from families import BESIDE, Busybox
from peers import program
from processes import spawn, wait_for, wait_gone
from table import Row, rounds

COUNT = 20_000 if QUICK else 200_000
ROUNDS = 3 if QUICK else 9


def senders():
    """For each family the command line that sends what it reads to a socket; busybox's knows
    /dev/log only."""
    busybox = Busybox()

    def applet(_):
        if not os.environ.get("BENCH_PRIVATE"):
            raise Missing("needs a /dev of its own")
        return [*busybox.applet("logger"), "-t", "name"]

    return {
        "floor": lambda path: [floor("send"), path, "many"],
        "dmon": lambda path: [f"{BESIDE}/dsyslog", "--to", path, "name"],
        "busybox": applet,
        "util-linux": lambda path: [program("usr/bin/logger"), "-u", path, "-t", "name"],
    }


def address(name, folder):
    return "/dev/log" if name == "busybox" else f"{folder}/log"


def receive(path, folder, number, quiet):
    """Starts a receiver; gives its pid and where it says what it has got."""
    said = f"{folder}/got.{number}"
    with open(said, "w") as file:
        pid = spawn([probe("receive"), path], stdout=file.fileno(), env={"BENCH_QUIET": str(quiet)})
    wait_for("the receiver", lambda: os.path.exists(path))
    return pid, said


def speed(name, words_for):
    """Lines a second, from the sender's start until the last is received."""
    folder = place()
    path = address(name, folder)
    receiver, said = receive(path, folder, 1, 500)
    reader, writer = os.pipe()
    begun = time.monotonic_ns()
    spawn(words_for(path), stdin=reader)
    spawn([probe("feed"), "bulk", str(COUNT * 100), "100"], stdout=writer)
    os.close(reader)
    os.close(writer)
    wait_gone([receiver], 120)
    with open(said) as file:
        got, last = map(int, file.read().split())
    if got < COUNT:
        raise Missing(f"loses {COUNT - got} of {COUNT}")
    return got * 1e9 / (last - begun)


def lost(name, words_for):
    """Of 100 lines, one every 5 milliseconds; in the middle the receiver is gone for a moment."""
    folder = place()
    path = address(name, folder)
    first, said_first = receive(path, folder, 1, 100_000)
    reader, writer = os.pipe()
    sender = spawn(words_for(path), stdin=reader)
    os.close(reader)
    second = None
    try:
        for number in range(100):
            if number == 50:
                time.sleep(0.1)
                # It has read all; its end is that of its socket.
                os.kill(first, 15)
                wait_gone([first])
                os.unlink(path)
            if number == 60:
                second, said = receive(path, folder, 2, 3000)
            os.write(writer, b"a line for syslog, %d\n" % number)
            time.sleep(0.005)
    except BrokenPipeError:
        pass
    finally:
        os.close(writer)
    wait_gone([sender], 60)
    if second is None:
        return 50
    time.sleep(0.2)
    os.kill(second, 15)
    wait_gone([second])
    with open(said) as file:
        return 50 - int(file.read().split()[0] or 0)


def rows():
    say("messages")

    def all_of(measure, which):
        return {name: functools.partial(measure, name, words) for name, words in which.items()}

    ways = senders()
    one_by_one = {"floor": lambda path: [floor("send"), path]}
    values = rounds(ROUNDS, all_of(speed, one_by_one))
    yield Row("to syslog, a call each", "lines/s", values, True, short=False)
    values = rounds(ROUNDS, all_of(speed, ways))
    yield Row("to syslog, 100 bytes a line", "lines/s", values, True)
    del ways["floor"]
    values = rounds(1, all_of(lost, ways))
    yield Row("the syslog daemon is away for 50 ms: lost of 100", "lines", values, ratio=False)
