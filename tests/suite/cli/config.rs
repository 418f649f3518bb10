//! Settings from the file, the environment and their mistakes, as a user meets them.

use super::{House, Ran};

#[test]
fn the_file_begins_by_init_and_is_read_back() {
    let house = House::new();
    let path = house.run(&["config", "path"]).fine().out;
    let path = std::path::Path::new(path.trim_end());
    assert!(path.starts_with(house.path("")), "{}", path.display());
    assert_eq!(house.run(&["config", "show", "--json"]).fine().json()["exists"], false);
    assert_eq!(house.run(&["config", "init"]).code, 0);
    assert_eq!(std::fs::read_to_string(path).unwrap(), retrace::settings::DEFAULT_FILE);
    let refused = house.run(&["config", "init"]);
    assert!(refused.refused().contains("exists; remove it first"));
    let shown = house.run(&["config", "show", "--json"]).fine().json();
    assert_eq!(shown["exists"], true);
    let origin = |key: &str| {
        let values = shown["values"].as_array().unwrap();
        values.iter().find(|value| value["key"] == key).unwrap()["origin"].as_str().unwrap().to_owned()
    };
    assert!(origin("scorer").starts_with(path.to_str().unwrap()), "{}", origin("scorer"));
    assert_eq!(origin("search.steps"), "preset retrace");
}

#[test]
fn the_environment_goes_before_the_file() {
    let house = House::new();
    house.write("config/retrace/settings.toml", "scorer = \"gguf:a\"\ngenerator = \"gguf:b\"\n");
    let mut command = house.command();
    let ran = Ran::of(command.args(["config", "show"]).env("RETRACE_SCORER", "bundled").output().unwrap()).fine();
    let line = |key: &str| ran.out.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("scorer").contains("\"bundled\"") && line("scorer").ends_with("RETRACE_SCORER"), "{}", ran.out);
    assert!(line("generator").ends_with("settings.toml:2"), "{}", ran.out);
}

#[test]
fn a_wrong_file_is_refused_with_file_line_and_remedy() {
    let house = House::new();
    house.write("config/retrace/settings.toml", "# mine\nscorer = \"bundled\"\n[search]\ncandidats = 3\n");
    let ran = house.run(&["config", "show"]);
    let line = ran.refused();
    assert!(line.contains("settings.toml:4: there is no setting search.candidats"), "{line}");
    assert!(line.contains("did you mean search.candidates?"), "{line}");
    let missing =
        Ran::of(house.command().args(["config", "show"]).env("RETRACE_CONFIG", "none.toml").output().unwrap());
    assert!(missing.refused().starts_with("none.toml: cannot be read"), "{}", missing.err);
}
