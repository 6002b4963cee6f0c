//! Tests of dpty.

use crate::rig::{Rig, tools};

/// How dpty starts the command, and what the command inherits.
mod command;
/// The process that passes the output on.
mod copier;
/// What arrives at standard output, and when.
mod output;
/// dpty under dmon: shutdown, restarts, users.
mod supervised;

/// A producer in C. It prints three lines and part of a fourth, which stdio buffers unless the output is a terminal.
const PRODUCER: &str = r#"
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    puts("one");
    puts("two");
    puts("three");
    if (argc > 1)
        raise(SIGSEGV);
    pause();
}
"#;

/// Builds the producer with both C libraries. Returns the command lines of all producers that this machine has.
fn producers(rig: &Rig) -> Vec<String> {
    rig.write("producer.c", PRODUCER);
    let mut lines = Vec::new();
    for (compiler, name) in [("gcc", "glibc"), ("musl-gcc -static", "musl-static")] {
        if tools::has(&[compiler.split(' ').next().unwrap()]) {
            rig.run(format!("{compiler} -o {name} producer.c")).exits(0);
            lines.push(format!("./{name}"));
        }
    }
    if tools::has(&["python3"]) {
        rig.write(
            "producer.py",
            "import os, signal, sys\nprint('one\\ntwo\\nthree')\n\
             os.kill(os.getpid(), signal.SIGSEGV) if sys.argv[1:] else signal.pause()\n",
        );
        lines.push("python3 producer.py".to_string());
    }
    lines
}
