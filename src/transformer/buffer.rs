//! Memory that is used again.

/// The first `length` numbers of a buffer that grows as it must, whatever they are.
pub(super) fn room(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length.max(buffer.len()), 0.0);
    &mut buffer[..length]
}
