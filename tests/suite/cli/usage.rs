//! Help, mistakes in arguments, and what stdout and stderr are for.

use super::{House, Ran};

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let ran = House::new().run::<&str>(&[]);
    assert!(ran.refused().contains("the workbench needs a terminal"), "{}", ran.err);
}

#[test]
fn help_teaches() {
    let house = House::new();
    for command in ["", "search", "score", "config", "replay", "stats", "export", "check", "completions"] {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let ran = house.run(&args).fine();
        let name = if command.is_empty() { "retrace" } else { command };
        insta::assert_snapshot!(format!("help_{name}"), ran.out);
    }
}

/// The list of commands names `help`, so it is one to ask about.
#[test]
fn help_of_help_is_the_list() {
    let house = House::new();
    let list = house.run(&["help"]).fine().out;
    assert_eq!(house.run(&["help", "--help"]).fine().out, list);
}

#[test]
fn mistakes_are_one_line_and_exit_code_2() {
    let house = House::new();
    let cases: [(&[&str], &str); 8] = [
        (&["serch"], "serch: there is no such file or folder; did you mean `retrace search`?"),
        (&["check"], "required arguments were not provided: <PATH>; see `retrace check --help`"),
        (
            &["check", "nowhere"],
            "nowhere: cannot be read: No such file or directory (os error 2); check the path and its permissions",
        ),
        (&["replay", "x.jsonl", "--step", "two"], "invalid value 'two' for '--step <N>'"),
        (&["export", "out", "--to", "o", "--format", "parquet"], "\"parquet\" is not a format of this version"),
        (&["stats", "nowhere"], "nowhere: cannot be read: "),
        (&["replay", "."], ".: is a folder; name a session file"),
        (&["score", "nowhere"], "nowhere: cannot be read: "),
    ];
    for (args, message) in cases {
        let ran = house.run(args);
        assert!(ran.refused().contains(message), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let house = House::new();
    for args in [&["completions", "zsh"][..], &["config", "show"], &["--help"]] {
        let piped = || std::process::Stdio::piped();
        let mut child = house.command().args(args).stdout(piped()).stderr(piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn every_shell_gets_a_script() {
    let house = House::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(house.run(&["completions", shell]).fine().out.contains("retrace"), "{shell}");
    }
}
