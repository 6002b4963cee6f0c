"""Measures the size of the programs on disk and in memory, for one service and for many."""

import glob
import os
import re
import time

from common import OUTPUT, QUICK, Unavailable, log, probe, remove_temp_dirs, temp_dir
from peer_families import ALL_FAMILIES, DMON, LOGGER_FAMILIES
from peers import FOLDER, LIBRARIES
from processes import descendants, executable_of, kill_all
from supervising import Timestamps
from table import Row

MANY = 50 if QUICK else 200


def pss_and_dirty(pid):
    """The proportional and the private dirty memory of a process, in KiB (proc_pid_smaps(5))."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            text = file.read()
    except OSError:
        return 0, 0
    return tuple(
        int(re.search(rf"^{name}: +(\d+)", text, re.M)[1]) for name in ("Pss", "Private_Dirty")
    )


class MemoryCgroup:
    """A memory cgroup (version 1 or 2) for all programs that are started inside the `with` block.

    It shows the memory that the kernel uses for them. `folder` is `None` if there is no such
    cgroup.
    """

    HIERARCHIES = (
        ("/sys/fs/cgroup/memory", "memory.kmem.usage_in_bytes"),
        ("/sys/fs/cgroup", "memory.stat"),
    )

    def __enter__(self):
        self.folder = None
        for parent, counter in self.HIERARCHIES:
            if not os.path.exists(f"{parent}/cgroup.procs"):
                continue
            folder = f"{parent}/dmon-bench-{os.getpid()}"
            try:
                os.mkdir(folder)
                self.join(folder)
            except OSError:
                continue
            self.parent, self.folder, self.counter = parent, folder, counter
            break
        return self

    def join(self, folder):
        with open(f"{folder}/cgroup.procs", "w") as file:
            file.write("0")

    def __exit__(self, *_):
        if self.folder:
            self.join(self.parent)
            os.rmdir(self.folder)

    def kernel_memory(self):
        """Kernel memory of the cgroup in KiB; `None` without a cgroup."""
        if not self.folder:
            return None
        with open(f"{self.folder}/{self.counter}") as file:
            text = file.read()
        if self.counter == "memory.stat":
            text = re.search(r"^kernel (\d+)", text, re.M)[1]
        return int(text) / 1024


def start_many(family, count, with_logger=True):
    """Starts `count` services and waits until all commands run; returns the seconds it took."""
    timestamps = []
    started = time.monotonic()
    supervisors = count
    if family.name == "supervisord":
        supervisors, family.copies = 1, count
    for _ in range(supervisors):
        folder = temp_dir()
        timestamps.append(Timestamps(folder))
        family.start(folder, with_logger, {"BENCH_TIMES": timestamps[-1].path})
    for one in timestamps:
        one.wait(min(count // supervisors, Timestamps.CAPACITY))
    return time.monotonic() - started


def supervisors_and_loggers():
    """The PIDs of all descendants except the supervised commands."""
    return [pid for pid in descendants() if executable_of(pid) != probe("cmd")]


def measure(family, count):
    """PSS, private dirty memory and kernel memory for each of `count` services, in KiB."""
    try:
        with MemoryCgroup() as cgroup:
            try:
                kernel_before = cgroup.kernel_memory()
                start_many(family, count, family in LOGGER_FAMILIES)
                time.sleep(0.5)
                sizes = zip(*map(pss_and_dirty, supervisors_and_loggers()))
                pss, dirty = (sum(size) / count for size in sizes)
                kernel = "needs a memory cgroup"
                if kernel_before is not None:
                    kernel = (cgroup.kernel_memory() - kernel_before) / count
                return pss, dirty, kernel
            finally:
                kill_all()
                remove_temp_dirs()
    except (Unavailable, OSError) as reason:
        return (str(reason),) * 3
    finally:
        family.copies = 1


def size_row():
    """The size of comparable programs, with their own libraries but without the C library."""

    def size(*patterns):
        files = {os.path.realpath(path) for pattern in patterns for path in glob.glob(pattern)}
        size = sum(map(os.path.getsize, files))
        return size / 1000 if size else "not available"

    def programs(*names):
        return [f"{FOLDER}/{name}" for name in names]

    def libraries(*names):
        folders = LIBRARIES["LD_LIBRARY_PATH"].split(":")
        return [f"{folder}/lib{name}.so*" for folder in folders for name in names]

    s6 = ("s6-supervise", "s6-log", "s6-setuidgid", "s6-envdir")
    daemontools = ("supervise", "multilog", "setuidgid", "envdir")
    values = {
        "floor": size(f"{OUTPUT}/floor/*"),
        "dmon": size(DMON),
        "runit": size(*programs("usr/bin/runsv", "usr/bin/svlogd", "usr/bin/chpst")),
        "s6": size(
            *programs(*(f"usr/bin/{name}" for name in s6)), *libraries("s6", "skarnet", "execline")
        ),
        "daemontools": size(*programs(*(f"usr/bin/{name}" for name in daemontools))),
        "busybox": size(*programs("bin/busybox")),
        "OpenRC": size(*programs("sbin/supervise-daemon"), *libraries("rc", "einfo")),
        "tini": size(*programs("usr/bin/tini")),
        "supervisord": size(*programs("usr/lib/python3/dist-packages/supervisor/*.py")),
    }
    return Row("size of the programs and their own libraries", "KB", values, has_ratio=False)


def rows():
    log("memory")
    yield size_row()

    def row(label, sizes, column, **options):
        return Row(label, "KiB", {name: size[column] for name, size in sizes.items()}, **options)

    pss, dirty, kernel = range(3)
    one = {family.name: measure(family, 1) for family in ALL_FAMILIES}
    yield row("memory of supervisor and logger (PSS)", one, pss)
    yield row("private dirty memory of supervisor and logger", one, dirty, in_readme=False)
    many = {family.name: measure(family, MANY) for family in ALL_FAMILIES}
    yield row(f"memory of each of {MANY} services (PSS)", many, pss)
    yield row(f"kernel memory of each of {MANY} services", many, kernel)
