//! In place of the products in integers on other processors than x86-64: there are none.

use super::blocks::Format;
use super::cache::Held;
use super::integers::{Rounded, Spans};
use super::matmul::STRIP;

/// Proof that cannot be had.
#[derive(Clone, Copy)]
pub(super) enum Vnni {}

impl Vnni {
    pub(super) fn find() -> Option<Vnni> {
        None
    }

    pub(super) fn multiply<F: Format>(self, _: &[&[u8]; STRIP], _: Spans<'_>, _: &mut [f32]) {
        match self {}
    }

    pub(super) fn multiply_few<F: Format>(self, _: &[&[u8]; STRIP], _: Rounded<'_>, _: &mut [f32]) {
        match self {}
    }

    pub(super) fn scores<const ROWS: usize>(self, _: &[Held<'_>], _: &[f32], _: &mut [f32]) {
        match self {}
    }

    pub(super) fn mix<const ROWS: usize>(self, _: &[Held<'_>], _: &[f32], _: &mut [f32]) {
        match self {}
    }

    #[cfg(test)]
    pub(super) fn in_each_order(self) -> [Vnni; 2] {
        match self {}
    }
}
