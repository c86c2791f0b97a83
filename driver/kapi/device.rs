// SPDX-License-Identifier: GPL-2.0

//! Character devices: numbers, and a `struct cdev` with its `struct device` in one.
//!
//! A [`Registration`] is a device while it lives: `/dev/<name>`, made by devtmpfs,
//! `/sys/class/<class>/<name>/` with its attributes, and the uevents. Dropping it takes all of these away;
//! what files are open keep the data alive until their last close.
//!
//! C headers: [`include/linux/cdev.h`](srctree/include/linux/cdev.h),
//! [`include/linux/device.h`](srctree/include/linux/device.h)

use core::ptr::NonNull;
use kernel::{bindings, container_of, error::to_result, prelude::*, sync::Arc, types::Opaque};

use super::{
    attribute::{self, AttributeList},
    class::Class,
    compat::this_module,
    fasync::Fasync,
    file::FileOperations,
};

/// A range of device numbers of one major, allocated dynamically and shown in `/proc/devices`.
///
/// # Invariants
///
/// The `count` numbers from `first` are registered by this value.
pub struct Numbers {
    first: bindings::dev_t,
    count: u32,
}

impl Numbers {
    /// Allocates `count` numbers, minor 0 first, under `name`.
    pub fn new(name: &CStr, count: u32) -> Result<Self> {
        let mut first = 0;
        // SAFETY: `first` can be written; the name is copied.
        to_result(unsafe {
            bindings::alloc_chrdev_region(&mut first, 0, count, name.as_char_ptr())
        })?;
        // INVARIANT: They are registered now.
        Ok(Self { first, count })
    }

    /// The major number that all of them have.
    pub fn major(&self) -> u32 {
        self.first >> bindings::MINORBITS
    }

    /// The device number with the given minor; [`EINVAL`] if that is outside the range.
    pub fn number(&self, minor: u32) -> Result<DeviceNumber> {
        if minor >= self.count {
            return Err(EINVAL);
        }
        Ok(DeviceNumber(self.first.checked_add(minor).ok_or(EINVAL)?))
    }
}

/// A device number out of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceNumber(bindings::dev_t);

impl Drop for Numbers {
    fn drop(&mut self) {
        // SAFETY: By the invariants.
        unsafe { bindings::unregister_chrdev_region(self.first, self.count) };
    }
}

/// What the driver core and `cdev` see of a device, and the driver's data.
///
/// Freed by [`release`], when the last reference to `device` goes. `cdev` holds one as its parent, and
/// every open file holds one to `cdev`.
///
/// # Invariants
///
/// From [`Registration::new`] on:
///
/// - The node came from a [`KBox`], which it is given back to by `release` and by nothing else; until then it stays in its
///   place.
/// - `device` is initialised, of `class`, with `release` for this `T` and attributes for this `T` alone.
/// - `cdev` is initialised with the operations of `T`, and once it is added, `device` is its parent.
/// - `data`, `fasync` and `class` do not change.
///
/// So a `cdev` with the operations of `T`, and a device that an attribute for `T` is called with, lie in a `Node<T>`.
#[repr(C)]
pub(super) struct Node<T: FileOperations> {
    device: Opaque<bindings::device>,
    cdev: Opaque<bindings::cdev>,
    pub(super) data: T::Device,
    fasync: Arc<Fasync>,
    /// Goes last: the device is of this class until it is freed.
    class: Arc<Class>,
}

impl<T: FileOperations> Node<T> {
    /// The data of the node whose `cdev` an inode leads to.
    ///
    /// # Safety
    ///
    /// `inode` must be one that is being opened, and its `cdev` that of a `Node<T>`.
    pub(super) unsafe fn of_inode<'a>(inode: *mut bindings::inode) -> &'a T::Device {
        // SAFETY: While an inode is being opened, `i_cdev` is set and `chrdev_open` holds a reference to it,
        // and with it to the node, for the open file.
        unsafe {
            let cdev = (*inode).__bindgen_anon_5.i_cdev;
            let node = container_of!(Opaque::cast_from(cdev.cast_const()), Self, cdev);
            &(*node).data
        }
    }

    /// The lists for SIGIO of the node that a file was opened through: the same ones for all of the file's life.
    ///
    /// # Safety
    ///
    /// `file` must be one whose `open` operation, that of a `Node<T>`, has succeeded, and must not be freed during `'a`.
    pub(super) unsafe fn fasync_of<'a>(file: *mut bindings::file) -> &'a Fasync {
        // SAFETY: An open file keeps its inode and holds a reference to the `cdev` that it was opened through
        // (`chrdev_open`) until after its last `fasync` and `release` operation (`__fput`). As long as anybody has
        // one, `i_cdev` stays what it is, so this is that same `cdev`.
        unsafe {
            let cdev = (*(*file).f_inode).__bindgen_anon_5.i_cdev;
            let node = container_of!(Opaque::cast_from(cdev.cast_const()), Self, cdev);
            &(*node).fasync
        }
    }

    /// The data of the node that a device is embedded in.
    ///
    /// # Safety
    ///
    /// `device` must be that of a `Node<T>`, and must be valid for `'a`.
    pub(super) unsafe fn of_device<'a>(device: *mut bindings::device) -> &'a T::Device {
        // SAFETY: By the function's requirements.
        unsafe {
            let node = container_of!(Opaque::cast_from(device.cast_const()), Self, device);
            &(*node).data
        }
    }
}

/// # Safety
///
/// To be called by the driver core alone, when the last reference to the device of a `Node<T>` is gone.
unsafe extern "C" fn release<T: FileOperations>(device: *mut bindings::device) {
    // SAFETY: By the function's requirements the device lies in a `Node<T>` that came from a `KBox`, and
    // nobody uses it any more.
    unsafe {
        let node = container_of!(Opaque::cast_from(device.cast_const()), Node<T>, device);
        drop(KBox::from_raw(node.cast_mut()));
    }
}

/// A registered character device.
///
/// # Invariants
///
/// `node` points to a node that is registered (`cdev_device_add`), and whose first reference belongs to this
/// value.
pub struct Registration<T: FileOperations> {
    node: NonNull<Node<T>>,
}

// SAFETY: A device may be unregistered by any task; the data is `Send` and `Sync` by the trait.
unsafe impl<T: FileOperations> Send for Registration<T> {}
// SAFETY: `&Registration` gives access to nothing.
unsafe impl<T: FileOperations> Sync for Registration<T> {}

impl<T: FileOperations> Registration<T> {
    /// Makes a device and shows it to the world: from here on, it can be opened. Without a number it has no
    /// node, and only carries its attributes. Files of the device that want SIGIO go on the lists in `fasync`.
    ///
    /// Fails with [`EEXIST`] if the class has a device of this name, and with [`ENOMEM`]. May sleep.
    ///
    /// The device number must stay registered, and belong to no other device, until the value is dropped:
    /// else `open` may find another device.
    pub fn new<L: AttributeList<T>>(
        class: &Arc<Class>,
        number: Option<DeviceNumber>,
        name: &CStr,
        data: T::Device,
        fasync: Arc<Fasync>,
    ) -> Result<Self> {
        let node = KBox::new(
            Node::<T> {
                device: Opaque::zeroed(),
                cdev: Opaque::zeroed(),
                data,
                fasync,
                class: class.clone(),
            },
            GFP_KERNEL,
        )?;
        let node = KBox::into_raw(node);

        // INVARIANT: Made true here, before anybody else sees the node; where `cdev_device_add` sets the parent, it does so
        // before it adds the `cdev`.
        // SAFETY: `node` is ours alone until it is registered. Both structures are zeroed, as their
        // initialisers ask. From `device_initialize` on the device is freed by `release`, which matches
        // how it was allocated; the class outlives it by the reference in the node, the attribute
        // tables are static, and the file operations are those of `T`, as are the nodes' data.
        let result = unsafe {
            let device = (*node).device.get();
            let cdev = (*node).cdev.get();
            bindings::device_initialize(device);
            (*device).class = (*node).class.as_raw();
            // 0 stands for no node, and is no number that can be allocated.
            (*device).devt = number.map_or(0, |number| number.0);
            (*device).release = Some(release::<T>);
            (*device).groups = attribute::groups::<T, L>();
            bindings::cdev_init(cdev, super::file::operations::<T>());
            (*cdev).owner = this_module::<T::Module>().as_ptr();
            to_result(bindings::dev_set_name(
                device,
                c"%s".as_char_ptr(),
                name.as_char_ptr(),
            ))
            .and_then(|()| to_result(bindings::cdev_device_add(cdev, device)))
        };
        if let Err(error) = result {
            // SAFETY: The first reference is ours. Somebody may have opened the device before it failed;
            // then the node lives until that file is closed.
            unsafe { bindings::put_device((*node).device.get()) };
            return Err(error);
        }
        // INVARIANT: Registered above.
        Ok(Self {
            // SAFETY: It came from a box.
            node: unsafe { NonNull::new_unchecked(node) },
        })
    }
}

impl<T: FileOperations> Drop for Registration<T> {
    fn drop(&mut self) {
        let node = self.node.as_ptr();
        // SAFETY: By the invariants it is registered, and the first reference is ours.
        unsafe {
            bindings::cdev_device_del((*node).cdev.get(), (*node).device.get());
            bindings::put_device((*node).device.get());
        }
    }
}
