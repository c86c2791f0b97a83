// SPDX-License-Identifier: GPL-2.0

//! Classes of devices, and the files of a class that take commands.
//!
//! C header: [`include/linux/device/class.h`](srctree/include/linux/device/class.h)

use core::ptr::NonNull;
use kernel::{
    bindings,
    error::{from_err_ptr, to_result},
    prelude::*,
    sync::Arc,
    types::Opaque,
};

use super::callback::from_ended;

/// A class of devices: `/sys/class/<name>/`.
///
/// # Invariants
///
/// `class` is a class made by `class_create`, owned by this value.
pub struct Class {
    class: NonNull<bindings::class>,
}

// SAFETY: The driver core does its own locking.
unsafe impl Send for Class {}
// SAFETY: As above.
unsafe impl Sync for Class {}

impl Class {
    /// Makes a class. Fails with [`EEXIST`] if the name is taken.
    pub fn new(name: &'static CStr) -> Result<Self> {
        // SAFETY: The name is static, as long as the class needs it.
        let class = unsafe { bindings::class_create(name.as_char_ptr()) };
        let class = from_err_ptr(class)?;
        // INVARIANT: It is ours; a class that is not an error is not null.
        Ok(Self {
            class: NonNull::new(class).ok_or(ENOMEM)?,
        })
    }

    /// The class as the driver core has it.
    pub(super) fn as_raw(&self) -> *mut bindings::class {
        self.class.as_ptr()
    }
}

impl Drop for Class {
    fn drop(&mut self) {
        // SAFETY: By the invariants. Every device and every file of the class holds a reference to this
        // value, so there is none left.
        unsafe { bindings::class_destroy(self.class.as_ptr()) };
    }
}

/// A command that is given by writing to a file of a class.
pub trait Command: 'static {
    /// What the command works on.
    type Data: Send + Sync + 'static;

    /// The file's name. Root alone may write it, and nobody may read.
    const NAME: &'static CStr;

    /// Carries out the command. One newline at its end is gone already. May sleep.
    fn run(data: &Self::Data, text: &str) -> Result;
}

/// The longest command, in bytes, its newline not counted.
pub const MAX_COMMAND: usize = 255;

/// A file of a class that takes commands, there while this value lives.
///
/// One that outlives the module, by `mem::forget` or a cycle of references, leads the kernel to code that is gone.
///
/// # Invariants
///
/// The attribute of `file` is registered with `class`.
pub struct CommandFile<C: Command> {
    file: Pin<KBox<Inner<C>>>,
    class: Arc<Class>,
}

/// What sysfs knows of a [`CommandFile`].
///
/// # Invariants
///
/// - `attribute` has [`store`] for this `C`, which no other attribute has, and a name that is static. Neither of them
///   changes, nor does `data`.
/// - While the attribute is registered, this value stays in its place.
#[repr(C)]
struct Inner<C: Command> {
    attribute: Opaque<bindings::class_attribute>,
    data: Arc<C::Data>,
}

// SAFETY: The attribute belongs to no task, and `Arc` of what is `Send` and `Sync` is both.
unsafe impl<C: Command> Send for Inner<C> {}
// SAFETY: As above; by the invariants nothing changes once it is made.
unsafe impl<C: Command> Sync for Inner<C> {}

impl<C: Command> CommandFile<C> {
    /// Makes the file. Fails with [`EEXIST`] if the class has it, and with [`ENOMEM`].
    pub fn new(class: &Arc<Class>, data: Arc<C::Data>) -> Result<Self> {
        let mut attribute: bindings::class_attribute = pin_init::zeroed();
        attribute.attr.name = C::NAME.as_char_ptr();
        attribute.attr.mode = 0o200;
        attribute.store = Some(store::<C>);
        #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
        {
            // What `sysfs_attr_init` does for an attribute that is not static.
            attribute.attr.key = kernel::static_lock_class!().as_ptr();
        }
        // INVARIANT: The attribute was made for this `C` above. It is registered below, from within a pinned box, and before
        // that is freed, `CommandFile` takes it away.
        let inner = Inner {
            attribute: Opaque::new(attribute),
            data,
        };
        let file = KBox::pin(inner, GFP_KERNEL)?;
        // SAFETY: Class and attribute are valid, and stay so and in their places until `drop` takes the file away.
        to_result(unsafe {
            bindings::class_create_file_ns(
                class.as_raw(),
                file.attribute.get(),
                core::ptr::null_mut(),
            )
        })?;
        // INVARIANT: Registered above.
        Ok(Self {
            file,
            class: class.clone(),
        })
    }
}

impl<C: Command> Drop for CommandFile<C> {
    fn drop(&mut self) {
        // SAFETY: By the invariants. This waits for commands under way.
        unsafe {
            bindings::class_remove_file_ns(
                self.class.as_raw(),
                self.file.attribute.get(),
                core::ptr::null_mut(),
            )
        };
    }
}

/// # Safety
///
/// `attribute` must be that of an [`Inner<C>`] that is registered, and `text` valid for `len` bytes.
unsafe extern "C" fn store<C: Command>(
    _class: *const bindings::class,
    attribute: *const bindings::class_attribute,
    text: *const c_char,
    len: usize,
) -> isize {
    from_ended(|| {
        // SAFETY: By the function's requirements and the invariants of `Inner`; the file's removal waits for this call, and
        // only after it the value goes. kernfs hands in a copy of what was written.
        let (inner, text) = unsafe {
            let inner = kernel::container_of!(Opaque::cast_from(attribute), Inner<C>, attribute);
            (&*inner, core::slice::from_raw_parts(text.cast::<u8>(), len))
        };
        let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        if text.len() > MAX_COMMAND {
            return Err(EINVAL);
        }
        C::run(&inner.data, text)?;
        Ok(len as isize)
    })
}
