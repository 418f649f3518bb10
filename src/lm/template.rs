//! Chat templates as model files carry them, rendered up to the assistant's turn.
//!
//! Contents are set in by sentinels, so that the caller knows which bytes are the template's and which the
//! messages'. Tools, documents and pictures are not for us and are absent. A template that only a server has is rendered
//! there, with the sentinels as contents, once for each sequence of roles.

use std::borrow::Cow;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use time::format_description::parse_strftime_owned;

use super::{FramePiece, LmError, Message};

/// Special tokens that templates name, spelled as in the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpecialTokens {
    pub bos: Option<String>,
    pub eos: Option<String>,
    pub unknown: Option<String>,
    pub padding: Option<String>,
}

/// A chat template that compiles, or what one that is elsewhere makes of sentinels.
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Here {
        environment: Box<Environment<'static>>,
        tokens: SpecialTokens,
    },
    /// Renderings by the roles of their messages.
    Elsewhere(Vec<(Vec<&'static str>, String)>),
}

/// Private-use characters around a message's number: no template's text contains them.
const OPEN: char = '\u{E8F0}';
const CLOSE: char = '\u{E8F1}';
/// White space that templates trim but never write; where it survives, the template does not trim.
const PROBE: char = '\u{2003}';

/// The date a template is told, so that a score does not change with the day it is made: the one that Llama
/// templates fall back to.
const TODAY: time::PrimitiveDateTime = time::macros::datetime!(2024-07-26 12:00);

impl ChatTemplate {
    /// Compiles a template.
    ///
    /// # Errors
    /// [`LmError::Unsupported`] with the place and cause of the fault.
    pub fn new(source: &str, tokens: SpecialTokens) -> Result<ChatTemplate, LmError> {
        let mut environment = Environment::new();
        let blocks = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(blocks.map_err(|e| fault(&e))?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |text: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, text))
        });
        environment.add_function("strftime_now", strftime_now);
        environment.add_filter("tojson", to_json);
        environment.add_template_owned("chat", without_generation_marks(source)).map_err(|e| fault(&e))?;
        Ok(ChatTemplate { source: Source::Here { environment: Box::new(environment), tokens } })
    }

    /// A template known by its renderings of [`sentinels`], each with the roles of its messages.
    ///
    /// # Errors
    /// [`LmError::Unsupported`] when a rendering does not hold every sentinel.
    pub fn of_renderings(renderings: Vec<(Vec<&'static str>, String)>) -> Result<ChatTemplate, LmError> {
        for (roles, rendered) in &renderings {
            pieces(rendered, &sentinels(roles))?;
        }
        Ok(ChatTemplate { source: Source::Elsewhere(renderings) })
    }

    /// The prompt for the assistant's next turn. What the template says is markup, the contents are text; a think
    /// block that the template opens (or writes empty) for the assistant is taken off.
    ///
    /// # Errors
    /// [`LmError::Unsupported`] when the template refuses the messages or leaves a content out.
    pub fn render(&self, messages: &[Message]) -> Result<Vec<FramePiece>, LmError> {
        let rendered = match &self.source {
            Source::Here { environment, tokens } => Cow::Owned(rendered(environment, tokens, messages)?),
            Source::Elsewhere(renderings) => {
                let is_asked = |roles: &[&str]| roles.iter().eq(messages.iter().map(|message| &message.role));
                let known = renderings.iter().find(|(roles, _)| is_asked(roles));
                let (_, rendered) = known.ok_or_else(|| {
                    let roles: Vec<&str> = messages.iter().map(|message| message.role).collect();
                    left_out(&format!("has not been asked for the messages {}", roles.join(", ")))
                })?;
                Cow::Borrowed(rendered.as_str())
            }
        };
        pieces(without_think(&rendered), messages)
    }
}

/// Messages whose contents are sentinels, for a template that is elsewhere.
pub fn sentinels(roles: &[&'static str]) -> Vec<Message> {
    roles.iter().enumerate().map(|(at, role)| Message { role, content: sentinel(at) }).collect()
}

fn sentinel(at: usize) -> String {
    format!("{PROBE}{OPEN}{at}{CLOSE}{PROBE}")
}

fn rendered(
    environment: &Environment<'static>,
    tokens: &SpecialTokens,
    messages: &[Message],
) -> Result<String, LmError> {
    let marked: Vec<Value> =
        (0..messages.len()).map(|at| context! { role => messages[at].role, content => sentinel(at) }).collect();
    let rendered = environment.get_template("chat").and_then(|template| {
        template.render(context! {
            messages => marked,
            add_generation_prompt => true,
            bos_token => tokens.bos.as_deref().unwrap_or_default(),
            eos_token => tokens.eos.as_deref().unwrap_or_default(),
            unk_token => tokens.unknown.as_deref().unwrap_or_default(),
            pad_token => tokens.padding.as_deref().unwrap_or_default(),
            tools => (),
            documents => (),
        })
    });
    rendered.map_err(|e| fault(&e))
}

/// Splits a rendering at its sentinels and sets the contents in, trimmed where the template trims.
fn pieces(rendered: &str, messages: &[Message]) -> Result<Vec<FramePiece>, LmError> {
    let mut out = Vec::new();
    let mut seen = vec![false; messages.len()];
    let mut parts = rendered.split(OPEN);
    push_markup(&mut out, parts.next().unwrap_or_default().trim_end_matches(PROBE));
    let mut trims_start = !rendered.split(OPEN).next().unwrap_or_default().ends_with(PROBE);
    for part in parts {
        let (number, after) = part.split_once(CLOSE).ok_or_else(|| left_out("cuts a message's content"))?;
        let at: usize = number.parse().map_err(|_| left_out("changes a message's content"))?;
        let message = messages.get(at).ok_or_else(|| left_out("changes a message's content"))?;
        seen[at] = true;
        let content = if trims_start { message.content.trim_start() } else { &message.content };
        let content = if after.starts_with(PROBE) { content } else { content.trim_end() };
        if !content.is_empty() {
            out.push(FramePiece::Text(content.to_owned()));
        }
        trims_start = !after.strip_prefix(PROBE).unwrap_or(after).ends_with(PROBE);
        push_markup(&mut out, after.trim_matches(PROBE));
    }
    match messages.iter().zip(seen).find(|(_, seen)| !seen) {
        Some((message, _)) => Err(left_out(&format!("leaves out the {} message", message.role))),
        None => Ok(out),
    }
}

fn push_markup(out: &mut Vec<FramePiece>, text: &str) {
    if !text.is_empty() {
        out.push(FramePiece::Markup(text.to_owned()));
    }
}

/// Takes off an opened, or an empty, think block at the end.
fn without_think(rendered: &str) -> &str {
    let end = rendered.trim_end();
    if let Some(head) = end.strip_suffix("<think>") {
        return head;
    }
    match end.strip_suffix("</think>").and_then(|head| head.trim_end().strip_suffix("<think>")) {
        Some(head) => head,
        None => rendered,
    }
}

/// Training templates mark the assistant's words with a tag that only one library knows; it changes nothing here.
fn without_generation_marks(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let Some(end) = rest[at..].find("%}").map(|end| at + end + 2) else { break };
        let tag = &rest[at..end];
        let statement = match tag[2..tag.len() - 2].trim_matches(['-', '+', ' ', '\t', '\r', '\n']) {
            "generation" => tag.replace("generation", "if true"),
            "endgeneration" => tag.replace("endgeneration", "endif"),
            _ => tag.to_owned(),
        };
        out.push_str(&rest[..at]);
        out.push_str(&statement);
        rest = &rest[end..];
    }
    out + rest
}

fn strftime_now(format: &str) -> Result<String, Error> {
    let bad = |cause: String| Error::new(ErrorKind::InvalidOperation, format!("date format {format:?}: {cause}"));
    let items = parse_strftime_owned(format).map_err(|e| bad(e.to_string()))?;
    TODAY.format(&items).map_err(|e| bad(e.to_string()))
}

/// JSON as the template authors' library writes it: nothing escaped for HTML.
fn to_json(value: &Value, options: minijinja::value::Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let fail = |e: serde_json::Error| Error::new(ErrorKind::BadSerialization, e.to_string());
    let Some(indent) = indent else { return serde_json::to_string(value).map_err(fail) };
    let spaces = " ".repeat(indent);
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
    serde::Serialize::serialize(value, &mut serde_json::Serializer::with_formatter(&mut out, formatter))
        .map_err(fail)?;
    String::from_utf8(out).map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))
}

fn fault(error: &Error) -> LmError {
    let place = error.line().map(|line| format!(", line {line}")).unwrap_or_default();
    let detail = error.detail().map(str::to_owned).unwrap_or_else(|| error.kind().to_string());
    LmError::Unsupported(format!(
        "the model's chat template{place}: {detail}; a template file of your own, or the plain frame, can take its place"
    ))
}

fn left_out(what: &str) -> LmError {
    LmError::Unsupported(format!("the model's chat template {what}; a template file of your own can take its place"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A template in the manner of the ChatML models, with their default system message and tool branches.
    const CHATML: &str = r#"
{%- if tools %}
    {{- '<|im_start|>system\n# Tools' }}
    {%- for tool in tools %}{{- tool | tojson }}{%- endfor %}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- else %}
    {{- '<|im_start|>system\nYou are helpful.<|im_end|>\n' }}
{%- endif %}
{%- set ns = namespace(last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- if message.role == "user" and message.content is string %}{%- set ns.last = loop.index0 %}{%- break %}{%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == 'system' %}{%- continue %}{%- endif %}
    {%- set content = message.content %}
    {%- if message.role == 'assistant' and '</think>' in content %}
        {%- set content = content.split('</think>')[-1].lstrip('\n') %}
    {%- endif %}
    {%- if message.reasoning_content is string %}{{- raise_exception('no') }}{%- endif %}
    {{- '<|im_start|>' + message.role + '\n' + content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}
{%- endif %}"#;

    /// In the manner of the header models: begins with BOS, trims contents, tells the date.
    const HEADERS: &str = r#"{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start|>system<|end|>\n\nToday Date: " + date_string + "\n\n" + system_message + "<|eot|>" }}
{%- if tools is not none %}{{- raise_exception("no tools here") }}{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or 'tool_calls' in message) %}
        {{- '<|start|>' + message['role'] + '<|end|>\n\n' + message['content'] | trim + '<|eot|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start|>assistant<|end|>\n\n' }}
{%- endif %}
"#;

    /// A reasoning model's: opens the think block itself and marks generations.
    const THINKING: &str = "{{ bos_token }}{% for m in messages %}\n{% if m['role'] == 'system' %}{{ raise_exception('System role is not supported') }}{% endif %}\n<{{ m['role'] }}>{{ m['content'].strip() }}\n{% endfor %}\n{%- generation -%}<assistant><think>\n{% endgeneration %}";

    fn user(content: &str) -> Message {
        Message { role: "user", content: content.to_owned() }
    }

    fn tokens() -> SpecialTokens {
        SpecialTokens { bos: Some("<s>".to_owned()), ..SpecialTokens::default() }
    }

    /// The rendering with texts in brackets.
    fn shown(source: &str, messages: &[Message]) -> String {
        let pieces = ChatTemplate::new(source, tokens()).unwrap().render(messages).unwrap();
        let show = |piece: FramePiece| match piece {
            FramePiece::Text(text) => format!("[{text}]"),
            FramePiece::Markup(text) => text,
        };
        pieces.into_iter().map(show).collect()
    }

    #[test]
    fn chatml_keeps_its_default_system_message_and_every_space_of_x() {
        assert_eq!(
            shown(CHATML, &[user(" x <|im_end|>\n")]),
            "<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\n[ x <|im_end|>\n]<|im_end|>\n<|im_start|>assistant\n"
        );
        let messages = [Message { role: "system", content: "Plan.".to_owned() }, user("x")];
        assert_eq!(
            shown(CHATML, &messages),
            "<|im_start|>system\n[Plan.]<|im_end|>\n<|im_start|>user\n[x]<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn a_template_that_trims_trims_x_and_the_date_stands_still() {
        assert_eq!(
            shown(HEADERS, &[user(" x \n")]),
            "<s><|start|>system<|end|>\n\nToday Date: 26 Jul 2024\n\n<|eot|><|start|>user<|end|>\n\n[x]<|eot|><|start|>assistant<|end|>\n\n"
        );
    }

    #[test]
    fn a_template_elsewhere_is_known_by_what_it_makes_of_sentinels() {
        for source in [CHATML, HEADERS] {
            let here = ChatTemplate::new(source, tokens()).unwrap();
            let Source::Here { environment, tokens } = &here.source else { panic!("it is here") };
            let rendering = |roles: &[&'static str]| {
                (roles.to_vec(), rendered(environment, tokens, &sentinels(roles)).unwrap() + "<think>\n")
            };
            let renderings = vec![rendering(&["user"]), rendering(&["system", "user"])];
            let elsewhere = ChatTemplate::of_renderings(renderings).unwrap();
            let system = Message { role: "system", content: " Plan. ".to_owned() };
            for messages in [vec![user(" x \n")], vec![system, user("<|im_end|>")]] {
                assert_eq!(elsewhere.render(&messages), here.render(&messages));
            }
            let unknown = elsewhere.render(&[user("x"), user("y")]).unwrap_err().to_string();
            assert!(unknown.contains("user, user"), "{unknown}");
        }
        let cut = vec![(vec!["user"], "no content".to_owned())];
        assert!(ChatTemplate::of_renderings(cut).is_err());
    }

    #[test]
    fn a_think_block_that_the_template_opens_is_taken_off() {
        assert_eq!(shown(THINKING, &[user(" x ")]), "<s><user>[x]\n<assistant>");
        for tail in ["<think>\n", "<think>\n\n</think>\n\n", "<think></think>", ""] {
            assert_eq!(shown(&format!("{{{{ messages[0].content }}}}<a>{tail}"), &[user("x")]), "[x]<a>", "{tail:?}");
        }
    }

    #[test]
    fn faults_name_their_cause() {
        let fails = |source: &str, messages: &[Message]| {
            ChatTemplate::new(source, tokens()).and_then(|t| t.render(messages)).unwrap_err().to_string()
        };
        let system = Message { role: "system", content: "s".to_owned() };
        assert!(fails(THINKING, &[system, user("x")]).contains("System role is not supported"));
        assert!(fails("a\n{% if %}", &[user("x")]).contains("line 2"));
        assert!(fails("{{ bos_token }}", &[user("x")]).contains("leaves out the user message"));
        assert!(fails("{{ messages[0].content | upper | replace('0', 'x') }}", &[user("x")]).contains("changes"));
        assert!(fails("{{ strftime_now('%Q') }}", &[user("x")]).contains("date format"));
    }

    #[test]
    fn json_is_written_as_template_authors_expect() {
        let source = "{{ messages[0].content }}{{ {'a': '<b>'} | tojson }}{{ [1] | tojson(indent=2) }}";
        assert_eq!(shown(source, &[user("x")]), "[x]{\"a\":\"<b>\"}[\n  1\n]");
    }
}
