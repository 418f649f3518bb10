//! Work shared among the threads of candle's pool.
//!
//! The pool's workers spin for a moment after each piece of work: a layer is many short pieces one after the other.

use std::sync::{Mutex, PoisonError};

/// Calls `work` with each piece of `output` (all `size` long but the last) and its index, on all threads.
pub(super) fn chunks<T: Send>(output: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    items(output.chunks_mut(size.max(1)).enumerate().collect(), |(at, chunk)| work(at, chunk));
}

/// Rows that one task takes at once: enough work to be worth handing over.
pub(super) const ROWS_A_TASK: usize = 16;

/// Calls `work` with each row of `output`, `width` wide, and its index, on all threads.
pub(super) fn rows(output: &mut [f32], width: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    chunks(output, width * ROWS_A_TASK, |task, chunk| {
        for (at, row) in chunk.chunks_exact_mut(width).enumerate() {
            work(task * ROWS_A_TASK + at, row);
        }
    });
}

/// Calls `work` once with each item, on all threads, in no order.
pub(super) fn items<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    if items.len() < 2 {
        items.into_iter().for_each(work);
        return;
    }
    let queue = Mutex::new(items.into_iter());
    candle_core::utils::barrier_pool().execute(|_| {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            match next {
                Some(item) => work(item),
                None => break,
            }
        }
    });
}
