"""The families of supervisors and loggers, and how to give each of them the same task."""

import os
import shlex
import signal
import subprocess

from common import Unavailable, floor, probe
from peers import FOLDER, LIBRARIES, program
from processes import spawn

DMON = os.environ["DMON"]
BIN_DIR = os.path.dirname(DMON)
# The largest file size that multilog accepts: no logger rotates during a measurement.
MAX_LOG_SIZE = 16777215


def write_script(path, command):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(f"#!/bin/sh\nexec {command}\n")
    os.chmod(path, 0o755)


def make_service(folder):
    """Creates a service folder in the format of daemontools that runs the probe."""
    os.makedirs(folder, exist_ok=True)
    os.symlink(probe("cmd"), f"{folder}/run")
    return folder


class Family:
    """A supervisor and a logger from the same project. A subclass overrides what it has."""

    name = ""
    env = {}

    def supervisor(self, folder, with_logger):
        """The command lines that supervise the probe.

        There is one, or two connected by a pipe: the second one reads the output of the first.
        """
        raise Unavailable("")

    def stop(self, pids, folder):
        """Requests a shutdown that loses no line. `pids` is the result of `start`."""
        os.kill(pids[0], signal.SIGTERM)

    def logger(self, folder, timestamps=False):
        """The command line of the logger, and the path of the file that it writes."""
        raise Unavailable("")

    def start(self, folder, with_logger=False, env=None):
        """Starts the supervisor; returns the PIDs."""
        commands = self.supervisor(folder, with_logger)
        env = {**self.env, **(env or {})}
        if len(commands) == 1:
            return [spawn(commands[0], env=env)]
        reader, writer = os.pipe()
        try:
            return [
                spawn(commands[0], stdout=writer, env=env),
                spawn(commands[1], stdin=reader, env=env),
            ]
        finally:
            os.close(reader)
            os.close(writer)


class Floor(Family):
    name = "floor"

    def supervisor(self, folder, with_logger):
        log = ["--", *self.logger(folder)[0]] if with_logger else []
        return [[floor("supervise"), probe("cmd"), *log]]

    def logger(self, folder, timestamps=False):
        if timestamps:
            raise Unavailable("")
        return [floor("copy"), f"{folder}/log"], f"{folder}/log"


class Dmon(Family):
    name = "dmon"

    def supervisor(self, folder, with_logger):
        log = ["--", *self.logger(folder)[0]] if with_logger else []
        return [[DMON, "-n", probe("cmd"), *log]]

    def logger(self, folder, timestamps=False):
        options = ["-t"] if timestamps else []
        return [f"{BIN_DIR}/dlog", *options, f"{folder}/log"], f"{folder}/log"


class Drlog(Dmon):
    """dmon with drlog, which rotates its files as the loggers of the peers do."""

    def logger(self, folder, timestamps=False):
        options = ["-s", str(MAX_LOG_SIZE), "-m", "2", *(["-t"] if timestamps else [])]
        os.makedirs(f"{folder}/log", exist_ok=True)
        return [f"{BIN_DIR}/drlog", *options, f"{folder}/log"], f"{folder}/log/current"


class Runit(Family):
    name = "runit"

    def runsv(self):
        return [program("usr/bin/runsv")]

    def svlogd(self):
        return [program("usr/bin/svlogd")]

    def supervisor(self, folder, with_logger):
        make_service(f"{folder}/svc")
        if with_logger:
            write_script(f"{folder}/svc/log/run", shlex.join(self.logger(folder)[0]))
        return [[*self.runsv(), f"{folder}/svc"]]

    def logger(self, folder, timestamps=False):
        os.makedirs(f"{folder}/log", exist_ok=True)
        with open(f"{folder}/log/config", "w") as file:
            file.write(f"s{MAX_LOG_SIZE}\nn2\n")
        options = ["-tt"] if timestamps else []
        return [*self.svlogd(), *options, f"{folder}/log"], f"{folder}/log/current"


class Busybox(Runit):
    name = "busybox"

    def applet(self, name):
        busybox = program("bin/busybox")
        listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
        if name not in listed.stdout.split():
            raise Unavailable(f"no {name} in Debian's busybox")
        return [busybox, name]

    def runsv(self):
        return self.applet("runsv")

    def svlogd(self):
        return self.applet("svlogd")


class Daemontools(Family):
    name = "daemontools"
    supervise = "usr/bin/supervise"
    log_program = "usr/bin/multilog"

    def supervisor(self, folder, with_logger):
        commands = [[program(self.supervise), make_service(f"{folder}/svc")]]
        if with_logger:
            write_script(f"{folder}/svclog/run", shlex.join(self.logger(folder)[0]))
            commands.append([program(self.supervise), f"{folder}/svclog"])
        return commands

    def stop(self, pids, folder):
        # d: stop the command; x: exit when the command has exited (supervise(8)).
        for service, request in (("svc", b"dx"), ("svclog", b"x")):
            with open(f"{folder}/{service}/supervise/control", "wb", buffering=0) as file:
                file.write(request)

    def logger(self, folder, timestamps=False):
        script = [*(["t"] if timestamps else []), f"s{MAX_LOG_SIZE}", "n2", f"{folder}/log"]
        return [program(self.log_program), *script], f"{folder}/log/current"


class S6(Daemontools):
    name = "s6"
    env = LIBRARIES
    supervise = "usr/bin/s6-supervise"
    log_program = "usr/bin/s6-log"

    def stop(self, pids, folder):
        # s6-supervise exits on SIGTERM, and on SIGHUP as soon as its command has exited.
        os.kill(pids[0], signal.SIGTERM)
        os.kill(pids[1], signal.SIGHUP)


class Openrc(Family):
    name = "OpenRC"
    env = {**LIBRARIES, "RC_SVCNAME": "bench"}

    def supervisor(self, folder, with_logger):
        if with_logger:
            raise Unavailable("")
        # supervise-daemon writes to /run, which scripts/bench/run has replaced by an empty tmpfs.
        if not os.environ.get("BENCH_NAMESPACE"):
            raise Unavailable("needs a private /run")
        os.makedirs("/run/openrc/options/bench", exist_ok=True)
        options = ["--start", "--pidfile", f"{folder}/pid", "--respawn-max", "0"]
        return [[program("sbin/supervise-daemon"), "bench", *options, probe("cmd")]]


class Tini(Family):
    name = "tini"

    def supervisor(self, folder, with_logger):
        if with_logger:
            raise Unavailable("")
        return [[program("usr/bin/tini"), "-s", "--", probe("cmd")]]


class Supervisord(Family):
    name = "supervisord"
    env = {"PYTHONPATH": f"{FOLDER}/usr/lib/python3/dist-packages", "PYTHONDONTWRITEBYTECODE": "1"}
    # One supervisord runs this many copies of the command.
    copies = 1

    def supervisor(self, folder, with_logger):
        with open(f"{folder}/conf", "w") as file:
            file.write(
                "[supervisord]\n"
                "nodaemon=true\n"
                "logfile=/dev/null\n"
                "logfile_maxbytes=0\n"
                f"pidfile={folder}/pid\n"
                "[program:cmd]\n"
                f"command={probe('cmd')}\n"
                "autorestart=true\n"
                f"stdout_logfile={folder}/log.%(process_num)d\n"
                "process_name=%(process_num)d\n"
                f"numprocs={self.copies}\n"
            )
        return [["/usr/bin/python3", program("usr/bin/supervisord"), "-c", f"{folder}/conf"]]


ALL_FAMILIES = [
    Floor(),
    Dmon(),
    Runit(),
    S6(),
    Daemontools(),
    Busybox(),
    Openrc(),
    Tini(),
    Supervisord(),
]
# The families that have a logger process. supervisord reads the output of its commands itself.
LOGGER_FAMILIES = [
    family for family in ALL_FAMILIES if family.name not in ("OpenRC", "tini", "supervisord")
]
