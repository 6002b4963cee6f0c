"""Size on the disk and in memory: of one service, and of each of many."""

import glob
import os
import re
import time

import supervising
from common import OUTPUT, QUICK, Missing, clear, place, probe, say
from families import ALL, DMON, LOGGERS
from peers import FOLDER, LIBRARIES
from processes import descendants, end_all
from table import Row

MANY = 50 if QUICK else 200


def rolled_up(pid):
    """The process's share of memory, and what is its own and changed, in KiB."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            text = file.read()
    except OSError:
        return 0, 0
    return tuple(
        int(re.search(rf"^{name}: +(\d+)", text, re.M)[1]) for name in ("Pss", "Private_Dirty")
    )


class Cgroup:
    """A memory cgroup for what is started meanwhile, of version 1 or 2, to see what the kernel
    itself takes for it."""

    def __enter__(self):
        for base, kernel in (
            ("/sys/fs/cgroup/memory", "memory.kmem.usage_in_bytes"),
            ("/sys/fs/cgroup", "memory.stat"),
        ):
            if os.path.exists(f"{base}/cgroup.procs"):
                self.base, self.folder, self.kernel = (
                    base,
                    f"{base}/dmon-bench-{os.getpid()}",
                    kernel,
                )
                try:
                    os.mkdir(self.folder)
                    self.join(self.folder)
                    return self
                except OSError:
                    continue
        self.folder = None
        return self

    def join(self, folder):
        with open(f"{folder}/cgroup.procs", "w") as file:
            file.write("0")

    def __exit__(self, *_):
        if self.folder:
            self.join(self.base)
            os.rmdir(self.folder)

    def used(self):
        """KiB that the kernel takes for what is inside."""
        if not self.folder:
            raise Missing("needs a memory cgroup")
        with open(f"{self.folder}/{self.kernel}") as file:
            text = file.read()
        found = re.search(r"^kernel (\d+)", text, re.M) if self.kernel == "memory.stat" else None
        return int(found[1] if found else text) / 1024


def start_many(family, count, logged=True):
    """Starts so many services and waits until all commands run; gives the
    seconds it took."""
    pages = []
    begun = time.monotonic()
    copies = 1 if family.name == "supervisord" else count
    if family.name == "supervisord":
        family.copies = count
    for _ in range(copies):
        folder = place()
        pages.append(supervising.Seen(folder))
        family.start(folder, logged, {"BENCH_OUT": pages[-1].path})
    for page in pages:
        page.wait(min(count // copies, 500))
    return time.monotonic() - begun


def supervisors():
    """All processes of ours but the commands."""
    return [pid for pid in descendants() if supervising.command_of(pid) != probe("cmd")]


def measure(family, count):
    """KiB a service: share of memory, changed and own, kernel memory; of `count` services."""
    logged = family in LOGGERS
    try:
        with Cgroup() as cgroup:
            try:
                before = cgroup.used() if cgroup.folder else 0
                start_many(family, count, logged)
                time.sleep(0.5)
                sums = [sum(one) / count for one in zip(*map(rolled_up, supervisors()))]
                kernel = (
                    (cgroup.used() - before) / count if cgroup.folder else "needs a memory cgroup"
                )
                return [*sums, kernel]
            finally:
                end_all()
                clear()
    except (Missing, OSError) as reason:
        return [str(reason)] * 3
    finally:
        family.copies = 1


def size_row():
    """Bytes on the disk of the programs that do the same, with the libraries that come with them
    and the C library aside."""

    def size(*patterns):
        files = {os.path.realpath(path) for pattern in patterns for path in glob.glob(pattern)}
        return sum(map(os.path.getsize, files)) or "not to be had"

    folders = LIBRARIES["LD_LIBRARY_PATH"].split(":")
    libraries = [f"{folder}/lib" for folder in folders]
    values = {
        "floor": size(f"{OUTPUT}/floor/*"),
        "dmon": size(DMON),
        "runit": size(
            f"{FOLDER}/usr/bin/runsv", f"{FOLDER}/usr/bin/svlogd", f"{FOLDER}/usr/bin/chpst"
        ),
        "s6": size(
            *(
                f"{FOLDER}/usr/bin/{name}"
                for name in ("s6-supervise", "s6-log", "s6-setuidgid", "s6-envdir")
            ),
            *(f"{one}{name}.so*" for one in libraries for name in ("s6", "skarnet", "execline")),
        ),
        "daemontools": size(
            *(
                f"{FOLDER}/usr/bin/{name}"
                for name in ("supervise", "multilog", "setuidgid", "envdir")
            )
        ),
        "busybox": size(f"{FOLDER}/bin/busybox"),
        "OpenRC": size(
            f"{FOLDER}/sbin/supervise-daemon",
            *(f"{one}{name}.so*" for one in libraries for name in ("rc", "einfo")),
        ),
        "tini": size(f"{FOLDER}/usr/bin/tini"),
        "supervisord": size(f"{FOLDER}/usr/lib/python3/dist-packages/supervisor/*.py"),
    }
    return Row(
        "programs and their own libraries",
        "KB",
        {k: v if isinstance(v, str) else v / 1000 for k, v in values.items()},
        ratio=False,
    )


def rows():
    say("memory")
    yield size_row()
    one = {family.name: measure(family, 1) for family in ALL}
    yield Row(
        "supervisor and logger, share of memory (PSS)",
        "KiB",
        {name: value[0] for name, value in one.items()},
    )
    changed = {name: value[1] for name, value in one.items()}
    yield Row("the same, own and changed", "KiB", changed, short=False)
    many = {family.name: measure(family, MANY) for family in ALL}
    yield Row(
        f"each of {MANY} services, share of memory",
        "KiB",
        {name: value[0] for name, value in many.items()},
    )
    yield Row(
        f"each of {MANY} services, memory of the kernel",
        "KiB",
        {name: value[2] for name, value in many.items()},
    )
