"""Measures programs that send lines to syslog: throughput, and lines lost in a syslogd restart."""

import functools
import os
import signal
import time

from common import QUICK, Unavailable, floor, log, probe, temp_dir
from peer_families import BIN_DIR, Busybox
from peers import program
from processes import spawn, wait_exited, wait_for
from table import Row, interleave

COUNT = 20_000 if QUICK else 200_000
ROUNDS = 3 if QUICK else 9


def busybox_logger(_):
    # busybox's logger can only send to /dev/log.
    if not os.environ.get("BENCH_NAMESPACE"):
        raise Unavailable("needs a private /dev")
    return [*Busybox().applet("logger"), "-t", "name"]


# For each family, the command line of a program that sends its input to a socket.
SENDERS = {
    "floor": lambda socket: [floor("send"), socket, "batch"],
    "dmon": lambda socket: [f"{BIN_DIR}/dsyslog", "--to", socket, "name"],
    "busybox": busybox_logger,
    "util-linux": lambda socket: [program("usr/bin/logger"), "-u", socket, "-t", "name"],
}


def socket_path(name, folder):
    return "/dev/log" if name == "busybox" else f"{folder}/log"


def start_receiver(socket, folder, number, timeout):
    """Starts probe/receive.c, which exits `timeout` milliseconds after the last message.

    Returns its PID and the path of its output.
    """
    output = f"{folder}/received.{number}"
    env = {"BENCH_TIMEOUT_MS": str(timeout)}
    with open(output, "w") as file:
        pid = spawn([probe("receive"), socket], stdout=file.fileno(), env=env)
    wait_for("the receiver", lambda: os.path.exists(socket))
    return pid, output


def read_received(output):
    """The number of messages, and the time of the last one in nanoseconds."""
    with open(output) as file:
        return map(int, file.read().split())


def throughput(name, sender):
    """Lines per second, from the start of the sender to the arrival of the last line."""
    folder = temp_dir()
    socket = socket_path(name, folder)
    receiver, output = start_receiver(socket, folder, 1, 500)
    reader, writer = os.pipe()
    started = time.monotonic_ns()
    spawn(sender(socket), stdin=reader)
    spawn([probe("feed"), "bulk", str(COUNT * 100), "100"], stdout=writer)
    os.close(reader)
    os.close(writer)
    wait_exited([receiver], 120)
    received, last = read_received(output)
    if received < COUNT:
        raise Unavailable(f"loses {COUNT - received} of {COUNT}")
    return received * 1e9 / (last - started)


def lines_lost(name, sender):
    """Counts the lines lost when the receiver restarts, of 100 that are written every 5 ms.

    The receiver is stopped before line 50, and a new one starts before line 60.
    """
    folder = temp_dir()
    socket = socket_path(name, folder)
    first, _ = start_receiver(socket, folder, 1, 100_000)
    second = None
    reader, writer = os.pipe()
    pid = spawn(sender(socket), stdin=reader)
    os.close(reader)
    try:
        for number in range(100):
            if number == 50:
                # Let it read everything: unread messages are lost with its socket.
                time.sleep(0.1)
                os.kill(first, signal.SIGTERM)
                wait_exited([first])
                os.unlink(socket)
            if number == 60:
                second, output = start_receiver(socket, folder, 2, 3000)
            os.write(writer, b"a line for syslog, %d\n" % number)
            time.sleep(0.005)
    except BrokenPipeError:
        pass
    finally:
        os.close(writer)
    wait_exited([pid], 60)
    if second is None:
        return 50
    time.sleep(0.2)
    os.kill(second, signal.SIGTERM)
    wait_exited([second])
    received, _ = read_received(output)
    return 50 - received


def measure_senders(rounds, measure, senders):
    return interleave(
        rounds,
        {name: functools.partial(measure, name, sender) for name, sender in senders.items()},
    )


def rows():
    log("messages")
    unbatched = {"floor": lambda socket: [floor("send"), socket]}
    values = measure_senders(ROUNDS, throughput, unbatched)
    label = "lines of 100 bytes to syslog, one call each"
    yield Row(label, "lines/s", values, more_is_better=True, in_readme=False)
    values = measure_senders(ROUNDS, throughput, SENDERS)
    yield Row("lines of 100 bytes to syslog", "lines/s", values, more_is_better=True)
    senders = {name: sender for name, sender in SENDERS.items() if name != "floor"}
    values = measure_senders(1, lines_lost, senders)
    label = "lines lost of 100 while the syslog daemon is away for 50 ms"
    yield Row(label, "lines", values, has_ratio=False)
