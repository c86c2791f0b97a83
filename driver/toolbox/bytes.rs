// SPDX-License-Identifier: GPL-2.0

//! Copying, filling and comparing.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C header: [`include/linux/string.h`](srctree/include/linux/string.h)

use kernel::{fmt::Write as _, prelude::*, str::Formatter};

use crate::ktap::{check, check_eq, suite, Suite};

pub(crate) const SUITE: Suite = suite!("bytes":
    bytes_are_copied,
    bytes_are_moved_within,
    bytes_are_filled_and_compared,
    text_is_written_into_a_buffer,
);

// ANCHOR: memcpy
/// `memcpy(to, from, len)`. The lengths are known, and have to be equal: `copy_from_slice` panics if they are not.
fn copy(to: &mut [u8], from: &[u8]) -> Result {
    let to = to.get_mut(..from.len()).ok_or(ENOSPC)?;
    to.copy_from_slice(from);
    Ok(())
}
// ANCHOR_END: memcpy

fn bytes_are_copied() -> Result {
    let mut to = [0; 4];
    copy(&mut to, b"abc")?;
    check_eq!(&to, b"abc\0");
    check_eq!(copy(&mut to, b"abcde"), Err(ENOSPC));
    Ok(())
}

// ANCHOR: memmove
/// `memmove(bytes, bytes + count, len - count)`
fn drop_front(bytes: &mut [u8], count: usize) -> Result {
    if count > bytes.len() {
        return Err(EINVAL);
    }
    bytes.copy_within(count.., 0);
    Ok(())
}
// ANCHOR_END: memmove

fn bytes_are_moved_within() -> Result {
    let mut bytes = *b"abcdef";
    drop_front(&mut bytes, 2)?;
    check_eq!(&bytes, b"cdefef");
    check_eq!(drop_front(&mut bytes, 7), Err(EINVAL));
    Ok(())
}

fn bytes_are_filled_and_compared() -> Result {
    let mut left = [1_u8; 8];
    // ANCHOR: memset
    left.fill(0x55); // memset(left, 0x55, sizeof(left));
    let same = left == [0x55; 8]; // memcmp(left, right, 8) == 0
    let before = left.as_slice() < b"V".as_slice(); // memcmp(left, "V", ...) < 0
                                                    // memchr(left, 0, 8): None for NULL
    let found = left.iter().position(|byte| *byte == 0);
    // ANCHOR_END: memset
    check!(same && before);
    check_eq!(found, None);
    Ok(())
}

// ANCHOR: scnprintf
/// `scnprintf(buffer, sizeof(buffer), "%d+%d", a, b)`: what does not fit is an error here.
fn sum(buffer: &mut [u8], a: i32, b: i32) -> Result<usize> {
    let mut out = Formatter::new(buffer);
    write!(out, "{a}+{b}")?;
    Ok(out.bytes_written())
}
// ANCHOR_END: scnprintf

fn text_is_written_into_a_buffer() -> Result {
    let mut buffer = [0; 5];
    check_eq!(sum(&mut buffer, 12, 34), Ok(5));
    check_eq!(&buffer, b"12+34");
    check!(sum(&mut buffer, 123, 45).is_err());
    Ok(())
}
