//! Shell completions: the words that bash, zsh and fish offer with the files that scripts/gen-docs generates.

use crate::rig::screen::Screen;
use crate::rig::{Rig, applets, quoted, tools};
use std::collections::BTreeSet;

/// Generates the completion files for one shell in `made`.
fn generate(rig: &Rig, shell: &str) {
    rig.shell("mkdir -p made").exits(0);
    for name in applets() {
        let project = env!("CARGO_MANIFEST_DIR");
        let file = if shell == "zsh" { format!("_{name}") } else { format!("{name}.{shell}") };
        rig.shell(format!("'{project}/scripts/gen-docs' bin {name} {shell} >made/{file}")).exits(0);
    }
}

/// Command lines, and all words that are offered at their ends.
const LINES: &[(&str, &[&str])] = &[
    ("dmon --ver", &["--verbose", "--version"]),
    ("dmon -n --time", &["--timeout"]),
    ("dmon -u roo", &["root"]),
    ("dmon -n -e --log-user roo", &["root"]),
    ("dmon -g roo", &["root"]),
    ("dmon --stop-signal US", &["USR1", "USR2"]),
    ("dmon -n -r no", &["nofile="]),
    ("dmon --pressure ", &["cpu:", "io:", "memory:"]),
    ("dmon -t ", &[]),
    ("dmon -p fil", &["file1", "file2"]),
    ("dmon -np fil", &["file1", "file2"]),
    ("dmon -W f", &["folder/"]),
    ("dmon -L 4 unheard-", &["unheard-of"]),
    ("dmon -n -L 4 -- unheard-", &["unheard-of"]),
    ("dmon -n true -- unheard-", &["unheard-of"]),
    ("dmon -n true -- dlog --on-full ", &["block", "drop"]),
    ("dlog --time ", &["epoch", "iso", "mono", "tai64n", "utc"]),
    ("dlog fil", &["file1", "file2"]),
    ("drlog -t f", &["folder/"]),
    ("dsyslog -p w", &["warning"]),
    ("dslog -f local7", &["local7"]),
    ("dsyslog -e ", &[]),
    ("denv -i UNHEARD_", &["UNHEARD_OF"]),
    ("denv -I unheard-", &["unheard-of"]),
    ("envdir f", &["folder/"]),
    ("envdir folder unheard-", &["unheard-of"]),
    ("dpty unheard-", &["unheard-of"]),
    ("dpty --ver", &["--version"]),
];

/// Creates the files and programs that the lines refer to.
fn create_files(rig: &Rig) {
    rig.shell("mkdir -p d/folder && : >d/file1 >d/file2").exits(0);
    rig.write_program("unheard-of", "#!/bin/sh\n");
}

/// Prints bash's completions of each input line. `compgen` replaces readline's completion of file names.
const BASH_SCRIPT: &str = r#"
for file in ../made/*.bash; do . $file; done
compopt() { way=$2; }
while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE} way= word=${COMP_LINE##* }
    read -ra COMP_WORDS <<<"$COMP_LINE"
    [[ -n $word ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    $(complete -p ${COMP_LINE%% *} | sed 's/.*-F \([^ ]*\).*/\1/')
    case $way in
    default) COMPREPLY=($(compgen -f -- "$word")) ;;
    dirnames) COMPREPLY=($(compgen -d -S / -- "$word")) ;;
    esac
    printf '%s\n' "$COMP_LINE" "${COMPREPLY[@]}" .
done
"#;

/// Prints fish's completions of each input line.
const FISH_SCRIPT: &str = r#"
for file in ../made/*.fish
    source $file
end
while read -l line
    echo $line
    complete -C $line | cut -f 1
    echo .
end
"#;

/// Runs a script in a shell and compares its completions with `LINES`.
fn assert_completions(rig: &Rig, shell: &str, script: &str) {
    rig.write("script", script);
    rig.write("lines", LINES.iter().map(|(line, _)| format!("{line}\n")).collect::<String>());
    let done = rig
        .shell(format!("cd d && HOME=$PWD UNHEARD_OF=1 {shell} ../script <../lines"))
        .exits(0)
        .reports_nothing();
    let answers: Vec<&str> = done.out.split("\n.\n").collect();
    for ((line, wanted), answer) in LINES.iter().zip(answers) {
        let words: BTreeSet<&str> =
            answer.lines().skip(1).filter(|word| !word.is_empty()).collect();
        let wanted: BTreeSet<&str> = wanted.iter().copied().collect();
        assert_eq!(words, wanted, "{shell}: {line:?}");
    }
}

#[test]
fn bash_offers_matching_completions() {
    if !tools::has(&["bash"]) {
        return;
    }
    let rig = Rig::new();
    generate(&rig, "bash");
    create_files(&rig);
    assert_completions(&rig, "bash", BASH_SCRIPT);
}

#[test]
fn fish_offers_matching_completions() {
    if !tools::has(&["fish"]) {
        return;
    }
    let rig = Rig::new();
    generate(&rig, "fish");
    create_files(&rig);
    assert_completions(&rig, "fish --no-config --private", FISH_SCRIPT);
}

/// Input with tabs, and the completed arguments.
const TYPED: &[(&str, &str)] = &[
    ("dmon --pid\t x", "<--pid-file><x>"),
    ("dmon --pid-file=file1 --load-h\t 4", "<--pid-file=file1><--load-high><4>"),
    ("dmon --stop-signal=TE\t -n", "<--stop-signal=TERM><-n>"),
    ("dmon -u roo\t -n", "<-u><root><-n>"),
    ("dmon -u root:roo\t -n", "<-u><root:root><-n>"),
    ("dmon -r nof\t10 x", "<-r><nofile=10><x>"),
    ("dmon -W fol\t x", "<-W><folder"),
    ("dmon -n unheard-\t", "<-n><unheard-of>"),
    ("dmon -n true -- dlog --buf\t f", "<-n><true><--><dlog><--buffered><f>"),
    ("dsyslog --priority=wa\t x", "<--priority=warning><x>"),
    ("envdir fol\t unheard-\t", "><unheard-of>"),
];

fn press_tab(rig: &Rig, shell: &str, setup: &str) {
    let Some(screen) = Screen::new(rig, shell) else {
        return;
    };
    create_files(rig);
    screen.enter("cd d");
    for line in setup.lines() {
        screen.enter(line);
    }
    for name in applets() {
        screen.enter(&format!("{name}() {{ printf '<%s>' \"$@\"; echo; }}"));
    }
    screen.enter("echo pre''pared");
    screen.wait_output("prepared");
    for (typed, words) in TYPED {
        // zsh removes the slash after a directory, bash does not.
        screen.enter(typed);
        screen.wait_output(words);
    }
}

#[test]
fn bash_completes_on_tab() {
    let rig = Rig::new();
    generate(&rig, "bash");
    press_tab(&rig, "bash --norc", "for file in ../made/*.bash; do . $file; done");
}

#[test]
fn bash_with_bash_completion_completes_on_tab() {
    let library = "/usr/share/bash-completion/bash_completion";
    if !std::path::Path::new(library).is_file() {
        tools::skip("needs bash-completion");
        return;
    }
    let rig = Rig::new();
    generate(&rig, "bash");
    let setup = format!(". {library}\nfor file in ../made/*.bash; do . $file; done");
    press_tab(&rig, "bash --norc", &setup);
}

#[test]
fn zsh_completes_on_tab() {
    let rig = Rig::new();
    generate(&rig, "zsh");
    let setup = "fpath=(../made $fpath); autoload -U compinit; compinit -D -u";
    press_tab(&rig, "zsh -f", setup);
}

#[test]
fn every_shell_offers_every_option() {
    let rig = Rig::new();
    for shell in ["bash", "zsh", "fish"] {
        generate(&rig, shell);
    }
    for name in applets() {
        let help = rig.run(format!("{name} --help")).exits(0).out;
        let rows = help.lines().filter(|line| line.starts_with(' '));
        for row in rows {
            let option = row[6..].split([' ', '\t', '[']).next().unwrap().trim_start_matches('-');
            for (file, form) in [
                (format!("{name}.bash"), format!("--{option}")),
                (format!("_{name}"), format!("--{option}")),
                (format!("{name}.fish"), format!("-l {option} ")),
            ] {
                let text = rig.read(&format!("made/{file}"));
                assert!(text.contains(&form), "{file} lacks {option}");
            }
        }
    }
}

#[test]
fn every_offered_value_is_accepted() {
    let rig = Rig::new();
    for name in applets() {
        let project = env!("CARGO_MANIFEST_DIR");
        let made = rig.shell(format!("'{project}/scripts/gen-docs' bin {name} fish")).exits(0).out;
        for line in made.lines().filter(|line| line.contains(" -x -a '") && line.contains(" -l ")) {
            let option = line.split(" -l ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
            let words =
                line.split(" -a '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
            for word in words.split(' ').filter(|_| !words.starts_with('(')) {
                let value = format!("{word}{}", if word.ends_with([':', '=']) { "1" } else { "" });
                // Because of --help, the applet checks the value but does not run.
                rig.run(format!("{name} --{option} {} --help", quoted(&value))).exits(0);
            }
        }
    }
}
