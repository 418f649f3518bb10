//! Input pairs: every shape of row, every kind of file, and what is said of those that are of no use.

use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use retrace::reer::Language;
use retrace::session::ExampleRecord;
use retrace::session::pairs::{Fields, Skipped, distinct, read};
use serde_json::json;

use super::scripted::{finished, folder};

type Rows = Vec<Result<ExampleRecord, Skipped>>;

fn rows(path: &Path) -> Rows {
    read(path, &Fields::default()).unwrap().collect()
}

fn of(name: &str, bytes: impl AsRef<[u8]>) -> Rows {
    let dir = folder();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    rows(&path)
}

fn texts(rows: &Rows) -> Vec<(&str, &str)> {
    rows.iter().flatten().map(|pair| (pair.query.as_str(), pair.reference.as_str())).collect()
}

#[test]
fn a_pair_that_is_there_twice_is_taken_once() {
    let dir = folder();
    let path = dir.path().join("twice.jsonl");
    let row = |query: &str, id: &str| json!({"query": query, "reference": "y", "id": id}).to_string();
    std::fs::write(&path, [row("x", "a"), "{}".to_owned(), row("x", "b"), row("z", "c")].join("\n")).unwrap();
    let rows: Rows = distinct(&path, &Fields::default()).unwrap().collect();
    assert_eq!(texts(&rows), [("x", "y"), ("z", "y")]);
    let reason = "the same query and reference as line 1".to_owned();
    assert_eq!(rows[2], Err(Skipped { line: 3, reason }));
}

#[test]
fn every_shape_of_row_is_a_pair() {
    let shapes = [
        json!({"query": "x", "reference": "y"}),
        json!({"question": "x", "solution": "y", "index": 3}),
        json!({"prompt": "x", "response": "y"}),
        json!({"instruction": "x", "output": "y"}),
        json!({"query": null, "question": "x", "answer": "y"}),
        json!({"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "x"}], "solution": "<think>\nz\n</think>\n\ny"}),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}, {"role": "user", "content": "no"}], "answer": "a</think>b</think>\ny"}),
        json!({"messages": [{"from": "human", "value": "x"}], "answer": "y"}),
    ];
    for shape in shapes {
        let rows = of("pairs.jsonl", shape.to_string());
        assert_eq!(texts(&rows), [("x", "y")], "{shape}: {rows:?}");
    }
}

#[test]
fn what_is_known_of_a_pair_is_kept() {
    let row = json!({"id": 7, "index": 9, "query": "写一首诗", "question": "other", "reference": "y", "category": "poem",
        "language": "zh-CN", "license": "CC0", "n": 1.5, "nested": {"a": [1]}});
    let rows = of("pairs.jsonl", row.to_string());
    let pair = rows[0].as_ref().unwrap();
    assert_eq!((pair.id.as_str(), pair.language, pair.category.as_deref()), ("7", Language::Zh, Some("poem")));
    let source = pair.source.as_ref().unwrap();
    assert_eq!((source.file.as_str(), source.row, source.licence.as_deref()), ("pairs.jsonl", 1, Some("CC0")));
    let meta = json!({"index": 9, "question": "other", "license": "CC0", "n": 1.5, "nested": {"a": [1]}});
    assert_eq!(serde_json::Value::Object(pair.meta.clone()), meta);
    assert_eq!(pair.hash, ExampleRecord::pair_hash("写一首诗", "y"));
    let unnamed = of("pairs.jsonl", json!({"query": "x", "reference": "y", "language": "fr"}).to_string());
    let unnamed = unnamed[0].as_ref().unwrap();
    assert_eq!(unnamed.id, format!("row1-{}", &unnamed.hash[..8]));
    assert_eq!((unnamed.language, &unnamed.meta["language"]), (Language::En, &json!("fr")));
}

#[test]
fn a_bad_row_is_named_and_stops_nothing() {
    let text = concat!(
        "\u{feff}{\"query\":\"a\",\"reference\":\"1\"}\r\n",
        "\r\n",
        "{\"query\":\"b\"\n",
        "[1,2]\n",
        "{\"query\":nope}\n",
        "{\"query\":\"  \",\"reference\":\"1\"}\n",
        "{\"query\":\"c\"}\n",
        "{\"query\":5,\"reference\":\"1\"}\n",
        "{\"query\":\"d\",\"reference\":\"<think>z</think>\\n\"}\n",
        "{\"prompt\":[{\"role\":\"system\",\"content\":\"s\"}],\"reference\":\"1\"}\n",
        "{\"query\":\"e\",\"reference\":\"2\"}",
    );
    let rows = of("pairs.jsonl", text);
    assert_eq!(texts(&rows), [("a", "1"), ("e", "2")]);
    let skipped: Vec<&Skipped> = rows.iter().filter_map(|row| row.as_ref().err()).collect();
    let expected = [
        (3, "no JSON: an object is not closed at column 12"),
        (4, "the row is a list, not an object"),
        (5, "no JSON: a value is neither a text in quotes nor a number, true, false or null at column 11"),
        (6, "`query` is empty"),
        (7, "no reference: none of reference, solution, response, answer, output"),
        (8, "`query` is a number, not text"),
        (9, "nothing follows </think>"),
        (10, "`prompt` is a list without a user message"),
    ];
    assert_eq!(skipped.len(), expected.len());
    for (skipped, (line, reason)) in skipped.iter().zip(expected) {
        assert_eq!(skipped.line, line);
        assert!(skipped.reason.contains(reason), "{skipped:?}");
    }
    let mut bytes = b"{\"query\":\"\xff\",\"reference\":\"1\"}\n".to_vec();
    bytes.extend(b"{\"query\":\"f\",\"reference\":\"3\"}\n");
    let rows = of("pairs.jsonl", bytes);
    assert!(rows[0].as_ref().unwrap_err().reason.contains("not UTF-8 at byte 10"));
    assert_eq!(texts(&rows), [("f", "3")]);
}

#[test]
fn a_huge_line_is_skipped_without_being_held() {
    let mut bytes = b"{\"query\":\"".to_vec();
    bytes.resize(bytes.len() + (65 << 20), b'x');
    bytes.extend(b"\",\"reference\":\"1\"}\n{\"query\":\"a\",\"reference\":\"1\"}\n");
    let rows = of("pairs.jsonl", bytes);
    assert!(rows[0].as_ref().unwrap_err().reason.contains("longer than 64 MB"));
    assert_eq!((rows.len(), texts(&rows)), (2, vec![("a", "1")]));
}

#[test]
fn lists_and_single_objects_are_read() {
    let list = "[\n {\"question\": \"a\", \"solution\": \"1\", \"index\": 4},\n 7,\n {\"question\": \"b\", \"solution\": \"2\"}]";
    for name in ["pairs.json", "pairs.jsonl"] {
        let rows = of(name, list);
        assert_eq!(texts(&rows), [("a", "1"), ("b", "2")]);
        assert_eq!(rows[0].as_ref().unwrap().id, "4");
        assert_eq!(rows[1].as_ref().unwrap_err().line, 2);
    }
    assert_eq!(texts(&of("one.json", "{\n \"query\": \"a\",\n \"reference\": \"1\"\n}\n")), [("a", "1")]);
    assert_eq!(
        texts(&of("lines.json", "{\"query\":\"a\",\"reference\":\"1\"}\n{\"query\":\"b\",\"reference\":\"2\"}\n"))
            .len(),
        2
    );
}

#[test]
fn named_fields_override_the_usual_ones() {
    let dir = folder();
    let path = dir.path().join("pairs.jsonl");
    std::fs::write(
        &path,
        "{\"query\":\"no\",\"task\":\"x\",\"gold\":\"y\"}\n{\"query\":\"no\",\"reference\":\"no\"}\n",
    )
    .unwrap();
    let fields = Fields { query: Some("task".into()), reference: Some("gold".into()) };
    let rows: Rows = read(&path, &fields).unwrap().collect();
    assert_eq!(texts(&rows), [("x", "y")]);
    assert_eq!(rows[0].as_ref().unwrap().meta["query"], "no");
    assert!(rows[1].as_ref().unwrap_err().reason.contains("no `task`, which --query-field names"));
}

#[test]
fn a_file_of_no_use_is_one_clear_error() {
    let dir = folder();
    let cases: [(&str, &[u8], &str); 9] = [
        ("empty.jsonl", b"", "is empty"),
        ("blank.jsonl", b" \n\r\n\t", "is empty"),
        ("list.json", b"[]", "is an empty list"),
        ("broken.json", b"[{\"query\":\"x\"}", "is no JSON"),
        ("packed.jsonl.gz", b"\x1f\x8b\x08\0", "is packed (gzip); unpack it first"),
        ("wide.jsonl", b"\xff\xfe{\0", "is UTF-16; convert it to UTF-8"),
        ("named.parquet", b"{\"query\":\"x\"}", "is named parquet and is not"),
        ("cut.parquet", b"PAR1 and no more", "cannot be read as parquet"),
        ("bad.json", b"[\"\xff\"]", "is not UTF-8 at byte 2"),
    ];
    for (name, bytes, said) in cases {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = read(&path, &Fields::default()).err().unwrap().to_string();
        assert!(error.contains(said) && error.contains(name), "{error}");
        assert!(!error.contains('\n'));
    }
    let session = dir.path().join("session.jsonl");
    finished(&session, "s", 2);
    for (path, said) in
        [(dir.path(), "is a folder"), (&dir.path().join("absent"), "cannot be read"), (&session, "is a session")]
    {
        let error = read(path, &Fields::default()).err().unwrap().to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// A parquet file as pyarrow writes one: two rows, `prompt` a list of structs.
fn parquet(path: &Path) {
    let schema = "message schema {
        optional binary solution (STRING);
        optional int64 index;
        optional group prompt (LIST) {
            repeated group list {
                optional group element { optional binary content (STRING); optional binary role (STRING); }
            }
        }
        optional group extra_info { optional binary split (STRING); }
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let text = |values: &[&str]| values.iter().map(|v| ByteArray::from(*v)).collect::<Vec<_>>();
    let strings: [(Vec<ByteArray>, Vec<i16>, Vec<i16>); 4] = [
        (text(&["<think>\nz\n</think>\n\ny 一"]), vec![1, 0], vec![0, 0]),
        (text(&["be kind", "x 一", "x 二"]), vec![4, 4, 4], vec![0, 1, 0]),
        (text(&["system", "user", "user"]), vec![4, 4, 4], vec![0, 1, 0]),
        (text(&["train", "train"]), vec![2, 2], vec![0, 0]),
    ];
    let mut strings = strings.into_iter();
    while let Some(mut column) = group.next_column().unwrap() {
        if column.get_int64().is_some() {
            column.typed::<Int64Type>().write_batch(&[11, 12], Some(&[1, 1]), Some(&[0, 0])).unwrap();
        } else {
            let (values, defined, repeated) = strings.next().unwrap();
            column.typed::<ByteArrayType>().write_batch(&values, Some(&defined), Some(&repeated)).unwrap();
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

trait IsInt64 {
    fn get_int64(&mut self) -> Option<()>;
}

impl IsInt64 for parquet::file::writer::SerializedColumnWriter<'_> {
    fn get_int64(&mut self) -> Option<()> {
        matches!(self.untyped(), parquet::column::writer::ColumnWriter::Int64ColumnWriter(_)).then_some(())
    }
}

#[test]
fn parquet_rows_with_lists_of_structs_are_read() {
    let dir = folder();
    let path = dir.path().join("rows.parquet");
    parquet(&path);
    let rows = rows(&path);
    assert_eq!(texts(&rows), [("x 一", "y 一")]);
    let pair = rows[0].as_ref().unwrap();
    assert_eq!((pair.id.as_str(), pair.source.as_ref().unwrap().row), ("11", 1));
    assert_eq!(pair.meta["extra_info"], json!({"split": "train"}));
    let skipped = rows[1].as_ref().unwrap_err();
    assert_eq!(skipped.line, 2);
    assert!(skipped.reason.contains("no reference"));
}
