//! The address of a server as a SPEC writes it: `http(s)://HOST[:PORT][/PATH][?kind=KIND][&tokenizer=PATH][#MODEL]`.
//!
//! Only the grammar; which server answers there is found by asking it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;

/// The protocol a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Vllm,
    Sglang,
    /// Completions that give log-probabilities of their prompt back: llama-cpp-python and older servers.
    Echo,
    LlamaServer,
    /// OpenAI-style chat: generates only.
    Chat,
    /// Generates only.
    Anthropic,
    Fireworks,
    Together,
    /// Text-generation-inference: scores only.
    Tgi,
    /// Generates only.
    Ollama,
}

impl Kind {
    pub const ALL: [Kind; 10] = [
        Kind::Vllm,
        Kind::Sglang,
        Kind::Echo,
        Kind::LlamaServer,
        Kind::Chat,
        Kind::Anthropic,
        Kind::Fireworks,
        Kind::Together,
        Kind::Tgi,
        Kind::Ollama,
    ];

    /// As SPECs and records write it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Vllm => "vllm",
            Kind::Sglang => "sglang",
            Kind::Echo => "echo",
            Kind::LlamaServer => "llama-server",
            Kind::Chat => "chat",
            Kind::Anthropic => "anthropic",
            Kind::Fireworks => "fireworks",
            Kind::Together => "together",
            Kind::Tgi => "tgi",
            Kind::Ollama => "ollama",
        }
    }

    /// Whether servers of this kind can give log-probabilities of a given text.
    pub fn scores(self) -> bool {
        !matches!(self, Kind::Chat | Kind::Anthropic | Kind::Ollama)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a server is, and what is said of it. Displayed as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    written: String,
    /// Scheme, host, port and path, without a slash at the end.
    base: String,
    host: String,
    /// Found by asking, where it is not said.
    pub kind: Option<Kind>,
    /// The server's only or first model, where it is not said.
    pub model: Option<String>,
    /// A `tokenizer.json`, or a folder with one and its `tokenizer_config.json`.
    pub tokenizer: Option<PathBuf>,
}

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("{0}: not an address ({1}); write http://HOST:PORT")]
    Malformed(String, String),
    /// Shown without the address, which holds a key.
    #[error(
        "an address must not hold a key or password: it would be recorded with every score; set it in the environment \
         instead (`retrace doctor --help` says under which name)"
    )]
    HoldsKey,
    #[error("{0}: there is no kind {1}; kinds are {kinds}", kinds = Kind::ALL.map(Kind::name).join(", "))]
    Kind(String, String),
    #[error("{0}: {1} is not known; after ? stand kind=KIND and tokenizer=PATH")]
    Option(String, String),
}

impl Address {
    /// The whole address of a route. Those of the OpenAI family begin with `/v1`, and an address that says where its `v1` is
    /// keeps it there.
    pub fn url(&self, path: &str) -> String {
        let says_v1 = self.base.split('/').skip(3).any(|part| part == "v1");
        let root = || if says_v1 { self.base.strip_suffix("/v1").unwrap_or(&self.base) } else { &self.base };
        match path.strip_prefix("/v1/") {
            Some(rest) if says_v1 => format!("{}/{rest}", self.base),
            _ => format!("{}{path}", root()),
        }
    }

    /// Host name or number, without the port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Scheme, host, port and path: what tells one endpoint from another, and is short enough to show.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether the server is on this machine.
    pub fn is_local(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let written = text.trim().to_owned();
        let malformed = |why: &str| AddressError::Malformed(written.clone(), why.to_owned());
        let url = Url::parse(&written).map_err(|e| malformed(&e.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::HoldsKey);
        }
        let host = url.host_str().ok_or_else(|| malformed("it names no host"))?.to_owned();
        let (mut kind, mut tokenizer) = (None, None);
        for (name, value) in url.query_pairs() {
            match &*name {
                "kind" => {
                    let named = Kind::ALL.into_iter().find(|kind| kind.name() == value);
                    kind = Some(named.ok_or_else(|| AddressError::Kind(written.clone(), value.into_owned()))?);
                }
                "tokenizer" => tokenizer = Some(PathBuf::from(value.into_owned())),
                secret if ["key", "token", "secret"].iter().any(|word| secret.to_ascii_lowercase().ends_with(word)) => {
                    return Err(AddressError::HoldsKey);
                }
                _ => return Err(AddressError::Option(written.clone(), name.into_owned())),
            }
        }
        let model = url.fragment().filter(|model| !model.is_empty()).map(decoded);
        let mut base = url;
        base.set_query(None);
        base.set_fragment(None);
        let base = base.as_str().trim_end_matches('/').to_owned();
        Ok(Address { written, base, host, kind, model, tokenizer })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// A fragment with its percent signs read.
fn decoded(fragment: &str) -> String {
    let query = format!("x={}", fragment.replace('+', "%2B").replace('&', "%26"));
    let mut url = Url::parse("http://h").ok();
    let pairs = url.as_mut().map(|url| {
        url.set_query(Some(&query));
        url.query_pairs().next().map(|(_, value)| value.into_owned())
    });
    pairs.flatten().unwrap_or_else(|| fragment.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn parts_of_an_address() {
        let whole = address("http://gpu7:8000/a/?kind=vllm&tokenizer=/m/t%20x#Qwen/Qwen3-8B+x");
        assert_eq!(whole.kind, Some(Kind::Vllm));
        assert_eq!(whole.model.as_deref(), Some("Qwen/Qwen3-8B+x"));
        assert_eq!(whole.tokenizer.as_deref(), Some(std::path::Path::new("/m/t x")));
        assert_eq!((whole.base(), whole.host()), ("http://gpu7:8000/a", "gpu7"));
        assert_eq!(whole.to_string(), "http://gpu7:8000/a/?kind=vllm&tokenizer=/m/t%20x#Qwen/Qwen3-8B+x");
    }

    #[test]
    fn routes_keep_the_v1_that_an_address_says() {
        for (base, completions, tokenize) in [
            ("http://h:1", "http://h:1/v1/completions", "http://h:1/tokenize"),
            ("http://h:1/v1", "http://h:1/v1/completions", "http://h:1/tokenize"),
            ("https://h/v1/openai/", "https://h/v1/openai/completions", "https://h/v1/openai/tokenize"),
            ("https://h/inference", "https://h/inference/v1/completions", "https://h/inference/tokenize"),
        ] {
            let address = address(base);
            assert_eq!((&*address.url("/v1/completions"), &*address.url("/tokenize")), (completions, tokenize));
        }
    }

    #[test]
    fn this_machine_is_known() {
        for (text, local) in
            [("http://localhost:1", true), ("http://127.0.0.3", true), ("http://[::1]:9", true), ("http://gpu7", false)]
        {
            assert_eq!(address(text).is_local(), local, "{text}");
        }
    }

    #[test]
    fn a_key_in_an_address_is_refused_and_not_repeated() {
        for text in ["http://me:sk-1@h", "http://sk-1@h", "http://h?api_key=sk-1", "http://h?kind=vllm&token=sk-1"] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error, AddressError::HoldsKey);
            assert!(!error.to_string().contains("sk-1"));
        }
    }

    #[test]
    fn refusals_name_the_remedy() {
        let message = |text: &str| text.parse::<Address>().unwrap_err().to_string();
        assert!(message("http://").contains("write http://HOST:PORT"));
        assert!(message("http://h?kind=gpt").contains("kinds are vllm, sglang"));
        assert!(message("http://h?knd=vllm").contains("knd is not known"));
    }
}
