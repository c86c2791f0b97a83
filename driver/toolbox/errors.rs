// SPDX-License-Identifier: GPL-2.0

//! errno, and pointers that are errors.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C headers: [`include/linux/errno.h`](srctree/include/linux/errno.h),
//! [`include/linux/err.h`](srctree/include/linux/err.h)

use kernel::{
    error::{from_err_ptr, to_result},
    prelude::*,
    str::CString,
};

use crate::ktap::{check, check_eq, suite, Suite};

pub(crate) const SUITE: Suite = suite!("errors":
    an_error_ends_the_function,
    a_number_of_c_becomes_a_result,
    a_pointer_of_c_becomes_a_result,
    an_error_has_a_name,
);

// ANCHOR: question_mark
/// `if (!len) return -EINVAL;` and, for each call that may fail, `if (ret) return ret;`
fn table(len: usize) -> Result<KVec<u8>> {
    if len == 0 {
        return Err(EINVAL);
    }
    let mut table = KVec::with_capacity(len, GFP_KERNEL)?;
    table.push(1, GFP_KERNEL)?;
    Ok(table)
}
// ANCHOR_END: question_mark

fn an_error_ends_the_function() -> Result {
    check_eq!(table(0).err(), Some(EINVAL));
    // More than there can be: `?` makes -ENOMEM of it.
    check_eq!(table(usize::MAX).err(), Some(ENOMEM));
    check_eq!(table(4)?.len(), 1);
    Ok(())
}

// ANCHOR: to_result
/// What a C function returned: 0, or an errno below it.
fn from_c(returned: c_int) -> Result {
    to_result(returned)
}

/// The way back, for a callback that C calls.
fn to_c(result: Result) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}
// ANCHOR_END: to_result

fn a_number_of_c_becomes_a_result() -> Result {
    check_eq!(from_c(0), Ok(()));
    check_eq!(from_c(to_c(Err(EBUSY))), Err(EBUSY));
    check_eq!(to_c(Err(ENOENT)), -2);
    Ok(())
}

// ANCHOR: err_ptr
/// `IS_ERR` and `PTR_ERR` in one: a pointer, or the error that it stands for. NULL is no error.
fn found<T>(pointer: *mut T) -> Result<*mut T> {
    from_err_ptr(pointer)
}

/// `ERR_PTR(-ENODEV)`
fn not_found<T>() -> *mut T {
    ENODEV.to_ptr()
}
// ANCHOR_END: err_ptr

fn a_pointer_of_c_becomes_a_result() -> Result {
    let mut value = 1;
    let pointer = &raw mut value;
    check_eq!(found(pointer), Ok(pointer));
    check_eq!(found(not_found::<u8>()), Err(ENODEV));
    check_eq!(
        found::<u8>(core::ptr::null_mut()),
        Ok(core::ptr::null_mut())
    );
    Ok(())
}

// ANCHOR: error_name
/// `printk("%pe", ERR_PTR(ret))`: the name, or the number where the kernel was built without names.
fn describe(error: Error) -> Result<CString> {
    CString::try_from_fmt(fmt!("it failed: {error:?}"))
}
// ANCHOR_END: error_name

fn an_error_has_a_name() -> Result {
    let text = describe(EAGAIN)?;
    let expected: &[u8] = match EAGAIN.name() {
        Some(_) => b"it failed: EAGAIN",
        None => b"it failed: Error(11)",
    };
    check!(text.to_bytes() == expected);
    Ok(())
}
