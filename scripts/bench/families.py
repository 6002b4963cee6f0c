"""The families of supervisors and loggers: how each is asked to do the same."""

import os
import shlex
import signal
import subprocess

from common import Missing, floor, probe
from peers import FOLDER, LIBRARIES, program
from processes import spawn

DMON = os.environ["DMON"]
BESIDE = os.path.dirname(DMON)
# No rotation while it is measured, as far as each can: multilog's largest size.
LARGE = 16777215


def script(path, line):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(f"#!/bin/sh\nexec {line}\n")
    os.chmod(path, 0o755)


def service(folder):
    """A service folder as daemontools has introduced it, which runs the probe."""
    os.makedirs(folder, exist_ok=True)
    os.symlink(probe("cmd"), f"{folder}/run")
    return folder


class Family:
    """Programs of one origin. `supervisor` and `logger` are overridden as far as there are
    such."""

    name = ""
    env = {}

    def supervisor(self, folder, logged):
        """The command lines that supervise the probe in this folder: one, or two of which the
        second reads what the first writes."""
        raise Missing("")

    def stop(self, pids, folder):
        """Tells what `start` has started that all shall end, and no line be lost."""
        os.kill(pids[0], signal.SIGTERM)

    def logger(self, folder, stamped=False):
        """The command line of a logger, and the file that it writes."""
        raise Missing("")

    def start(self, folder, logged=False, env=None):
        lines = self.supervisor(folder, logged)
        env = {**self.env, **(env or {})}
        if len(lines) == 1:
            return [spawn(lines[0], env=env)]
        reader, writer = os.pipe()
        try:
            return [spawn(lines[0], stdout=writer, env=env), spawn(lines[1], stdin=reader, env=env)]
        finally:
            os.close(reader)
            os.close(writer)


class Floor(Family):
    name = "floor"

    def supervisor(self, folder, logged):
        log = ["--", *self.logger(folder)[0]] if logged else []
        return [[floor("supervise"), probe("cmd"), *log]]

    def logger(self, folder, stamped=False):
        if stamped:
            raise Missing("")
        return [floor("copy"), f"{folder}/log"], f"{folder}/log"


class Dmon(Family):
    name = "dmon"

    def supervisor(self, folder, logged):
        log = ["--", *self.logger(folder)[0]] if logged else []
        return [[DMON, "-n", probe("cmd"), *log]]

    def logger(self, folder, stamped=False):
        return [f"{BESIDE}/dlog", *(["-t"] if stamped else []), f"{folder}/log"], f"{folder}/log"


class Drlog(Dmon):
    """Our logger that does what the peers' do."""

    def logger(self, folder, stamped=False):
        options = ["-s", str(LARGE), "-m", "2", *(["-t"] if stamped else [])]
        os.makedirs(f"{folder}/log", exist_ok=True)
        return [f"{BESIDE}/drlog", *options, f"{folder}/log"], f"{folder}/log/current"


class Runit(Family):
    name = "runit"

    def runsv(self):
        return [program("usr/bin/runsv")]

    def svlogd(self):
        return [program("usr/bin/svlogd")]

    def supervisor(self, folder, logged):
        service(f"{folder}/svc")
        if logged:
            script(f"{folder}/svc/log/run", shlex.join(self.logger(folder)[0]))
        return [[*self.runsv(), f"{folder}/svc"]]

    def logger(self, folder, stamped=False):
        os.makedirs(f"{folder}/log", exist_ok=True)
        with open(f"{folder}/log/config", "w") as file:
            file.write(f"s{LARGE}\nn2\n")
        return [
            *self.svlogd(),
            *(["-tt"] if stamped else []),
            f"{folder}/log",
        ], f"{folder}/log/current"


class Busybox(Runit):
    name = "busybox"

    def applet(self, name):
        busybox = program("bin/busybox")
        listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
        if name not in listed.stdout.split():
            raise Missing(f"no {name} in Debian's busybox")
        return [busybox, name]

    def runsv(self):
        return self.applet("runsv")

    def svlogd(self):
        return self.applet("svlogd")


class Daemontools(Family):
    name = "daemontools"
    supervise = "usr/bin/supervise"

    def supervisor(self, folder, logged):
        lines = [[program(self.supervise), service(f"{folder}/svc")]]
        if logged:
            script(f"{folder}/svclog/run", shlex.join(self.logger(folder)[0]))
            lines.append([program(self.supervise), f"{folder}/svclog"])
        return lines

    def stop(self, pids, folder):
        for one, order in (("svc", b"dx"), ("svclog", b"x")):
            with open(f"{folder}/{one}/supervise/control", "wb", buffering=0) as file:
                file.write(order)

    def logger(self, folder, stamped=False):
        words = [
            program("usr/bin/multilog"),
            *(["t"] if stamped else []),
            f"s{LARGE}",
            "n2",
            f"{folder}/log",
        ]
        return words, f"{folder}/log/current"


class S6(Daemontools):
    name = "s6"
    env = LIBRARIES
    supervise = "usr/bin/s6-supervise"

    def stop(self, pids, folder):
        os.kill(pids[0], signal.SIGTERM)
        os.kill(pids[1], signal.SIGHUP)

    def logger(self, folder, stamped=False):
        words = [
            program("usr/bin/s6-log"),
            *(["t"] if stamped else []),
            f"s{LARGE}",
            "n2",
            f"{folder}/log",
        ]
        return words, f"{folder}/log/current"


class Openrc(Family):
    name = "OpenRC"
    env = {**LIBRARIES, "RC_SVCNAME": "bench"}

    def supervisor(self, folder, logged):
        if logged:
            raise Missing("")
        # It keeps its own files below /run, which scripts/bench/run has made an empty folder of our
        # own.
        if not os.environ.get("BENCH_PRIVATE"):
            raise Missing("needs a /run of its own")
        os.makedirs("/run/openrc/options/bench", exist_ok=True)
        words = ["--start", "--pidfile", f"{folder}/pid", "--respawn-max", "0", probe("cmd")]
        return [[program("sbin/supervise-daemon"), "bench", *words]]


class Tini(Family):
    name = "tini"

    def supervisor(self, folder, logged):
        if logged:
            raise Missing("")
        return [[program("usr/bin/tini"), "-s", "--", probe("cmd")]]


class Supervisord(Family):
    name = "supervisord"
    env = {"PYTHONPATH": f"{FOLDER}/usr/lib/python3/dist-packages", "PYTHONDONTWRITEBYTECODE": "1"}
    copies = 1

    def supervisor(self, folder, logged):
        with open(f"{folder}/conf", "w") as file:
            file.write(
                f"[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={folder}/pid\n"
                f"[program:cmd]\ncommand={probe('cmd')}\nautorestart=true\nstdout_logfile={folder}/log.%(process_num)d\n"
                f"process_name=%(process_num)d\nnumprocs={self.copies}\n"
            )
        return [["/usr/bin/python3", program("usr/bin/supervisord"), "-c", f"{folder}/conf"]]

    def logger(self, folder, stamped=False):
        raise Missing("")


ALL = [Floor(), Dmon(), Runit(), S6(), Daemontools(), Busybox(), Openrc(), Tini(), Supervisord()]
# Those that start a logger beside the command. OpenRC and tini have none, supervisord is one.
LOGGERS = [family for family in ALL if family.name not in ("OpenRC", "tini", "supervisord")]
