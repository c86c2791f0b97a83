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
use kernel::{
    bindings, container_of,
    error::to_result,
    id_pool::IdPool,
    new_spinlock,
    prelude::*,
    sync::{Arc, SpinLock},
    types::Opaque,
};

use super::{
    attribute::{self, AttributeList},
    class::Class,
    compat::this_module,
    fasync::Fasync,
    file::FileOperations,
};

/// A range of device numbers of one major, shown in `/proc/devices`.
///
/// # Invariants
///
/// The `count` numbers from `first` are registered by this value.
struct Region {
    first: bindings::dev_t,
    count: u32,
}

impl Region {
    fn new(name: &CStr, count: u32) -> Result<Self> {
        if count == 0 {
            return Err(EINVAL);
        }
        let mut first = 0;
        // SAFETY: `first` can be written; the name is copied.
        to_result(unsafe {
            bindings::alloc_chrdev_region(&mut first, 0, count, name.as_char_ptr())
        })?;
        // INVARIANT: They are registered now.
        Ok(Self { first, count })
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: By the invariants.
        unsafe { bindings::unregister_chrdev_region(self.first, self.count) };
    }
}

/// Device numbers of one major, allocated dynamically, to be given out.
///
/// # Invariants
///
/// A minor number is taken in `free` exactly while a [`DeviceNumber`] of this value has it.
#[pin_data]
pub struct Numbers {
    region: Region,
    #[pin]
    free: SpinLock<Free>,
}

/// Which minor numbers are not taken, and the one to try first: a number is used again as late as it can be, so that a copy
/// of a node that is gone leads nowhere meanwhile.
struct Free {
    minors: IdPool,
    next: usize,
}

impl Numbers {
    /// Allocates `count` numbers, from minor 0 on, under `name`.
    ///
    /// Fails with [`EINVAL`] for none, with [`EBUSY`] if there is no major left, and with [`ENOMEM`]. May sleep.
    pub fn new(name: &CStr, count: u32) -> Result<Arc<Self>> {
        let region = Region::new(name, count)?;
        let minors = IdPool::with_capacity(count as usize, GFP_KERNEL)?;
        // INVARIANT: Nobody has one.
        let numbers = pin_init!(Self {
            region,
            free <- new_spinlock!(Free { minors, next: 0 }, "device numbers"),
        });
        Arc::pin_init(numbers, GFP_KERNEL)
    }

    /// The major number that all of them have.
    pub fn major(&self) -> u32 {
        self.region.first >> bindings::MINORBITS
    }
}

/// A device number out of a range: nobody else has it, and it stays registered.
///
/// # Invariants
///
/// `minor` is below the count of `numbers`, is taken there, and belongs to this value alone.
pub struct DeviceNumber {
    numbers: Arc<Numbers>,
    minor: u32,
}

impl DeviceNumber {
    /// Takes one of them, [`ENOSPC`] if there is none left. Does not sleep.
    pub fn take(numbers: &Arc<Numbers>) -> Result<Self> {
        let count = numbers.region.count as usize;
        let mut guard = numbers.free.lock();
        let Free { minors, next } = &mut *guard;
        // The pool may have more of them than there are.
        let taken = [*next, 0].into_iter().find_map(|from| {
            let id = minors.find_unused_id(from);
            id.filter(|id| id.as_usize() < count).map(|id| id.acquire())
        });
        let minor = taken.ok_or(ENOSPC)?;
        // A bitmap is not to be searched from behind its end.
        *next = match minor.saturating_add(1) {
            behind if behind < count => behind,
            _ => 0,
        };
        // INVARIANT: It was nobody's, and is below the count, which is a `u32`.
        Ok(Self {
            numbers: numbers.clone(),
            minor: minor as u32,
        })
    }

    fn as_raw(&self) -> bindings::dev_t {
        // By the invariants it is one of those that begin there.
        self.numbers.region.first | self.minor
    }
}

impl Drop for DeviceNumber {
    fn drop(&mut self) {
        // INVARIANT: Nobody has it any more.
        self.numbers
            .free
            .lock()
            .minors
            .release_id(self.minor as usize);
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
/// One that outlives the module, by `mem::forget` or a cycle of references, leads the kernel to code that is gone.
///
/// # Invariants
///
/// `node` points to a node that is registered (`cdev_device_add`), and whose first reference belongs to this
/// value.
pub struct Registration<T: FileOperations> {
    node: NonNull<Node<T>>,
    /// Goes after the `cdev` that has it: the kernel finds what is to be taken away by its number.
    _number: Option<DeviceNumber>,
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
    /// Somebody may open the device before this returns. So a module whose `init` makes one and then fails
    /// must wait for them, see [`super::module::wait_for_users`].
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
            (*device).devt = number.as_ref().map_or(0, DeviceNumber::as_raw);
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
            _number: number,
        })
    }
}

impl<T: FileOperations> Drop for Registration<T> {
    /// Sleeps, until nobody is in an attribute of the device any more: so none of them may drop it.
    fn drop(&mut self) {
        let node = self.node.as_ptr();
        // SAFETY: By the invariants it is registered, and the first reference is ours.
        unsafe {
            bindings::cdev_device_del((*node).cdev.get(), (*node).device.get());
            bindings::put_device((*node).device.get());
        }
    }
}
