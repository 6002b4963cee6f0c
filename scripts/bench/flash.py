"""Measures how many bytes a log causes to be written to flash, with and without `--sync`.

    scripts/bench/run DMON flash.py [SECONDS]

`make bench-flash` calls it. It boots an emulated machine with Debian's kernel, because few
machines can mount these file systems: ext4 and f2fs on a disk, UBIFS and JFFS2 on nandsim, the
kernel's simulated NAND flash. flash/init runs there. All logs are written at the same time, each
to a file system of its own. Prints a table in Markdown.
"""

import os
import platform
import re
import shutil
import subprocess
import sys

from common import HERE, OUTPUT, ROOT, compile_programs, log, probe, temp_dir

SECONDS = int(sys.argv[1]) if sys.argv[1:] else 60
# Lines of 100 bytes per second, see `feed paced`.
LINE = 100
RATES = (1, 10, 100, 1000)
MODES = {"each batch": "--", "--sync 5s": "--sync 5s", "-b": "-b"}
DISKS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "f2fs": ["mkfs.f2fs", "-q"],
}
DISK_SIZE = 64 << 20
# Without compression, so that the content of the log does not matter.
FLASH = {"ubifs": "compr=none", "jffs2": "compr=none"}
# 512 MiB with pages of 2048 bytes. A partition has 150 blocks of 64 pages.
CHIP = "id_bytes=0x20,0xac,0x00,0x15"
BLOCKS, PAGES_PER_BLOCK = 150, 64
TOOLS = (
    "qemu-system-x86_64:qemu-system-x86",
    "cpio:cpio",
    "mkfs.ext4:e2fsprogs",
    "mkfs.f2fs:f2fs-tools",
)
# The checksums and compressors are loaded by name, so no other module depends on them.
MODULES = (
    *("virtio_pci", "virtio_blk", "crc32_generic", "crc32c_generic", "lzo", "deflate", "zstd"),
    *("ext4", "f2fs", "nandsim", "ubi", "ubifs", "jffs2"),
)
COMMANDS = "sh awk cat echo insmod mkdir mount poweroff sync umount".split()


class Case:
    """A file system with a log."""

    def __init__(self, number, file_system, device, rate, mode):
        self.number, self.file_system, self.device = number, file_system, device
        self.rate, self.mode = rate, mode

    def line(self):
        options = FLASH.get(self.file_system, "noatime")
        return (
            f"{self.number} {self.file_system} {self.device} {options} "
            f"{self.rate} {self.rate * SECONDS} {MODES.get(self.mode, 'none')}\n"
        )


def all_cases():
    """For each file system one without a log, and one for each interval and mode."""
    kinds = [(0, None)] + [(rate, mode) for rate in RATES for mode in MODES]
    cases, disks, partitions = [], 0, 0
    # UBI attaches the first partitions, so its devices have the numbers of these.
    for file_system in ("ubifs", "jffs2", *DISKS):
        for rate, mode in kinds:
            if file_system in DISKS:
                device, disks = f"/dev/vd{chr(ord('a') + disks)}", disks + 1
            else:
                name = {"ubifs": "/dev/ubi{}_0", "jffs2": "mtd{}"}[file_system]
                device, partitions = name.format(partitions), partitions + 1
            cases.append(Case(len(cases), file_system, device, rate, mode))
    return cases


def unpack_kernel():
    """Unpacks Debian's kernel and busybox; returns their folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = f"{cache}/dmon/flash"
    if not os.path.exists(folder):
        log(f"unpacking a kernel in {folder}")
        new = f"{folder}.{os.getpid()}"
        fetch = [f"{ROOT}/scripts/fetch-deb"]
        subprocess.run([*fetch, "-d", "amd64", new, "linux-image-amd64"], check=True)
        subprocess.run([*fetch, "amd64", new, "busybox-static"], check=True)
        os.rename(new, folder)
    return folder


def find(folder, pattern):
    """The path of each file below the folder whose name matches the pattern, by its name."""
    return {
        name: f"{path}/{name}"
        for path, _, names in os.walk(folder)
        for name in names
        if re.fullmatch(pattern, name)
    }


def with_dependencies(modules, names):
    """The modules and those that they need, in the order in which they can be loaded."""
    order = []
    for name in names:
        path = modules.get(f"{name}.ko") or modules.get(f"{name.replace('-', '_')}.ko")
        # Otherwise it is a part of the kernel.
        if path and path not in order:
            with open(path, "rb") as file:
                found = re.search(rb"\0depends=([^\0]*)\0", file.read())
            needed = found[1].decode().split(",") if found else []
            order += [one for one in with_dependencies(modules, needed) if one not in order]
            order.append(path)
    return order


def make_root(cases, kernel):
    """Creates the initial file system of the machine; returns its path."""
    root = temp_dir(on_disk=True)
    for folder in ("bin", "modules", "proc", "sys", "dev", "mnt", "before"):
        os.mkdir(f"{root}/{folder}")
    shutil.copy(f"{HERE}/flash/init", f"{root}/init")
    shutil.copy(find(kernel, "busybox")["busybox"], f"{root}/bin")
    for name in COMMANDS:
        os.symlink("busybox", f"{root}/bin/{name}")
    shutil.copy(os.environ["DMON"], f"{root}/bin/dlog")
    for name in ("feed", "ubi-volume"):
        shutil.copy(probe(name), f"{root}/bin")
    on_ubi = [case for case in cases if case.file_system == "ubifs"]
    on_nand = [case for case in cases if case.file_system in FLASH]
    options = {
        "nandsim.ko": f"{CHIP} parts={','.join([str(BLOCKS)] * len(on_nand))}",
        "ubi.ko": " ".join(f"mtd={number},0,1" for number in range(len(on_ubi))),
    }
    with open(f"{root}/modules/list", "w") as file:
        for path in with_dependencies(find(kernel, r".*\.ko"), MODULES):
            name = os.path.basename(path)
            shutil.copy(path, f"{root}/modules")
            file.write(f"{name} {options.get(name, '')}\n")
    with open(f"{root}/cases", "w") as file:
        file.writelines(case.line() for case in cases)
    archive = f"{temp_dir(on_disk=True)}/root.cpio"
    files = "\n".join(
        os.path.relpath(os.path.join(path, name), root)
        for path, folders, names in os.walk(root)
        for name in folders + names
    )
    with open(archive, "wb") as file:
        command = ["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"]
        subprocess.run(command, cwd=root, input=files.encode(), stdout=file, check=True)
    return archive


def make_disks(cases):
    """Creates a disk for each case that needs one; returns the emulator's options for them."""
    folder = f"{temp_dir(on_disk=True)}/"
    for case in cases:
        if case.file_system in DISKS:
            path = folder + os.path.basename(case.device)
            with open(path, "wb") as file:
                file.truncate(DISK_SIZE)
            subprocess.run([*DISKS[case.file_system], path], check=True, stdout=subprocess.DEVNULL)
            yield "-drive"
            yield f"file={path},if=virtio,format=raw,cache=unsafe"


def boot(cases):
    """Boots the machine and returns the output of its console."""
    kernel = unpack_kernel()
    image = next(iter(find(kernel, "vmlinuz-.*").values()))
    command = [
        *("qemu-system-x86_64", "-M", "pc", "-cpu", "max", "-m", "1024"),
        *("-accel", "kvm", "-accel", "tcg", "-smp", "2"),
        *("-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot", "-serial", "stdio"),
        *("-kernel", image, "-initrd", make_root(cases, kernel), *make_disks(cases)),
        "-append",
        f"console=ttyS0 panic=-1 quiet PAGES={BLOCKS * PAGES_PER_BLOCK}",
    ]
    log(f"booting; takes {SECONDS} s and some more")
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600 + SECONDS
    )
    return result.stdout.replace("\r", "") + result.stderr


def table(cases, written):
    """The bytes written for each byte of the log, for each file system and mode by rate."""
    bytes_of = {
        (case.file_system, case.mode, case.rate): int(written[str(case.number)]) for case in cases
    }
    heads = [f"{rate} line{'s' * (rate > 1)}/s" for rate in RATES]
    rows = [["file system", "dlog", *heads], ["---", "---", *["---:"] * len(RATES)]]
    for file_system in (*DISKS, *FLASH):
        for mode in MODES:
            ratios = (
                (bytes_of[file_system, mode, rate] - bytes_of[file_system, None, 0])
                / (rate * SECONDS * LINE)
                for rate in RATES
            )
            rows.append([file_system, mode, *(f"{ratio:.2f}" for ratio in ratios)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main():
    if platform.machine() != "x86_64":
        raise SystemExit("bench: the machine of flash.py runs x86-64 programs only")
    subprocess.run([f"{ROOT}/scripts/setup", *TOOLS], check=True)
    os.makedirs(OUTPUT, exist_ok=True)
    compile_programs()
    cases = all_cases()
    console = boot(cases)
    written = dict(re.findall(r"^result (\d+) (\d+)", console, re.M))
    took = re.search(r"^took (\d+)", console, re.M)
    is_complete = "\ndropped 0\n" in console and "failed: " not in console
    if not took or not is_complete or len(written) != len(cases):
        raise SystemExit(f"{console}\nbench: the machine failed")
    if int(took[1]) > 1.1 * SECONDS + 2:
        log(f"the machine was too busy: the logs took {took[1]} s")
    print(table(cases, written))


main()
