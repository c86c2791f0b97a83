// SPDX-License-Identifier: GPL-2.0

//! User space's memory, through a device: `/dev/toolbox`, made by `misc_register`.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! `tests/tests/toolbox` calls it.
//!
//! C headers: [`include/linux/uaccess.h`](srctree/include/linux/uaccess.h),
//! [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h)

use kernel::{
    fs::File,
    ioctl::{_IOW, _IOWR},
    miscdevice::{MiscDevice, MiscDeviceOptions, MiscDeviceRegistration},
    prelude::*,
    uaccess::{UserPtr, UserSlice},
};

use crate::{
    files::another,
    ktap::{check_eq, suite, Suite},
};

pub(crate) const SUITE: Suite = suite!("user":
    an_address_of_the_kernel_is_refused,
);

const MAGIC: u32 = b't' as u32;
/// Adds two numbers.
const ADD: u32 = _IOWR::<[u64; 2]>(MAGIC, 1);
/// Turns a string round: its address and its length.
const REVERSE: u32 = _IOW::<[u64; 2]>(MAGIC, 2);
/// Gives another descriptor of the file.
const ANOTHER: u32 = _IOW::<u32>(MAGIC, 3);

/// The longest string that is turned round.
const MAX_LEN: usize = 4096;

// ANCHOR: get_user
/// `get_user(a, arg); get_user(b, arg + 1); put_user(a + b, arg);` on `u64 __user *arg`
fn add(arg: UserPtr) -> Result {
    let (mut reader, mut writer) = UserSlice::new(arg, size_of::<[u64; 2]>()).reader_writer();
    let (a, b) = (reader.read::<u64>()?, reader.read::<u64>()?);
    writer.write(&a.wrapping_add(b))
}
// ANCHOR_END: get_user

// ANCHOR: copy_user
/// `memdup_user`, and `copy_to_user` for the way back. A bad address, or one of the kernel's, is EFAULT.
fn reverse(user: UserPtr, len: usize) -> Result {
    if len > MAX_LEN {
        return Err(EMSGSIZE);
    }
    let (reader, mut writer) = UserSlice::new(user, len).reader_writer();
    let mut bytes = KVec::new();
    reader.read_all(&mut bytes, GFP_KERNEL)?;
    bytes.reverse();
    writer.write_slice(&bytes)
}
// ANCHOR_END: copy_user

fn an_address_of_the_kernel_is_refused() -> Result {
    let mut secret = [1_u64, 2];
    let address = UserPtr::from_ptr((&raw mut secret).cast());
    check_eq!(add(address), Err(EFAULT));
    check_eq!(secret, [1, 2]);
    check_eq!(reverse(address, MAX_LEN + 1), Err(EMSGSIZE));
    Ok(())
}

// ANCHOR: ioctl
/// What the node's open files are: `.unlocked_ioctl`, and no more.
pub(crate) struct Handle;

#[vtable]
impl MiscDevice for Handle {
    type Ptr = KBox<Self>;

    fn open(_file: &File, _device: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        Ok(KBox::new(Self, GFP_KERNEL)?)
    }

    fn ioctl(_handle: &Self, file: &File, command: u32, arg: usize) -> Result<isize> {
        let user = UserPtr::from_addr(arg);
        match command {
            ADD => add(user)?,
            REVERSE => {
                let mut reader = UserSlice::new(user, size_of::<[u64; 2]>()).reader();
                let (address, len) = (reader.read::<u64>()?, reader.read::<u64>()?);
                reverse(UserPtr::from_addr(address.try_into()?), len.try_into()?)?;
            }
            ANOTHER => return another(file),
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }
}

/// `misc_register`; dropping what it gives is `misc_deregister`.
pub(crate) fn register() -> Result<Pin<KBox<MiscDeviceRegistration<Handle>>>> {
    let options = MiscDeviceOptions { name: c"toolbox" };
    KBox::pin_init(MiscDeviceRegistration::register(options), GFP_KERNEL)
}
// ANCHOR_END: ioctl
