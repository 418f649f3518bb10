//! Keys of servers: where they are looked for, and a type that cannot be shown.

use std::collections::BTreeMap;
use std::fmt;

/// A key. Printing it in any way gives dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The key itself, to be sent and nothing else.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the key replaced: servers repeat a wrong key in their refusals.
    pub fn out_of(&self, text: &str) -> String {
        // A provider shows a part of it: its last characters after stars or dots are left as they are no key.
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "•••") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

/// Where keys are found: the environment, then the settings file.
#[derive(Clone, Default)]
pub struct Keys {
    variables: BTreeMap<String, Secret>,
    /// By host.
    hosts: BTreeMap<String, Secret>,
}

/// The variable that serves every host without one of its own.
pub const ANY_HOST: &str = "RETRACE_API_KEY";

/// Variables that providers' own programs read, by the end of the host's name.
const PROVIDERS: &[(&str, &str)] = &[
    ("openai.com", "OPENAI_API_KEY"),
    ("anthropic.com", "ANTHROPIC_API_KEY"),
    ("fireworks.ai", "FIREWORKS_API_KEY"),
    ("together.xyz", "TOGETHER_API_KEY"),
    ("together.ai", "TOGETHER_API_KEY"),
    ("deepinfra.com", "DEEPINFRA_API_KEY"),
    ("openrouter.ai", "OPENROUTER_API_KEY"),
    ("huggingface.cloud", "HF_TOKEN"),
    ("huggingface.co", "HF_TOKEN"),
];

impl Keys {
    /// Keys of an environment, read by `variable`, and of a settings file's table of hosts.
    pub fn new(variable: impl Fn(&str) -> Option<String>, hosts: BTreeMap<String, String>) -> Keys {
        let names = PROVIDERS.iter().map(|(_, name)| *name).chain([ANY_HOST]);
        let given = |name: &str| variable(name).filter(|key| !key.trim().is_empty());
        let secret = |key: String| Secret(key.trim().to_owned());
        Keys {
            variables: names.filter_map(|name| Some((name.to_owned(), secret(given(name)?)))).collect(),
            hosts: hosts.into_iter().map(|(host, key)| (host.to_ascii_lowercase(), secret(key))).collect(),
        }
    }

    /// The key for a host: its provider's variable, else the settings file's entry, else [`ANY_HOST`], which is not given to
    /// a provider that has a variable of its own.
    pub fn of(&self, host: &str) -> Option<Secret> {
        let host = host.to_ascii_lowercase();
        let provider = provider(&host);
        let found = match provider {
            Some(name) => self.variables.get(name).or_else(|| self.hosts.get(&host)),
            None => self.hosts.get(&host).or_else(|| self.variables.get(ANY_HOST)),
        };
        found.cloned()
    }

    /// The variable in which a host's key is looked for.
    pub fn variable(host: &str) -> &'static str {
        provider(&host.to_ascii_lowercase()).unwrap_or(ANY_HOST)
    }
}

fn provider(host: &str) -> Option<&'static str> {
    let is = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    PROVIDERS.iter().find(|(domain, _)| is(domain)).map(|(_, name)| *name)
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.variables.keys().chain(self.hosts.keys());
        f.debug_list().entries(named).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let variable = |name: &str| match name {
            "OPENAI_API_KEY" => Some(" sk-open \n".to_owned()),
            "RETRACE_API_KEY" => Some("sk-any".to_owned()),
            "TOGETHER_API_KEY" => Some(String::new()),
            _ => None,
        };
        Keys::new(variable, BTreeMap::from([("GPU7".to_owned(), "sk-gpu7".to_owned())]))
    }

    #[test]
    fn each_host_has_its_key_and_no_other() {
        let keys = keys();
        let of = |host: &str| keys.of(host).map(|key| key.reveal().to_owned());
        assert_eq!(of("api.openai.com").as_deref(), Some("sk-open"));
        assert_eq!(of("gpu7").as_deref(), Some("sk-gpu7"));
        assert_eq!(of("gpu8").as_deref(), Some("sk-any"));
        assert_eq!(of("api.together.xyz"), None, "the key of no provider goes to another");
        assert_eq!(of("notopenai.com").as_deref(), Some("sk-any"));
    }

    #[test]
    fn a_key_cannot_be_printed() {
        let keys = keys();
        let secret = keys.of("gpu7").unwrap();
        assert!(!format!("{secret:?} {keys:?}").contains("sk-"));
        assert_eq!(secret.out_of("bad key sk-gpu7, sk-gpu7"), "bad key •••, •••");
    }
}
