//! The manual pages: each option of the help has its paragraph, and no other.

use crate::rig::{Rig, tools};
use std::path::Path;

const PAGES: [&str; 5] = ["dmon", "dlog", "drlog", "dsyslog", "denv"];

/// Makes a page in the project's folder, from the tested program.
fn page(rig: &Rig, project: &Path, name: &str) -> crate::rig::Done {
    let applets = rig.path("bin");
    rig.shell(format!("cd {} && scripts/mkdoc {} {name}", project.display(), applets.display()))
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_option_is_in_the_manual_and_nothing_else() {
    let rig = Rig::new();
    for name in PAGES {
        let done = page(&rig, project(), name).exits(0).says_nothing();
        let items = done.out.lines().filter(|line| line.starts_with(".It Fl")).count();
        let help = rig.run(format!("{name} --help")).exits(0).out;
        let rows =
            help.lines().filter(|line| line.starts_with(' ') && line.contains(" --")).count();
        assert!(rows > 5 && items >= rows, "{name}: {rows} rows, {items} items");
    }
}

#[test]
fn the_pages_are_good_mdoc() {
    if !tools::has(&["mandoc"]) {
        return;
    }
    let rig = Rig::new();
    for name in PAGES {
        rig.write(&format!("{name}.8"), page(&rig, project(), name).exits(0).out);
        let lint = rig.run(format!("mandoc -Tlint -Wwarning {name}.8"));
        assert_eq!(lint.out, "", "{name}");
    }
}

#[test]
fn an_option_without_a_paragraph_is_named() {
    let rig = Rig::new();
    let copy = rig.path("project");
    let source = project().display();
    rig.shell(format!(
        "mkdir -p project/src/applets/dlog project/scripts && cp {source}/scripts/mkdoc project/scripts && \
         grep -v '^@prefix$' {source}/src/applets/dlog/dlog.8.in >project/src/applets/dlog/dlog.8.in"
    ))
    .exits(0);
    page(&rig, &copy, "dlog").exits(1).says("mkdoc", &["no paragraph about --prefix"]);
    rig.shell("echo @bogus >>project/src/applets/dlog/dlog.8.in").exits(0);
    page(&rig, &copy, "dlog").exits(1).says("mkdoc", &["--bogus, which is no option"]);
}
