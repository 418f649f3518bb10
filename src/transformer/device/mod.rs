//! The whole forward pass by candle on an accelerator: the first CUDA or Metal device, or the processor with MKL or
//! Accelerate, by the feature that the package was built with.
//!
//! The weights are copied to the device as f32, four bytes each whatever the file's quantisation, so that they are the file's
//! numbers there too; keys and values stay there, as f32. Token ids go up, residual streams and log-probabilities come down.
//! How a row is summed is the library's affair and may depend on the rows beside it: scores of the same text differ in their
//! last bits.
//!
//! What it offers is what `network` and `cache` offer on the processor. Tests run it there without any feature, beside them.

mod cache;
mod layer;
mod network;

use std::sync::OnceLock;

use candle_core::{Device, Error};

pub use cache::{Pool, Sequence};
pub use network::Network;

use super::error::{Halt, first_line};

impl From<Error> for Halt {
    fn from(error: Error) -> Halt {
        Halt::Device { reason: first_line(&error.to_string()) }
    }
}

/// The device, looked for once.
fn device() -> Result<&'static Device, Error> {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    if let Some(device) = DEVICE.get() {
        return Ok(device);
    }
    let found = if cfg!(feature = "cuda") {
        Device::new_cuda(0)?
    } else if cfg!(feature = "metal") {
        Device::new_metal(0)?
    } else {
        Device::Cpu
    };
    Ok(DEVICE.get_or_init(|| found))
}
