// SPDX-License-Identifier: GPL-2.0

//! A device's attributes in sysfs.
//!
//! C headers: [`include/linux/device.h`](srctree/include/linux/device.h) (`struct device_attribute`),
//! [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)

use core::marker::PhantomData;
use kernel::{
    bindings,
    fmt::{self, Write as _},
    prelude::*,
    str::{parse_int::ParseInt, BStr, Formatter},
};

use super::{callback::from_ended, device::Node, file::FileOperations};

/// One attribute of the devices with the file operations `T`: a file with one value in it.
///
/// Both operations may sleep, but a device's removal waits for them.
pub trait Attribute<T: FileOperations> {
    /// The file's name.
    const NAME: &'static CStr;

    /// Whether root may write it. Everybody may read.
    const WRITABLE: bool = false;

    /// Writes the value, without a newline.
    fn show(device: &T::Device, out: &mut dyn fmt::Write) -> Result;

    /// Takes a new value, of which one newline at the end is gone already.
    ///
    /// Called only if the attribute is writable.
    fn store(_device: &T::Device, _text: &str) -> Result {
        Err(EPERM)
    }
}

/// Reads a number as the kernel reads numbers; whatever is wrong with it is [`EINVAL`].
pub fn parse<T: ParseInt>(text: &str) -> Result<T> {
    T::from_str(BStr::from_bytes(text.as_bytes())).map_err(|_| EINVAL)
}

/// The description of an attribute, for an [`AttributeList`].
///
/// # Invariants
///
/// The name is static, and the operations are [`show`] and [`store`] for this `T`, or none. It is given to [`groups`] for
/// this `T` alone, and with them to devices that lie in a `Node<T>`: so these are what the operations are called with. The
/// type is invariant in `T`, so that nothing makes it the entry of another.
#[repr(transparent)]
pub struct Entry<T>(bindings::device_attribute, PhantomData<fn(T) -> T>);

impl<T: FileOperations> Entry<T> {
    /// Describes the attribute `A`.
    pub const fn new<A: Attribute<T>>() -> Self {
        let mut entry: bindings::device_attribute = pin_init::zeroed();
        entry.attr.name = kernel::str::as_char_ptr_in_const_context(A::NAME);
        entry.attr.mode = if A::WRITABLE { 0o644 } else { 0o444 };
        entry.__bindgen_anon_1.show = Some(show::<T, A>);
        if A::WRITABLE {
            entry.__bindgen_anon_2.store = Some(store::<T, A>);
        }
        // INVARIANT: Both are for `T`, and what is in here only `Tables` for this `T` takes out.
        Self(entry, PhantomData)
    }
}

/// The attributes of a kind of device.
pub trait AttributeList<T: FileOperations>: 'static {
    /// All of them, [`MAX_ATTRIBUTES`] at most.
    const LIST: &'static [&'static Entry<T>];
}

/// The most attributes that an [`AttributeList`] may have.
pub const MAX_ATTRIBUTES: usize = 15;

/// The attributes of a list as `struct device` wants them: an array of groups, of which there is one, with an
/// array of attributes. Both arrays end with null.
///
/// They are for the devices of `Node<T>`s, and for no others.
pub(super) const fn groups<T: FileOperations, L: AttributeList<T>>(
) -> *mut *const bindings::attribute_group {
    Tables::<T, L>::GROUPS.as_ptr().cast_mut()
}

/// Where the arrays of [`groups`] are, for ever: references to constants are static.
struct Tables<T, L>(PhantomData<fn(T) -> L>);

#[allow(
    clippy::indexing_slicing,
    reason = "runs at compile time, where a panic is a build error"
)]
impl<T: FileOperations, L: AttributeList<T>> Tables<T, L> {
    const ATTRIBUTES: &'static [*const bindings::attribute; MAX_ATTRIBUTES + 1] = &{
        assert!(L::LIST.len() <= MAX_ATTRIBUTES);
        let mut attributes = [core::ptr::null(); MAX_ATTRIBUTES + 1];
        let mut at = 0;
        while at < L::LIST.len() {
            // An entry is a `struct device_attribute`, which begins with its `struct attribute`.
            attributes[at] = core::ptr::from_ref(&L::LIST[at].0.attr);
            at += 1;
        }
        attributes
    };

    const GROUP: &'static bindings::attribute_group = &bindings::attribute_group {
        __bindgen_anon_2: bindings::attribute_group__bindgen_ty_2 {
            attrs: Self::ATTRIBUTES.as_ptr().cast_mut().cast(),
        },
        ..pin_init::zeroed()
    };

    const GROUPS: &'static [*const bindings::attribute_group; 2] =
        &[Self::GROUP, core::ptr::null()];
}

/// # Safety
///
/// `device` must be that of a `Node<T>`, which nobody frees during the call, and `page` an initialised page for this call
/// alone.
unsafe extern "C" fn show<T: FileOperations, A: Attribute<T>>(
    device: *mut bindings::device,
    _attribute: *mut bindings::device_attribute,
    page: *mut c_char,
) -> isize {
    from_ended(|| {
        // SAFETY: By the function's requirements, which the invariants of `Entry` and the driver core keep: it removes the
        // file before it lets go of the device, and waits for calls under way; `sysfs_kf_seq_show` clears a page of its
        // own. It warns about one that comes back full, so the last byte is left out.
        let (device, page) = unsafe {
            (
                Node::<T>::of_device(device),
                core::slice::from_raw_parts_mut(page.cast::<u8>(), bindings::PAGE_SIZE - 1),
            )
        };
        let mut out = Formatter::new(page);
        A::show(device, &mut out)?;
        out.write_char('\n').map_err(|_| EINVAL)?;
        Ok(out.bytes_written() as isize)
    })
}

/// # Safety
///
/// `device` must be that of a `Node<T>`, which nobody frees during the call, and `text` valid for `len` bytes.
unsafe extern "C" fn store<T: FileOperations, A: Attribute<T>>(
    device: *mut bindings::device,
    _attribute: *mut bindings::device_attribute,
    text: *const c_char,
    len: usize,
) -> isize {
    from_ended(|| {
        // SAFETY: By the function's requirements, as in `show`; kernfs hands in a copy of what was written.
        let (device, text) = unsafe {
            (
                Node::<T>::of_device(device),
                core::slice::from_raw_parts(text.cast::<u8>(), len),
            )
        };
        let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
        A::store(device, text.strip_suffix('\n').unwrap_or(text))?;
        Ok(len as isize)
    })
}
