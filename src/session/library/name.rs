//! File names for sessions: safe on every common file system, and recognisable.

/// Bytes of a name before its ending; with endings it stays under the 255 that file systems allow.
const LONGEST: usize = 96;

/// Names that Windows keeps for devices.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// An example's id as the stem of a file name: letters and digits of any script, `-`, `_` and inner dots stay,
/// every other run of characters becomes one `-`.
pub(super) fn stem(id: &str) -> String {
    let mut name = String::new();
    for c in id.trim().chars() {
        let c = if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
        if name.len() + c.len_utf8() > LONGEST {
            break;
        }
        if c != '-' || !name.ends_with('-') {
            name.push(c);
        }
    }
    let name = name.trim_matches(['.', '-']);
    match name {
        "" => "pair".to_owned(),
        _ if is_reserved(name) => format!("{name}-pair"),
        _ => name.to_owned(),
    }
}

fn is_reserved(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or(name).to_lowercase();
    RESERVED.contains(&first.trim_end_matches(|c: char| c.is_ascii_digit()))
}

/// The names to try for an example, best first: its own, with its hash, then numbered.
pub(super) fn candidates<'a>(id: &'a str, hash: &'a str) -> impl Iterator<Item = String> + 'a {
    let stem = stem(id);
    let hashed = format!("{stem}-{}", hash.get(..8).unwrap_or(hash));
    let numbered = (2u32..).map({
        let hashed = hashed.clone();
        move |number| format!("{hashed}-{number}")
    });
    [stem, hashed].into_iter().chain(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_safe_and_recognisable() {
        let table = [
            ("toast-1", "toast-1"),
            ("../../etc/passwd", "etc-passwd"),
            ("a/b\\c:d*?", "a-b-c-d"),
            ("", "pair"),
            ("...", "pair"),
            ("NUL", "NUL-pair"),
            ("com1.txt", "com1.txt-pair"),
            ("婚礼 祝酒词", "婚礼-祝酒词"),
            (".hidden", "hidden"),
            ("tail.", "tail"),
        ];
        for (id, name) in table {
            assert_eq!(stem(id), name, "{id:?}");
        }
        assert!(stem(&"长".repeat(400)).len() <= LONGEST);
        let names: Vec<String> = candidates("A", "0123456789abcdef").take(3).collect();
        assert_eq!(names, ["A", "A-01234567", "A-01234567-2"]);
    }

    proptest! {
        #[test]
        fn no_id_leaves_its_folder(id in any::<String>()) {
            let name = stem(&id);
            prop_assert!(!name.is_empty() && name.len() <= LONGEST + "-pair".len());
            prop_assert!(!name.starts_with('.') && !name.contains(['/', '\\', '\0', ':']));
        }
    }
}
