"""Finds the programs of the peers.

Their Debian packages are unpacked in ~/.cache/dmon/peers ($XDG_CACHE_HOME/dmon/peers), not
installed, so that none of their services starts. LD_LIBRARY_PATH points to their own libraries,
which costs s6 and OpenRC a few system calls at each start.
"""

import gzip
import os
import re
import subprocess

from common import ROOT, Unavailable

FOLDER = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")) + "/dmon/peers"
LIBRARIES = {
    "LD_LIBRARY_PATH": ":".join(
        f"{FOLDER}/{prefix}/{os.uname().machine}-linux-gnu" for prefix in ("usr/lib", "lib")
    )
}
# A program, and the packages to unpack if it is missing. scripts/setup unpacks the other peers,
# because the tests use them as well.
PACKAGES = {
    "bin/busybox": ["busybox-static"],
    "sbin/supervise-daemon": ["openrc", "librc1", "libeinfo1"],
    "usr/bin/tini": ["tini"],
    "usr/bin/logger": ["bsdutils"],
    "usr/bin/supervisord": ["supervisor"],
}


def fetch():
    """Unpacks missing packages. A peer that cannot be fetched gets no values in the table."""
    packages = [
        package
        for path, needed in PACKAGES.items()
        if not os.path.exists(f"{FOLDER}/{path}")
        for package in needed
    ]
    if packages:
        architecture = subprocess.run(
            ["dpkg", "--print-architecture"], capture_output=True, text=True
        ).stdout.strip()
        subprocess.run([f"{ROOT}/scripts/fetch-deb", architecture, FOLDER, *packages], check=False)


def program(path):
    """The full path of a peer's program."""
    if not os.access(f"{FOLDER}/{path}", os.X_OK):
        raise Unavailable("not available")
    return f"{FOLDER}/{path}"


def version(package):
    """The version of an unpacked package, from its changelog."""
    changelog = f"{FOLDER}/usr/share/doc/{package}/changelog.Debian.gz"
    try:
        with gzip.open(changelog, "rt", errors="replace") as file:
            match = re.search(r"\((.*?)\)", file.readline())
    except OSError:
        match = None
    return match[1] if match else "missing"
