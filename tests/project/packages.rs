//! `make install` and `make uninstall`, packages for Debian, OpenWrt and Alpine, and the recipes.
//!
//! The scripts get a copy of the layout of target/ that contains the tested program.

use crate::rig::{Done, Rig, tools};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// The names of all applets, from the tested program.
fn applet_names(rig: &Rig) -> Vec<String> {
    let list = rig.shell("DMON_LIST_MULTICALL_APPLETS=1 dmon").exits(0).out;
    assert!(list.starts_with("dmon\n"), "{list:?}");
    list.lines().map(String::from).collect()
}

/// Fills `target` like a build does and returns the target triple. `None` where packages cannot be built or run.
fn build(rig: &Rig) -> Option<String> {
    if !tools::is_native("make packages tests other architectures") || !tools::has(&["make"]) {
        return None;
    }
    // PT_INTERP, the path of the dynamic loader, is near the start of the file.
    if rig.shell("head -c 4096 bin/dmon | grep -aq /ld-").code() == Some(0) {
        tools::skip("needs the static executable, in DMON");
        return None;
    }
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    if !["x86_64", "aarch64"].contains(&std::env::consts::ARCH) {
        tools::skip("needs x86-64 or ARM64");
        return None;
    }
    let links = applet_names(rig)[1..].join(" ");
    rig.shell(format!(
        "set -e; mkdir -p target/{target}/release; cp -L bin/dmon target/{target}/release
         for name in {links}; do ln -s dmon target/{target}/release/$name; done
         '{PROJECT}/scripts/gen-manuals' bin target/man
         '{PROJECT}/scripts/gen-completions' bin target/completions"
    ))
    .exits(0)
    .reports_nothing();
    Some(target)
}

/// Builds a package and returns its path.
fn pack(rig: &Rig, kind: &str, target: &str) -> String {
    let done = rig
        .shell(format!("CARGO_TARGET_DIR=$PWD/target '{PROJECT}/scripts/packages/{kind}' {target}"))
        .exits(0)
        .reports_nothing();
    done.out.trim_end().to_string()
}

/// Lists files and links below a directory, as relative paths.
fn files(rig: &Rig, directory: &str) -> BTreeSet<String> {
    let list = rig.shell(format!("cd {directory} && find . ! -type d")).exits(0).out;
    list.lines().map(|line| line.trim_start_matches("./").to_string()).collect()
}

/// The version with a package format's mark of a pre-release.
fn version(mark: char) -> String {
    env!("CARGO_PKG_VERSION").replace('-', &mark.to_string())
}

/// Asserts that the installed applets run below this root.
#[track_caller]
fn assert_works_in(rig: &Rig, root: &str) {
    let inside =
        |line: &str| rig.shell(format!("PATH=/usr/bin exec $(command -v chroot) {root} {line}"));
    let version = inside("dmon -n -m 0 denv -E A=1 dlog --version").exits(0).out;
    assert_eq!(version, format!("dmon {}\n", env!("CARGO_PKG_VERSION")));
    inside("dmon -n -m 0 dmon --version -- dlog /log").exits(0).reports_nothing();
    assert_eq!(rig.read(&format!("{root}/log")), version);
    rig.shell(format!("rm {root}/log")).exits(0);
}

/// Runs make with blanks in all paths.
fn make(rig: &Rig, goal: &str, target: &str) -> Done {
    rig.shell(format!(
        "make -s -C '{PROJECT}' {goal} TARGET={target} OUTPUT=\"$PWD/a target\" DESTDIR=\"$PWD/a root\" \
         PREFIX='/usr/of vendor'"
    ))
    .exits(0)
    .reports_nothing()
}

#[test]
fn make_uninstall_removes_what_make_install_installed() {
    let rig = Rig::new();
    let Some(target) = build(&rig) else {
        return;
    };
    rig.shell(
        "mv target 'a target'; mkdir -p 'a root/usr/of vendor/bin'; : >'a root/usr/of vendor/bin/other'",
    )
    .exits(0);
    make(&rig, "install-files", &target);
    let found = files(&rig, "'a root/usr/of vendor'");
    let names = applet_names(&rig);
    for name in &names {
        for file in [
            format!("bin/{name}"),
            format!("share/man/man8/{name}.8"),
            format!("share/bash-completion/completions/{name}"),
            format!("share/zsh/site-functions/_{name}"),
            format!("share/fish/vendor_completions.d/{name}.fish"),
        ] {
            assert!(found.contains(&file), "no {file}: {found:?}");
        }
    }
    assert_eq!(found.len(), 1 + names.len() * 5, "{found:?}");
    rig.shell("cd 'a root/usr/of vendor/bin' && ./envdir --version && cd ../share/man && mandoc man8/dslog.8")
        .exits(0);
    // Installing twice must not leave anything behind.
    make(&rig, "install-files", &target);
    make(&rig, "uninstall", &target);
    assert_eq!(files(&rig, "'a root'"), BTreeSet::from(["usr/of vendor/bin/other".to_string()]));
}

#[test]
fn the_debian_package_installs_works_and_purges() {
    if !tools::has(&["dpkg", "dpkg-deb"]) || !tools::is_root() {
        return;
    }
    let rig = Rig::new();
    let Some(target) = build(&rig) else {
        return;
    };
    let package = pack(&rig, "deb", &target);
    let architecture = rig.shell("dpkg --print-architecture").exits(0).out;
    assert!(package.ends_with(&format!(
        "/dmon_{}-1_{}.deb",
        version('~'),
        architecture.trim_end()
    )));
    rig.shell(
        "mkdir -p root/var/lib/dpkg/info root/var/lib/dpkg/updates && : >root/var/lib/dpkg/status",
    )
    .exits(0);
    let before = files(&rig, "root");
    let dpkg = "dpkg --root=$PWD/root --log=/dev/null";
    rig.shell(format!("{dpkg} -i {package}")).exits(0);
    assert_works_in(&rig, "root");
    let state = rig.shell(format!("{dpkg} -s dmon")).exits(0).out;
    for line in ["Status: install ok installed", "Section: admin"] {
        assert!(state.contains(line), "{state}");
    }
    assert!(!state.contains("Depends:") && !state.contains("Homepage:"), "{state}");
    rig.shell(format!("{dpkg} --verify dmon")).exits(0).reports_nothing();
    let found = files(&rig, "root/usr");
    for name in applet_names(&rig).iter().filter(|name| *name != "envdir") {
        assert!(found.contains(&format!("share/man/man8/{name}.8.gz")), "{name}: {found:?}");
    }
    assert!(!found.iter().any(|file| file.contains("envdir")), "daemontools has it: {found:?}");
    // dslog.8 is only a `.so` line, which must lead to a compressed page.
    if tools::has(&["mandoc"]) {
        let text = rig.shell("cd root/usr/share/man && mandoc man8/dslog.8.gz").exits(0).out;
        assert!(text.contains("standard input to syslog"), "{text}");
    }
    rig.shell(format!("{dpkg} -P dmon")).exits(0);
    let remaining = files(&rig, "root");
    assert!(
        remaining.iter().all(|file| before.contains(file) || file.starts_with("var/lib/dpkg/")),
        "{remaining:?}"
    );
    if tools::has(&["lintian"]) {
        let found =
            rig.shell(format!("lintian --fail-on warning {package} 2>/dev/null")).exits(0).out;
        assert_eq!(found, "");
    }
}

#[test]
fn the_openwrt_package_is_a_valid_ipk() {
    let rig = Rig::new();
    let Some(target) = build(&rig) else {
        return;
    };
    let package = pack(&rig, "ipk", &target);
    let names = rig.shell(format!("tar -tzf {package}")).exits(0).out;
    assert_eq!(names, "./debian-binary\n./control.tar.gz\n./data.tar.gz\n");
    assert_eq!(rig.shell(format!("tar -xzOf {package} ./debian-binary")).exits(0).out, "2.0\n");
    let control = rig
        .shell(format!("tar -xzOf {package} ./control.tar.gz | tar -xzO ./control"))
        .exits(0)
        .out;
    for line in ["Package: dmon", &format!("Version: {}-1", version('~')), "License: MIT"] {
        assert!(control.lines().any(|found| found == line), "no {line}: {control}");
    }
    rig.shell(format!("mkdir root && tar -xzOf {package} ./data.tar.gz | tar -xz -C root"))
        .exits(0);
    let wanted = applet_names(&rig).iter().map(|name| format!("usr/bin/{name}")).collect();
    assert_eq!(files(&rig, "root"), wanted);
    if tools::is_root() {
        assert_works_in(&rig, "root");
    }
}

#[test]
fn the_alpine_package_is_a_valid_apk() {
    let rig = Rig::new();
    let Some(target) = build(&rig) else {
        return;
    };
    let package = pack(&rig, "apk", &target);
    // An apk is two gzip streams; `datahash` in the first is the SHA-256 of the second.
    rig.shell(format!("mkdir root && tar -xzf {package} -C root 2>/dev/null")).exits(0);
    let info = rig.read("root/.PKGINFO");
    let value = |key: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("{key} = ")));
        line.unwrap_or_else(|| panic!("no {key}: {info}")).to_string()
    };
    assert_eq!(value("pkgver"), format!("{}-r0", version('_')));
    assert_eq!(value("license"), "MIT");
    let bytes = std::fs::read(&package).expect("the package");
    let second =
        (1..bytes.len()).filter(|at| bytes[*at..].starts_with(&[0x1f, 0x8b, 8])).any(|at| {
            rig.write("second", &bytes[at..]);
            let sum = rig.shell("sha256sum <second").exits(0).out;
            sum.starts_with(&value("datahash"))
        });
    assert!(second, "no stream has the sum of the files");
    // The first tar has no end mark, so that the second continues it.
    let names = rig.shell(format!("tar -tzf {package} 2>/dev/null")).exits(0).out;
    assert!(names.starts_with(".PKGINFO\nusr/\nusr/bin/\n"), "{names}");
    // A pax header before each file contains its SHA-1.
    let tar = rig
        .shell("gunzip -c second >data.tar && grep -ao 'APK-TOOLS.checksum.SHA1=.*' data.tar")
        .exits(0)
        .out;
    let sums: Vec<&str> = tar.lines().filter_map(|line| line.split('=').nth(1)).collect();
    assert_eq!(sums.len(), files(&rig, "root/usr").len());
    let sum = rig.shell("sha1sum <root/usr/bin/dmon").exits(0).out;
    assert!(sums.iter().any(|one| sum.starts_with(one)), "{sum}");
    if tools::is_root() {
        assert_works_in(&rig, "root");
    }
}

#[test]
fn packages_are_reproducible() {
    let rig = Rig::new();
    let Some(target) = build(&rig) else {
        return;
    };
    for kind in ["ipk", "apk"] {
        let package = pack(&rig, kind, &target);
        rig.shell(format!("mv {package} first")).exits(0);
        assert_eq!(pack(&rig, kind, &target), package);
        rig.shell(format!("cmp first {package}")).exits(0).reports_nothing();
    }
}

#[test]
fn unknown_architectures_are_reported() {
    let rig = Rig::new();
    rig.shell("mkdir -p target/strange/release && : >target/strange/release/dmon").exits(0);
    for kind in ["deb", "ipk", "apk"] {
        let script = format!("CARGO_TARGET_DIR=$PWD/target '{PROJECT}/scripts/packages/{kind}'");
        rig.shell(format!("{script} strange"))
            .exits(1)
            .reports("target-info", &["strange", "scripts/targets"]);
        rig.shell(format!("{script} other"))
            .exits(1)
            .reports(&format!("packages/{kind}"), &["scripts/build other"]);
        rig.shell(script).exits(1).reports(&format!("packages/{kind}"), &["usage"]);
    }
}

/// Generates a recipe.
fn recipe(rig: &Rig, name: &str) -> String {
    rig.shell(format!("'{PROJECT}/scripts/packages/recipe' {name}")).exits(0).reports_nothing().out
}

#[test]
fn the_recipes_name_the_current_version() {
    let rig = Rig::new();
    let version = env!("CARGO_PKG_VERSION");
    for (file, line) in [
        ("openwrt/Makefile", format!("DMON_VERSION:={version}")),
        ("alpine/APKBUILD", format!("_version={version}")),
        ("alpine/APKBUILD", format!("pkgver={}", self::version('_'))),
        ("buildroot/dmon.mk", format!("DMON_VERSION = {version}")),
        ("yocto/dmon.bb", format!("DMON_VERSION = \"{version}\"")),
    ] {
        let text = recipe(&rig, file);
        assert!(text.lines().any(|found| found == line), "{file}: no line {line:?}");
    }
    let log = std::fs::read_to_string(format!("{PROJECT}/CHANGELOG.md")).expect("the changelog");
    assert!(log.contains(&format!("\n## [{version}] - ")), "no section for {version}");
}

/// OpenWrt's build system, reduced to the parts that the recipe uses.
const OPENWRT: &str = "ARCH = x86_64
INCLUDE_DIR = .
BUILD_DIR = .
INSTALL_DIR = install -d
CP = cp -fpR
include recipe
install:
\tcp -R archive $(PKG_BUILD_DIR)
\t$(call Package/dmon/install,root)
";
/// Buildroot, reduced likewise. `$(@D)` is the folder of the target `archive/installed`.
const BUILDROOT: &str = "ARCH = x86_64
TARGET_DIR = root
include recipe
install: archive/installed
archive/installed:
\ttest $(DMON_SOURCE) = dmon-$(DMON_VERSION)-x86_64-unknown-linux-musl.tar.gz
\t$(DMON_INSTALL_TARGET_CMDS)
";

#[test]
fn the_recipes_install_the_release_archive() {
    let rig = Rig::new();
    let Some(target) = build(&rig) else {
        return;
    };
    let wanted: BTreeSet<_> =
        applet_names(&rig).iter().map(|name| format!("usr/bin/{name}")).collect();
    rig.shell(format!(
        "set -e; mkdir -p archive/share/doc/dmon; cp -RP target/*/release archive/bin; : >rules.mk >package.mk
         cp '{PROJECT}/LICENSE' archive/share/doc/dmon"
    ))
    .exits(0);
    for (file, around) in [("openwrt/Makefile", OPENWRT), ("buildroot/dmon.mk", BUILDROOT)] {
        rig.write("recipe", recipe(&rig, file));
        rig.write("Makefile", around);
        rig.shell("rm -rf root; make -s TOPDIR=. install").exits(0).reports_nothing();
        let mut found = files(&rig, "root");
        found.retain(|file| file.starts_with("usr/bin"));
        assert_eq!(found, wanted, "{file}");
    }
    let mut script = recipe(&rig, "alpine/APKBUILD");
    let _ = write!(script, "\npackage\n");
    rig.write("APKBUILD", script);
    let version = env!("CARGO_PKG_VERSION");
    rig.shell(format!(
        "set -e; rm -rf root; mkdir root; mv archive dmon-{version}-x86_64-unknown-linux-musl; \
         CARCH=x86_64 srcdir=$PWD pkgdir=$PWD/root sh -eu APKBUILD"
    ))
    .exits(0)
    .reports_nothing();
    assert!(wanted.is_subset(&files(&rig, "root")), "{target}");
    assert!(rig.has("root/usr/share/licenses/dmon/LICENSE"));
    // Yocto's LIC_FILES_CHKSUM.
    let sum = rig.shell(format!("md5sum <'{PROJECT}/LICENSE'")).exits(0).out;
    assert!(recipe(&rig, "yocto/dmon.bb").contains(sum.split(' ').next().unwrap()));
}

/// The recipes contain each target of scripts/targets that their build system has a processor for.
#[test]
fn the_recipes_contain_the_targets_of_the_table() {
    let rig = Rig::new();
    for (file, column) in [
        ("openwrt/Makefile", "arch"),
        ("buildroot/dmon.mk", "arch"),
        ("alpine/APKBUILD", "apk"),
        ("yocto/dmon.bb", "yocto"),
    ] {
        let text = recipe(&rig, file);
        let list = rig.shell(format!("'{PROJECT}/scripts/target-info' --list {column}")).exits(0);
        assert!(list.out.lines().count() > 3, "{list}");
        for target in list.out.lines() {
            assert!(text.contains(target), "{file}: no {target}");
        }
    }
}
