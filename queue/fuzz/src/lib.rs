// SPDX-License-Identifier: GPL-2.0

//! What the fuzz targets have in common.
//!
//! Each target draws a sequence of operations from the fuzzer's bytes, carries it out on one type of `queue` and on
//! a model that is too simple to be wrong in the same way, and compares after every step.

#[path = "../../tests/queue/memory.rs"]
pub mod memory;
pub mod written;

use arbitrary::{Arbitrary, Result, Unstructured};

/// A number of bytes: mostly one that small memories have, and now and then one at the limit of the type.
#[derive(Clone, Copy, Debug)]
pub struct Amount(pub usize);

impl<'a> Arbitrary<'a> for Amount {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(match u8::arbitrary(u)? {
            0xff => usize::MAX - usize::from(u8::arbitrary(u)?),
            0xfe => usize::arbitrary(u)?,
            small => small.into(),
        }))
    }
}

/// What becomes of a queue of bytes.
#[derive(Arbitrary, Debug)]
pub enum Case<S, M> {
    /// A small one, with a memory that is compared byte by byte.
    Bytes(u8, Vec<S>),
    /// One that may be too large for any memory, of which figures are compared.
    Positions(Amount, Vec<M>),
}

impl<S, M> Case<S, M> {
    /// Does the one or the other, with the capacity that it begins with.
    pub fn run(self, bytes: impl FnOnce(usize, Vec<S>), positions: impl FnOnce(usize, Vec<M>)) {
        match self {
            Self::Bytes(capacity, steps) => bytes(capacity.into(), steps),
            Self::Positions(Amount(capacity), moves) => positions(capacity, moves),
        }
    }
}

/// Wide enough that no sum of what the targets add up leaves it.
pub fn wide(n: usize) -> u128 {
    n as u128
}
