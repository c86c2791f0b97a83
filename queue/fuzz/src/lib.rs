// SPDX-License-Identifier: GPL-2.0

//! What the fuzz targets have in common.
//!
//! Each target draws a sequence of operations from the fuzzer's bytes, carries it out on one type of `queue` and on
//! a model that is too simple to be wrong in the same way, and compares after every step.

#[path = "../../tests/queue/memory.rs"]
pub mod memory;

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

/// Wide enough that no sum of what the targets add up leaves it.
pub fn wide(n: usize) -> u128 {
    n as u128
}
