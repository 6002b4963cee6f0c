//! A small machine in its own namespaces: a root file system with busybox and the tested program, and a real init
//! as process 1.
//!
//! The test observes it from outside: the machine's files in the folder `root`, and its processes, which have other
//! PIDs inside.

use super::{Rig, Running, command_line, peers, proc, signal, tools};
use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt;

pub struct Machine<'a> {
    rig: &'a Rig,
    /// Shell commands that mount file systems before init starts.
    mounts: String,
}

/// A running machine. Dropping it kills all of its processes.
pub struct RunningMachine<'a> {
    rig: &'a Rig,
    outer: Running<'a>,
    /// The outer PID of process 1.
    pub init: i32,
}

impl<'a> Machine<'a> {
    /// Makes a machine with busybox as init, or skips the test.
    pub fn new(rig: &'a Rig) -> Option<Machine<'a>> {
        let busybox = peers::busybox()?;
        let can = tools::is_root()
            && tools::has(&["unshare", "chroot"])
            && tools::can_unshare_pids()
            && tools::is_native("the emulator is not on the machine");
        if !can {
            return None;
        }
        rig.shell(format!(
            "mkdir -p root/bin root/sbin root/etc root/dev root/proc root/run root/tmp root/var/log
            ln -s ../run root/var/run
            cp {busybox} root/bin/busybox && chroot root /bin/busybox --install -s /bin
            for link in init poweroff halt reboot; do ln -s ../bin/busybox root/sbin/$link; done
            cp bin/dmon root/sbin && for link in dlog drlog dsyslog denv; do ln -s dmon root/sbin/$link; done",
        ))
        .exits(0);
        if rig.shell("chroot root /sbin/dmon --version").status.code() != Some(0) {
            tools::skip("the tested program needs libraries, which the machine lacks");
            return None;
        }
        let machine = Machine { rig, mounts: String::new() };
        machine.script("rcS", "mount -t proc proc /proc");
        Some(machine)
    }

    /// Makes a machine with sysvinit, whose inittab has another format, or skips the test.
    pub fn with_sysvinit(rig: &'a Rig) -> Option<Machine<'a>> {
        let init = tools::unpacked("sbin/init")?;
        let machine = Machine::new(rig)?;
        // The package is for this release of Debian, so sysvinit runs with the installed libraries.
        rig.shell(format!(
            "for link in init poweroff halt reboot; do rm root/sbin/$link; done
            cp {init} root/sbin/init && ln -s init root/sbin/telinit
            for library in $(ldd {init} | grep -o '/[^ ]*'); do
                mkdir -p root/$(dirname $library) && cp $library root/$library
            done"
        ))
        .exits(0);
        Some(machine)
    }

    /// Writes a script in /etc.
    pub fn script(&self, name: &str, text: &str) {
        self.rig.write_executable(&format!("root/etc/{name}"), &format!("#!/bin/sh\n{text}\n"));
    }

    /// Makes all file systems read-only except /run and /var/log.
    pub fn read_only(&mut self) {
        self.mounts =
            "mount -t tmpfs log var/log; mount -t tmpfs run run; mount -o remount,bind,ro .; "
                .into();
    }

    /// Starts it. It has no device except /dev/null, and thus no console unless a program of the inittab makes one.
    pub fn boot(self, inittab: &str) -> RunningMachine<'a> {
        let Machine { rig, mounts } = self;
        self.rig.write("root/etc/inittab", inittab);
        let outer = rig.start(format!(
            "unshare -m -p -f -u -i -n --kill-child sh -ec '
            mount --bind root root; cd root; mount -t tmpfs dev dev; touch dev/null
            mount --bind /dev/null dev/null; {mounts}exec chroot . /sbin/init' <&- >&- 2>&-"
        ));
        let init = rig.wait_for_some("init", || {
            let children = proc::children(outer.pid()).into_iter();
            children.filter(|child| child.name == "init").map(|child| child.pid).next()
        });
        RunningMachine { rig, outer, init }
    }
}

impl RunningMachine<'_> {
    /// Waits for a child of init whose command line begins with these words.
    pub fn service(&self, words: &str) -> i32 {
        self.rig.child(self.init, words)
    }

    /// Returns the number of processes whose command line begins with these words.
    pub fn count(&self, words: &str) -> usize {
        self.all().into_iter().filter(|pid| command_line(*pid).starts_with(words)).count()
    }

    /// Returns the outer PIDs of all processes, init included, except zombies.
    fn all(&self) -> Vec<i32> {
        let mut found = vec![self.init];
        let mut at = 0;
        while let Some(parent) = found.get(at) {
            let children = proc::children(*parent).into_iter().filter(|child| !child.is_zombie());
            found.extend(children.map(|child| child.pid));
            at += 1;
        }
        found
    }

    /// Runs a shell command in the machine until it exits.
    pub fn run(&self, line: &str) {
        let init = self.init;
        self.rig
            .run(format!("nsenter -t {init} -m -p -u -i -n -r -w /bin/sh -c '{line}'"))
            .exits(0);
    }

    /// Sends a signal to init, waits until the machine is off, and returns the signal that killed init.
    ///
    /// reboot(2) in a PID namespace kills its init: with SIGINT for a halt, with SIGHUP for a restart.
    pub fn shut_down(self, order: Signal) -> Option<i32> {
        signal(self.init, order);
        self.wait_off()
    }

    /// Waits until the machine is off, and returns the signal that killed init.
    pub fn wait_off(self) -> Option<i32> {
        let status = self.outer.wait().status;
        status.signal().or(status.code().map(|code| code - 128))
    }
}

/// Returns the PID that a process has inside its machine; `None` if it has exited.
pub fn inner_pid(pid: i32) -> Option<i32> {
    let inner = proc::status(pid, "NSpid");
    inner.split_whitespace().last().and_then(|word| word.parse().ok())
}
