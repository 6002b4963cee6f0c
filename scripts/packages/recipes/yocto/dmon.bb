# dmon for Yocto; see README.md one folder up.
SUMMARY = "process supervisor for tiny systems"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://share/doc/dmon/LICENSE;md5=75fcb3f0569bf87946785af7b8e8811c"

DMON_VERSION = "1.0.0-rc1"
PV = "${@d.getVar('DMON_VERSION').replace('-', '~')}"

# The soft-float executable for version 5 runs on every ARM.
DMON_TARGET = "unknown"
DMON_TARGET:x86-64 = "x86_64-unknown-linux-musl"
DMON_TARGET:x86 = "i686-unknown-linux-musl"
DMON_TARGET:aarch64 = "aarch64-unknown-linux-musl"
DMON_TARGET:arm = "armv5te-unknown-linux-musleabi"
DMON_TARGET:mipsel = "mipsel-unknown-linux-musl"
COMPATIBLE_HOST = "(x86_64|i.86|aarch64|arm|mipsel).*-linux.*"

SRC_URI = "file://dmon-${DMON_VERSION}-${DMON_TARGET}.tar.gz"
S = "${WORKDIR}/dmon-${DMON_VERSION}-${DMON_TARGET}"

# Static and stripped where it was made.
INSANE_SKIP:${PN} += "already-stripped ldflags"

do_install() {
    install -d ${D}${bindir} ${D}${mandir}/man8
    install -m 0755 ${S}/bin/dmon ${D}${bindir}
    install -m 0644 ${S}/share/man/man8/*.8 ${D}${mandir}/man8
    for name in dlog dsyslog dslog drlog denv envdir; do
        ln -s dmon ${D}${bindir}/$name
    done
}
