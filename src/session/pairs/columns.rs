//! Parquet rows as JSON objects.

use std::fs::File;
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use serde_json::{Map, Number, Value};

use super::Rows;

/// The rows of a parquet file, one row group in memory at a time; after an unreadable one there are no more.
pub(super) fn rows(path: &Path) -> Result<Rows, ParquetError> {
    let file = File::open(path).map_err(|e| ParquetError::General(e.to_string()))?;
    let reader = SerializedFileReader::new(file)?;
    for group in 0..reader.num_row_groups() {
        reader.get_row_group(group)?;
    }
    let mut broken = false;
    let rows = RowIter::from_file_into(Box::new(reader)).map_while(move |row| {
        let good = !std::mem::replace(&mut broken, row.is_err());
        good.then_some(row)
    });
    Ok(Box::new(rows.enumerate().map(|(at, row)| {
        let object = row.map(|row| object(row.into_columns()));
        (at as u64 + 1, object.map_err(|e| format!("the file cannot be read from here on: {e}")))
    })))
}

fn object(columns: Vec<(String, Field)>) -> Value {
    Value::Object(columns.into_iter().map(|(name, field)| (name, value(field))).collect())
}

/// A field as JSON: numbers that JSON has no form for and bytes that are no text become null.
fn value(field: Field) -> Value {
    let real = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    match field {
        Field::Null => Value::Null,
        Field::Bool(v) => v.into(),
        Field::Byte(v) => v.into(),
        Field::Short(v) => v.into(),
        Field::Int(v) | Field::Date(v) | Field::TimeMillis(v) => v.into(),
        Field::Long(v) | Field::TimeMicros(v) | Field::TimestampMillis(v) | Field::TimestampMicros(v) => v.into(),
        Field::UByte(v) => v.into(),
        Field::UShort(v) => v.into(),
        Field::UInt(v) => v.into(),
        Field::ULong(v) => v.into(),
        Field::Float16(v) => real(v.to_f64()),
        Field::Float(v) => real(v.into()),
        Field::Double(v) => real(v),
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).map_or(Value::Null, Value::from),
        Field::Group(row) => object(row.into_columns()),
        Field::ListInternal(list) => list.elements().iter().cloned().map(value).collect(),
        Field::MapInternal(map) => Value::Object(entries(map.entries())),
        // Decimals: no pair needs them.
        other => other.to_string().into(),
    }
}

fn entries(entries: &[(Field, Field)]) -> Map<String, Value> {
    let key = |field: &Field| match field {
        Field::Str(text) => text.clone(),
        other => other.to_string(),
    };
    entries.iter().map(|(name, field)| (key(name), value(field.clone()))).collect()
}
