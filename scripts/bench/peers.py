"""Where the programs of the other families are.

Their Debian packages are unpacked, not installed, in ~/.cache/dmon/peers (or
$XDG_CACHE_HOME/dmon/peers), so that no service of theirs starts. Libraries of their own are found
by LD_LIBRARY_PATH, which costs s6 and OpenRC a few calls more at each start.
"""

import gzip
import os
import re
import subprocess

from common import ROOT, Missing

FOLDER = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")) + "/dmon/peers"
LIBRARIES = {
    "LD_LIBRARY_PATH": ":".join(
        f"{FOLDER}/{where}/{os.uname().machine}-linux-gnu" for where in ("usr/lib", "lib")
    )
}
# What is not unpacked already for the tests (scripts/setup), by the program that shows it.
PACKAGES = {
    "bin/busybox": ["busybox-static"],
    "sbin/supervise-daemon": ["openrc", "librc1", "libeinfo1"],
    "usr/bin/tini": ["tini"],
    "usr/bin/logger": ["bsdutils"],
    "usr/bin/supervisord": ["supervisor"],
}


def fetch():
    """Unpacks what is missing. What cannot be had is missing in the table, by name."""
    packages = [
        package
        for name, of in PACKAGES.items()
        if not os.path.exists(f"{FOLDER}/{name}")
        for package in of
    ]
    if packages:
        machine = subprocess.run(
            ["dpkg", "--print-architecture"], capture_output=True, text=True
        ).stdout.strip()
        subprocess.run([f"{ROOT}/scripts/fetch-deb", machine, FOLDER, *packages], check=False)


def program(path):
    if not os.access(f"{FOLDER}/{path}", os.X_OK):
        raise Missing("not to be had")
    return f"{FOLDER}/{path}"


def version(package):
    """As the changelog of the unpacked package tells."""
    try:
        with gzip.open(
            f"{FOLDER}/usr/share/doc/{package}/changelog.Debian.gz", "rt", errors="replace"
        ) as file:
            return re.search(r"\((.*?)\)", file.readline())[1]
    except (OSError, TypeError):
        return "missing"
