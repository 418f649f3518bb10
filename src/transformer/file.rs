//! A GGUF file in memory: its metadata, and its tensors as bytes. Knows nothing of what the tensors mean.

use std::fs::File;
use std::io::Cursor;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, Value};

use super::error::{GgufError, first_line};

/// Where the bytes come from.
pub enum Source {
    Mapped(memmap2::Mmap),
    Static(&'static [u8]),
}

impl Deref for Source {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Source::Mapped(map) => map,
            Source::Static(bytes) => bytes,
        }
    }
}

/// A file whose header has been read and found whole.
pub struct GgufFile {
    /// For messages: the path, or what a bundled model is called.
    pub name: String,
    pub bytes: Arc<Source>,
    content: Content,
}

/// One tensor as it lies in the file.
pub(super) struct RawTensor<'a> {
    pub(super) bytes: &'a [u8],
    /// Where the bytes begin in the file.
    pub(super) start: usize,
    pub(super) dtype: GgmlDType,
    /// Outermost dimension first: a weight is `[outputs, inputs]`.
    pub(super) dims: Vec<usize>,
}

impl GgufFile {
    /// Maps a file into memory and reads its header.
    ///
    /// # Errors
    /// [`GgufError::Unreadable`], [`GgufError::NotGguf`], [`GgufError::Damaged`] or [`GgufError::Unsupported`].
    pub fn open(path: &Path) -> Result<GgufFile, GgufError> {
        let name = path.display().to_string();
        let unreadable =
            |error: std::io::Error| GgufError::Unreadable { name: name.clone(), reason: error.to_string() };
        let file = File::open(path).map_err(unreadable)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(GgufError::Unreadable { name, reason: "not a regular file".to_owned() });
        }
        let map = map(&file).map_err(unreadable)?;
        GgufFile::parse(name, Source::Mapped(map))
    }

    /// Reads the header.
    ///
    /// # Errors
    /// As [`GgufFile::open`], without the first.
    pub fn parse(name: String, bytes: Source) -> Result<GgufFile, GgufError> {
        if !bytes.starts_with(b"GGUF") {
            let begins = match &bytes[..bytes.len().min(4)] {
                [] => "nothing: the file is empty".to_owned(),
                head => format!("`{}`", head.escape_ascii()),
            };
            return Err(GgufError::NotGguf { name, begins });
        }
        // The library's reader divides by the file's alignment unchecked: a zero there must be an error, not a crash.
        let read = catch_unwind(AssertUnwindSafe(|| Content::read(&mut Cursor::new(&*bytes))));
        let content = match read {
            Ok(Ok(content)) => content,
            Ok(Err(error)) => return Err(header_error(name, &error.to_string())),
            Err(_) => return Err(GgufError::Damaged { name, reason: "its header makes no sense".to_owned() }),
        };
        Ok(GgufFile { name, bytes: Arc::new(bytes), content })
    }

    /// A tensor by name; `None` when the file has none of that name.
    ///
    /// # Errors
    /// [`GgufError::Damaged`] when the file ends before the tensor does.
    pub(super) fn tensor(&self, tensor: &str) -> Result<Option<RawTensor<'_>>, GgufError> {
        let Some(info) = self.content.tensor_infos.get(tensor) else { return Ok(None) };
        let dims = info.shape.dims().to_vec();
        let damaged = |reason: String| GgufError::Damaged { name: self.name.clone(), reason };
        let elements = dims.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
        let size = elements
            .filter(|n| n.is_multiple_of(info.ggml_dtype.block_size()))
            .and_then(|n| (n / info.ggml_dtype.block_size()).checked_mul(info.ggml_dtype.type_size()))
            .ok_or_else(|| damaged(format!("the tensor {tensor} has an impossible shape {dims:?}")))?;
        let start = self.content.tensor_data_offset.checked_add(info.offset).and_then(|at| usize::try_from(at).ok());
        let (start, bytes) = start
            .and_then(|start| Some((start, self.bytes.get(start..start.checked_add(size)?)?)))
            .ok_or_else(|| damaged(format!("the file ends before its tensor {tensor} does")))?;
        Ok(Some(RawTensor { bytes, start, dtype: info.ggml_dtype, dims }))
    }

    /// A tensor that must be there.
    pub(super) fn required(&self, tensor: &str) -> Result<RawTensor<'_>, GgufError> {
        self.tensor(tensor)?.ok_or_else(|| self.missing(&format!("the tensor {tensor}")))
    }

    /// Checks that every tensor lies inside the file, and adds up the bytes.
    pub fn tensor_bytes(&self) -> Result<u64, GgufError> {
        let mut names: Vec<&String> = self.content.tensor_infos.keys().collect();
        names.sort();
        let tensors = names.into_iter().filter_map(|name| self.tensor(name).transpose());
        tensors.map(|tensor| tensor.map(|tensor| tensor.bytes.len() as u64)).sum()
    }

    /// A value of the metadata.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.content.metadata.get(key)
    }

    /// A text of the metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(|value| value.to_string().ok()).map(String::as_str)
    }

    /// A count or id of the metadata, whatever integer type it was written in.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.value(key).and_then(integer)
    }

    /// A real number of the metadata.
    pub(super) fn real(&self, key: &str) -> Option<f32> {
        match self.value(key)? {
            Value::F32(value) => Some(*value),
            Value::F64(value) => Some(*value as f32),
            other => integer(other).map(|value| value as f32),
        }
    }

    /// A switch of the metadata.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.value(key).and_then(|value| value.to_bool().ok())
    }

    /// A list of texts that must be there.
    ///
    /// # Errors
    /// [`GgufError::Missing`], or [`GgufError::Damaged`] when it holds something else.
    pub fn texts(&self, key: &str) -> Result<Vec<&str>, GgufError> {
        let list = self.list(key).ok_or_else(|| self.missing(key))?;
        let texts: Result<Vec<&str>, _> = list.iter().map(|value| value.to_string().map(String::as_str)).collect();
        texts.map_err(|_| self.damaged(format!("{key} is not a list of texts")))
    }

    /// A list of counts or ids; `None` for an entry that is none, nothing when the list is not there.
    pub fn numbers(&self, key: &str) -> Vec<Option<u64>> {
        self.list(key).unwrap_or_default().iter().map(integer).collect()
    }

    /// A list of f32 that must be there; `None` for an entry that is none.
    ///
    /// # Errors
    /// [`GgufError::Missing`].
    pub fn reals(&self, key: &str) -> Result<Vec<Option<f32>>, GgufError> {
        let list = self.list(key).ok_or_else(|| self.missing(key))?;
        Ok(list.iter().map(|value| value.to_f32().ok()).collect())
    }

    /// A list of the metadata.
    pub(super) fn list(&self, key: &str) -> Option<&[Value]> {
        self.value(key).and_then(|value| value.to_vec().ok()).map(Vec::as_slice)
    }

    /// The fault of lacking something.
    pub fn missing(&self, what: &str) -> GgufError {
        GgufError::Missing { name: self.name.clone(), what: what.to_owned() }
    }

    /// The fault of asking for what the engine cannot do.
    pub fn unsupported(&self, what: impl Into<String>, remedy: &'static str) -> GgufError {
        GgufError::Unsupported { name: self.name.clone(), what: what.into(), remedy }
    }

    /// The fault of making no sense.
    pub fn damaged(&self, reason: impl Into<String>) -> GgufError {
        GgufError::Damaged { name: self.name.clone(), reason: reason.into() }
    }
}

/// Any integer that is not negative.
pub(super) fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::I8(v) => u64::try_from(*v).ok(),
        Value::I16(v) => u64::try_from(*v).ok(),
        Value::I32(v) => u64::try_from(*v).ok(),
        Value::I64(v) => u64::try_from(*v).ok(),
        Value::Bool(_) => None,
        other => other.to_u64().ok(),
    }
}

fn header_error(name: String, message: &str) -> GgufError {
    let reason = first_line(message);
    if reason.contains("dtype") {
        let remedy = "use F32, F16, BF16, Q4_0 to Q8_0, or Q2_K to Q6_K";
        return GgufError::Unsupported { name, what: format!("a tensor's quantisation ({reason})"), remedy };
    }
    if reason.contains("magic/version") {
        return GgufError::Unsupported { name, what: reason, remedy: "convert the model to GGUF version 2 or 3" };
    }
    let reason =
        if reason.contains("fill whole buffer") { "the file ends inside its header".to_owned() } else { reason };
    GgufError::Damaged { name, reason }
}

/// Maps a model file read-only.
///
/// The only `unsafe` of the house: the map is undefined behaviour if another process truncates or rewrites the file
/// while it is mapped. Model files are written once and then only read, and weights that are used where they lie are in
/// memory once, shared by all processes that use them.
#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<memmap2::Mmap> {
    // SAFETY: see above.
    unsafe { memmap2::Mmap::map(file) }
}
