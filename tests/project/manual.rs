//! The manual pages: they describe exactly the options of `--help`, and each example works.

use crate::rig::accounts::{ALICE, Accounts, BOB};
use crate::rig::load::Load;
use crate::rig::{Rig, applets, limit, signal, tools};
use nix::sys::signal::Signal;
use std::net::UdpSocket;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Generates a page from the sources in this directory and from the tested program.
fn page(rig: &Rig, project: &Path, name: &str) -> crate::rig::Done {
    let applets = rig.path("bin");
    rig.shell(format!(
        "cd '{}' && scripts/gen-docs {} {name}",
        project.display(),
        applets.display()
    ))
}

/// Returns the applets that have a manual of their own. The page of another applet is a link.
fn pages() -> impl Iterator<Item = &'static str> {
    applets().filter(|name| project().join(format!("src/applets/{name}/{name}.8.in")).exists())
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_manual_describes_exactly_the_options() {
    let rig = Rig::new();
    for name in pages() {
        let done = page(&rig, project(), name).exits(0).reports_nothing();
        let items = done.out.lines().filter(|line| line.starts_with(".It Fl")).count();
        let help = rig.run(format!("{name} --help")).exits(0).out;
        let rows =
            help.lines().filter(|line| line.starts_with(' ') && line.contains(" --")).count();
        assert!(rows >= 2 && items >= rows, "{name}: {rows} rows, {items} items");
    }
}

#[test]
fn mandoc_accepts_the_manual_pages() {
    if !tools::has(&["mandoc"]) {
        return;
    }
    let rig = Rig::new();
    for name in pages() {
        rig.write(&format!("{name}.8"), page(&rig, project(), name).exits(0).out);
        let lint = rig.run(format!("mandoc -Tlint -Wwarning {name}.8"));
        assert_eq!(lint.out, "", "{name}");
    }
}

#[test]
fn an_undocumented_option_is_reported() {
    let rig = Rig::new();
    let copy = rig.path("project");
    let source = project().display();
    rig.shell(format!(
        "mkdir -p project/src/applets/dlog project/scripts && cp '{source}/scripts/gen-docs' project/scripts && \
         grep -v '^@prefix$' '{source}/src/applets/dlog/dlog.8.in' >project/src/applets/dlog/dlog.8.in"
    ))
    .exits(0);
    page(&rig, &copy, "dlog").exits(1).reports(
        "gen-docs",
        &["src/applets/dlog/dlog.8.in: no paragraph about --prefix", "@prefix"],
    );
    rig.shell("echo @bogus >>project/src/applets/dlog/dlog.8.in").exits(0);
    let lines = rig.read("project/src/applets/dlog/dlog.8.in").lines().count();
    page(&rig, &copy, "dlog")
        .exits(1)
        .reports("gen-docs", &[&format!("dlog.8.in:{lines}: @bogus"), "--bogus", "remove"]);
}

#[test]
fn every_manual_page_has_its_sections() {
    let rig = Rig::new();
    for name in pages() {
        let text = page(&rig, project(), name).exits(0).out;
        let mut sections =
            vec!["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO"];
        if ["dmon", "dlog", "drlog", "dsyslog", "denv", "dpty"].contains(&name) {
            sections.extend(["ENVIRONMENT", "EXAMPLES", "COMPATIBILITY"]);
        }
        match name {
            "dmon" => sections.extend(["SIGNALS", "STATUS LINES", "FILES", "DIAGNOSTICS"]),
            "drlog" | "dsyslog" => sections.extend(["SIGNALS", "FILES"]),
            "dlog" => sections.push("SIGNALS"),
            "dpty" => sections.extend(["FILES", "DIAGNOSTICS"]),
            _ => {}
        }
        for section in sections {
            let line = format!(".Sh {section}");
            assert!(text.lines().any(|found| found == line), "{name}.8.in: no line {line:?}");
        }
    }
}

/// Runs an example, whose paths are in the rig's directory, and checks its effects.
type Check = fn(&Rig, &str);

/// Page, start of the example, check; in the order of the page. Later examples use files of earlier ones.
const CHECKS: &[(&str, &str, Check)] = &[
    ("dmon", "dmon -n -1 -L 4.0 rsync", |rig, line| {
        // The real load average may exceed 4.0.
        let Some(load) = Load::new(rig, 4.0) else {
            return;
        };
        rig.run(format!("{load} {line}")).exits(0);
        assert_eq!(rig.read("root/dst/file"), "precious\n");
        assert_eq!(rig.lines("copied"), 2, "the first copy did not fail");
    }),
    ("dmon", "dmon -n -v -1 -m 5/1h -t 2h backup", |rig, line| {
        let messages = rig.run(line).exits(0).err;
        assert!(
            messages.contains(" exited with 1 after ")
                && messages.contains(" exited with 0 after "),
            "{messages}"
        );
        assert_eq!(rig.read("backed-up"), "--everything\n--everything\n");
    }),
    ("dmon", "dmon -n -1 -x 24 -X 1,2 rsync", |rig, line| {
        for (status, runs) in [(24, 1), (1, 1), (12, 3)] {
            let text =
                format!("#!/bin/sh\necho >>tried\n[ $(wc -l <tried) = 3 ] || exit {status}\n");
            rig.write_program("rsync", &text);
            rig.write("tried", "");
            rig.run(line).exits(if status == 1 { 1 } else { 0 });
            assert_eq!(rig.lines("tried"), runs, "{status}");
        }
    }),
    ("dmon", "dmon -e -p /run/vfand.pid vfand -- dlog", |rig, line| {
        rig.run(line).exits(0);
        rig.wait_lines("root/var/log/vfand.log", 2);
        let log = rig.read("root/var/log/vfand.log");
        assert!(
            log.lines().all(has_timestamp) && log.contains("begins") && log.contains("a fault"),
            "{log}"
        );
    }),
    ("dmon", "dmon -p /run/vfand.pid --signal 0", |rig, line| {
        rig.run(line).exits(0).reports_nothing();
    }),
    ("dmon", "dmon -p /run/vfand.pid --signal TERM", |rig, line| {
        rig.run(line).exits(0).reports_nothing();
        rig.assert_no_processes();
        assert!(!rig.has("root/run/vfand.pid"));
    }),
    ("dmon", "dmon -N 3:1m -p /run/dbus.pid", |rig, line| {
        rig.run(line).exits(0).reports_nothing();
        // The start has waited for it.
        assert_eq!(rig.read("bus"), "--system --nofork --print-address=3\n");
        stop(rig, "dbus");
        rig.write_program("dbus-daemon", "#!/bin/sh\nexit 1\n");
        rig.run(line).exits(1);
    }),
    ("dmon", "dmon -d 1s,5s,1m -p /run/httpd.pid httpd -f", |rig, line| {
        rig.run(line).exits(0);
        let dmon = rig.pid_in("root/run/httpd.pid");
        let first = rig.child(dmon, "sleep 1000");
        signal(first, Signal::SIGKILL);
        rig.next_child(dmon, first, "sleep 1000");
        stop(rig, "httpd");
    }),
    ("dmon", "dmon -e --log-events -p /run/httpd.pid httpd", |rig, line| {
        rig.run(line).exits(0);
        let service = rig.child(rig.pid_in("root/run/httpd.pid"), "sleep 1000");
        signal(service, Signal::SIGKILL);
        let log = || rig.read("root/var/log/httpd.log");
        let message = format!("dmon: cmd {service} exited by signal 9 after ");
        rig.wait_for("the message", || log().contains(&message));
        stop(rig, "httpd");
        assert!(log().lines().all(has_timestamp), "{}", log());
    }),
    ("dmon", "dmon --on-signal USR1=restart", |rig, line| {
        rig.run(line).exits(0);
        let dmon = rig.pid_in("root/run/httpd.pid");
        for effect in [Signal::SIGUSR1, Signal::SIGHUP] {
            let service = rig.child(dmon, "sleep 1000");
            signal(dmon, effect);
            rig.next_child(dmon, service, "sleep 1000");
        }
        stop(rig, "httpd");
    }),
    ("dmon", "dmon -e -u mediatomb -U log mediatomb", |rig, line| {
        let Some(accounts) = Accounts::new(rig) else {
            return;
        };
        rig.copy_applets();
        create_files(rig);
        let directory = "root/var/log/mediatomb";
        rig.shell(format!("mkdir {directory} && chown {BOB} {directory}")).exits(0);
        let line = line.replace("-u mediatomb", "-u alice").replace("-U log", "-U bob");
        rig.run(format!("{accounts} {line}")).exits(0);
        rig.wait_lines(&format!("{directory}/current"), 1);
        assert_eq!(rig.path(&format!("{directory}/current")).metadata().unwrap().uid(), BOB);
        let text = rig.read(&format!("{directory}/current"));
        assert!(text.contains(&format!("uid={ALICE}")) && text.contains("--home"), "{text}");
        for dmon in rig.processes_called("dmon") {
            signal(dmon.pid, Signal::SIGTERM);
        }
        rig.wait_no_processes();
    }),
    ("dmon", "dmon -n -1 --sensor", |rig, line| {
        rig.write("capacity", "20\n");
        rig.run(line.replace("/sys/class/power_supply/BAT0/", "")).exits(0);
    }),
    ("dmon", "dmon -n -i 10m -d 1m fetch-mail", |rig, line| {
        let dmon = rig.start(line);
        rig.wait_lines("fetched", 1);
        rig.wait_for("the pause", || rig.processes_called("fetch-mail").is_empty());
        dmon.signal(Signal::SIGTERM);
        dmon.wait().exits(0);
        assert_eq!(rig.lines("fetched"), 1);
    }),
    ("dmon", "::respawn:", |rig, line| {
        let dmon = rig.start(line.trim_start_matches("::respawn:"));
        rig.child(dmon.pid(), "sleep 1000");
        rig.child(dmon.pid(), "dsyslog vfand");
        dmon.signal(Signal::SIGTERM);
        dmon.wait();
    }),
    ("dlog", "nightly 2>&1 | dlog", |rig, line| {
        rig.shell(line).exits(0);
        let log = rig.read("root/var/log/nightly.log");
        assert!(log.lines().count() == 2 && log.lines().all(has_timestamp), "{log}");
    }),
    ("dlog", "dmon -e -p /run/httpd.pid httpd -- dlog", |rig, line| {
        rig.run(line).exits(0);
        rig.wait_lines("root/var/log/httpd.log", 1);
        stop(rig, "httpd");
        let log = rig.read("root/var/log/httpd.log");
        assert_eq!(
            (log.as_bytes().get(10), log.as_bytes().get(19)),
            (Some(&b'T'), Some(&b'Z')),
            "{log}"
        );
    }),
    ("drlog", "dmon -e -S -p /run/httpd.pid httpd", |rig, line| {
        rig.shell("mkdir root/var/log/httpd").exits(0);
        rig.run(line).exits(0);
        rig.wait_lines("root/var/log/httpd/current", 1);
    }),
    ("drlog", "kill -ALRM $(cat /run/httpd.pid)", |rig, line| {
        rig.shell(line).exits(0);
        rig.wait_for("an archived log", || {
            !rig.shell("ls root/var/log/httpd/log-*").out.is_empty()
        });
        rig.wait_file("root/var/log/httpd/current");
    }),
    ("drlog", "cat /var/log/httpd/log-*", |rig, line| {
        let text = rig.shell(line).exits(0).out;
        assert!(text.contains("httpd begins"), "{text}");
        stop(rig, "httpd");
    }),
    ("dsyslog", "dmon -e -p /run/vfand.pid vfand -- dsyslog", |rig, line| {
        let syslog = UnixDatagram::bind(rig.path("log")).expect("bind");
        syslog.set_read_timeout(Some(limit())).expect("set the timeout");
        rig.shell(format!("DSYSLOG_OPTIONS=\"--to $PWD/log\" exec {line}")).exits(0);
        let mut buffer = [0; 200];
        let count = syslog.recv(&mut buffer).expect("receive a message");
        let message = String::from_utf8_lossy(&buffer[..count]);
        assert!(message.starts_with("<30>") && message.contains(">vfand: "), "{message}");
        stop(rig, "vfand");
    }),
    ("dsyslog", "echo The kitchen is on fire", |rig, line| {
        let syslog = UdpSocket::bind("127.0.0.1:0").expect("bind");
        syslog.set_read_timeout(Some(limit())).expect("set the timeout");
        let address = syslog.local_addr().expect("the local address").to_string();
        rig.shell(line.replace("10.0.0.1:514", &address)).exits(0);
        let mut buffer = [0; 200];
        let count = syslog.recv(&mut buffer).expect("receive a message");
        let message = String::from_utf8_lossy(&buffer[..count]);
        assert!(
            message.starts_with("<24>") && message.ends_with("kitchen: The kitchen is on fire"),
            "{message}"
        );
    }),
    ("denv", "denv -i PATH -E TZ=UTC date", |rig, line| {
        let date = rig.run(line).exits(0).reports_nothing().out;
        assert!(date.contains("UTC"), "{date}");
    }),
    ("denv", "denv -I -f /etc/httpd.env httpd -f", |rig, line| {
        rig.write("root/etc/httpd.env", "COLOUR=blue\n");
        let httpd = rig.start(line);
        rig.wait_for("the environment of httpd", || {
            rig.read("environment").contains("COLOUR=blue\n")
        });
        httpd.kill();
    }),
    ("denv", "envdir /etc/httpd.d httpd -f", |rig, line| {
        rig.shell("mkdir root/etc/httpd.d && echo green >root/etc/httpd.d/COLOUR").exits(0);
        let httpd = rig.start(line);
        rig.wait_for("the environment of httpd", || {
            rig.read("environment").contains("COLOUR=green\n")
        });
        httpd.kill();
    }),
    ("dpty", "dmon -e -p /run/vfand.pid dpty vfand -- dlog", |rig, line| {
        rig.write_program(
            "vfand",
            "#!/bin/sh\ntest -t 1 -a -t 2 && echo a terminal\nexec sleep 1000\n",
        );
        rig.shell("rm -f root/var/log/vfand.log").exits(0);
        rig.run(line).exits(0);
        rig.wait_lines("root/var/log/vfand.log", 1);
        let log = rig.read("root/var/log/vfand.log");
        assert!(has_timestamp(&log) && log.ends_with(" a terminal\n"), "{log}");
        stop(rig, "vfand");
    }),
];

/// Whether a line starts with a timestamp like `2026-11-24/14:35:09 `.
fn has_timestamp(line: &str) -> bool {
    let bytes = line.as_bytes();
    [(4, b'-'), (7, b'-'), (10, b'/'), (13, b':'), (16, b':'), (19, b' ')]
        .iter()
        .all(|(at, byte)| bytes.get(*at) == Some(byte))
}

/// Stops the daemon with this pid file.
fn stop(rig: &Rig, name: &str) {
    signal(rig.pid_in(&format!("root/run/{name}.pid")), Signal::SIGTERM);
    rig.wait_no_processes();
}

/// Creates the programs and files that the examples use.
fn create_files(rig: &Rig) {
    rig.shell("cd root 2>/dev/null || { mkdir root; cd root; }; mkdir -p run var/log src dst etc; echo precious >src/file")
        .exits(0);
    let service = |name: &str| {
        format!(
            "#!/bin/sh\nenv >environment\necho {name} begins $(id) $*\necho a fault >&2\nexec sleep 1000\n"
        )
    };
    for (name, text) in [
        ("rsync", "#!/bin/sh\necho >>copied\n[ $(wc -l <copied) != 1 ] && cp -R \"$2\". \"$3\"\n"),
        ("backup", "#!/bin/sh\necho $* >>backed-up\n[ $(wc -l <backed-up) != 1 ]\n"),
        ("fetch-mail", "#!/bin/sh\necho >>fetched\n"),
        ("nightly", "#!/bin/sh\necho done\necho a fault >&2\n"),
        ("vfand", &service("vfand")),
        (
            "dbus-daemon",
            "#!/bin/sh\nsleep 0.2; echo $* >bus; echo unix:path=/run/x >&3; exec sleep 1000\n",
        ),
        ("httpd", &service("httpd")),
        ("mediatomb", &service("mediatomb").replace("env >environment\n", "")),
    ] {
        rig.write_program(name, text);
    }
}

/// Extracts the command lines of the section EXAMPLES.
fn examples(page: &str) -> Vec<String> {
    let section = page.split("\n.Sh EXAMPLES\n").nth(1).unwrap_or_default();
    let section = section.split("\n.Sh ").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut literal = false;
    for line in section.lines() {
        match line {
            _ if line.starts_with(".Bd -literal") => literal = true,
            ".Ed" => literal = false,
            _ if literal => found.push(line.to_string()),
            _ => found.extend(line.strip_prefix(".Dl ").map(String::from)),
        }
    }
    found
}

#[test]
fn every_example_in_the_manual_works() {
    for name in pages() {
        let rig = Rig::new();
        create_files(&rig);
        let text = page(&rig, project(), name).exits(0).out;
        let mut checks = CHECKS.iter().filter(|check| check.0 == name);
        for example in examples(&text) {
            let Some((_, begin, check)) = checks.next() else {
                panic!("{name}: no check for the example {example:?}: add one to CHECKS");
            };
            assert!(
                example.starts_with(begin),
                "{name}: the check of {begin:?} does not match {example:?}"
            );
            // Move all paths into the rig's directory.
            let directories = ["/run", "/var/log", "/src", "/dst", "/etc"];
            let line = directories.iter().fold(example.replace("/sbin/", ""), |line, directory| {
                line.replace(
                    directory,
                    &rig.path(&format!("root{directory}")).display().to_string(),
                )
            });
            check(&rig, &line);
        }
        assert!(checks.next().is_none(), "{name}: a check without an example");
        rig.assert_no_processes();
    }
}
