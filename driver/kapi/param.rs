// SPDX-License-Identifier: GPL-2.0

//! Module parameters that show in sysfs, are checked when set, and can be set while loaded.
//!
//! The kernel crate's own parameters (`module! { params: ... }`) are set once, at load, and have no
//! file in `/sys/module/<module>/parameters/`.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)
//!
//! A parameter is a static made by [`module_param!`]. Its value is an atomic, so that reading it takes no
//! lock; writers are serialised by the module's parameter lock, which the kernel holds around both
//! callbacks.

use core::marker::PhantomData;
use kernel::{
    bindings,
    error::from_result,
    fmt::{self, Write as _},
    prelude::*,
    str::{kstrtobool_bytes, parse_int::ParseInt, BStr, CStr, Formatter},
    sync::atomic::{Atomic, Relaxed},
};

/// What a parameter can hold: how it is parsed, checked and shown.
pub trait Parameter: Sync {
    /// Takes a new value, or says [`EINVAL`] and keeps the old one.
    fn set(&self, text: &str) -> Result;

    /// The parameter was named without a value: [`EINVAL`], where that says nothing.
    fn set_bare(&self) -> Result {
        Err(EINVAL)
    }

    /// Writes the value as [`Self::set`] would take it.
    fn show(&self, out: &mut dyn fmt::Write) -> fmt::Result;

    /// Writes which values are valid, for the message that refuses another.
    fn valid(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A whole number within bounds.
pub struct Number {
    value: Atomic<isize>,
    min: isize,
    max: isize,
}

impl Number {
    /// A number that is `default` until it is set, to one of `min ..= max`.
    pub const fn new(default: isize, min: isize, max: isize) -> Self {
        Self {
            value: Atomic::new(default),
            min,
            max,
        }
    }

    /// The value now.
    #[inline]
    pub fn get(&self) -> isize {
        // What `load` calls is a helper in C, on the way of each read and write. It does the same.
        // SAFETY: The pointer is valid. Others may change the value at any time, so it is read once, whole (`READ_ONCE`),
        // as a word of the machine can be.
        unsafe { self.value.as_ptr().read_volatile() }
    }
}

impl Parameter for Number {
    fn set(&self, text: &str) -> Result {
        let value = isize::from_str(BStr::from_bytes(text.as_bytes()))?;
        if !(self.min..=self.max).contains(&value) {
            return Err(EINVAL);
        }
        self.value.store(value, Relaxed);
        Ok(())
    }

    fn show(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{}", self.get())
    }

    fn valid(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ..= {}", self.min, self.max)
    }
}

/// Yes or no.
pub struct Switch {
    value: Atomic<bool>,
}

impl Switch {
    /// A switch that is `default` until set.
    pub const fn new(default: bool) -> Self {
        Self {
            value: Atomic::new(default),
        }
    }

    /// The value now.
    pub fn get(&self) -> bool {
        self.value.load(Relaxed)
    }
}

impl Parameter for Switch {
    fn set(&self, text: &str) -> Result {
        self.value
            .store(kstrtobool_bytes(text.as_bytes())?, Relaxed);
        Ok(())
    }

    /// Yes, as for any `bool` of the kernel's.
    fn set_bare(&self) -> Result {
        self.value.store(true, Relaxed);
        Ok(())
    }

    fn show(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(if self.get() { "Y" } else { "N" })
    }

    fn valid(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Y, N")
    }
}

/// One of a list of names.
pub struct Choice {
    value: Atomic<usize>,
    names: &'static [&'static str],
}

impl Choice {
    /// A choice among `names`, the first until set.
    pub const fn new(names: &'static [&'static str]) -> Self {
        Self {
            value: Atomic::new(0),
            names,
        }
    }

    /// The index of the name that is chosen now.
    pub fn get(&self) -> usize {
        self.value.load(Relaxed)
    }
}

impl Parameter for Choice {
    fn set(&self, text: &str) -> Result {
        let index = self.names.iter().position(|name| *name == text);
        self.value.store(index.ok_or(EINVAL)?, Relaxed);
        Ok(())
    }

    fn show(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(self.names.get(self.get()).copied().unwrap_or_default())
    }

    fn valid(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names.iter().enumerate() {
            write!(out, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// Shows [`Parameter::valid`] where a message is formatted.
struct Valid<'a>(&'a dyn Parameter);

impl fmt::Display for Valid<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.valid(out)
    }
}

/// `struct kernel_param`, which the module loader finds in the section `__param`.
///
/// # Invariants
///
/// `arg` points to a static of the type `P` that `ops` was made for; `mod_` is null or the module that the
/// parameter belongs to, which is there as long as its parameters are.
#[repr(transparent)]
pub struct KernelParam(bindings::kernel_param);

// SAFETY: The kernel alone uses the structure, and only reads it.
unsafe impl Sync for KernelParam {}

impl KernelParam {
    /// Describes `parameter` to the module loader.
    ///
    /// `perm` is the mode of its file in sysfs; `module` is the module it belongs to.
    pub const fn new<P: Parameter>(
        name: &'static CStr,
        perm: u16,
        module: &'static ThisModule,
        parameter: &'static P,
    ) -> Self {
        // INVARIANT: `OPS` is of the same `P` as `parameter`, which is a static; a `ThisModule` is null in code that
        // is built into the kernel, and else the module that this code is part of.
        Self(bindings::kernel_param {
            name: kernel::str::as_char_ptr_in_const_context(name),
            mod_: module.as_ptr(),
            ops: &Ops::<P>::OPS,
            perm,
            level: -1, // No early boot parameter.
            flags: 0,
            __bindgen_anon_1: bindings::kernel_param__bindgen_ty_1 {
                arg: core::ptr::from_ref(parameter).cast_mut().cast(),
            },
        })
    }
}

/// The callbacks of a [`KernelParam`] for parameters of the type `P`.
struct Ops<P>(PhantomData<P>);

impl<P: Parameter> Ops<P> {
    const OPS: bindings::kernel_param_ops = bindings::kernel_param_ops {
        // `name` without `=value` reaches `set` as well: see `Parameter::set_bare`.
        flags: bindings::KERNEL_PARAM_OPS_FL_NOARG as c_uint,
        set: Some(Self::set),
        get: Some(Self::get),
        free: None,
    };

    /// # Safety
    ///
    /// `param` must point to the inside of a [`KernelParam`] made for a `P`.
    unsafe fn parameter<'a>(param: *const bindings::kernel_param) -> &'a P {
        // SAFETY: By the invariants of `KernelParam`, `arg` points to a static `P`, of which only shared
        // references exist.
        unsafe { &*(*param).__bindgen_anon_1.arg.cast::<P>() }
    }

    /// # Safety
    ///
    /// `param` must point to the inside of a [`KernelParam`] made for a `P`; `text` must be null or a
    /// NUL-terminated string.
    unsafe extern "C" fn set(text: *const c_char, param: *const bindings::kernel_param) -> c_int {
        from_result(|| {
            // SAFETY: By the function's requirements.
            let parameter = unsafe { Self::parameter(param) };
            let bare = text.is_null();
            let text = match bare {
                true => c"",
                // SAFETY: By the function's requirements.
                false => unsafe { CStr::from_char_ptr(text) },
            };
            // `echo` writes a newline behind the value.
            let text = text.to_bytes();
            let text = text.strip_suffix(b"\n").unwrap_or(text);

            let set = match bare {
                true => parameter.set_bare(),
                false => core::str::from_utf8(text)
                    .map_err(|_| EINVAL)
                    .and_then(|text| parameter.set(text)),
            };
            set.map_err(|_| {
                // SAFETY: `param` is valid by the function's requirements.
                if unsafe { loading(param) } {
                    // SAFETY: As above; a parameter's name is a static string.
                    let name = unsafe { CStr::from_char_ptr((*param).name) };
                    pr_err!(
                        "{}={}: invalid value, valid: {}\n",
                        BStr::from_bytes(name.to_bytes()),
                        BStr::from_bytes(text),
                        Valid(parameter)
                    );
                }
                EINVAL
            })?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// `param` must point to the inside of a [`KernelParam`] made for a `P`; `page` must be an initialised page for this
    /// call alone.
    unsafe extern "C" fn get(page: *mut c_char, param: *const bindings::kernel_param) -> c_int {
        from_result(|| {
            // SAFETY: By the function's requirements: `sysfs_kf_seq_show` clears a page of its own. It warns about one
            // that comes back full, so the last byte is left out.
            let (parameter, page) = unsafe {
                (
                    Self::parameter(param),
                    core::slice::from_raw_parts_mut(page.cast::<u8>(), bindings::PAGE_SIZE - 1),
                )
            };
            let mut out = Formatter::new(page);
            parameter.show(&mut out).map_err(|_| EINVAL)?;
            out.write_char('\n').map_err(|_| EINVAL)?;
            Ok(c_int::try_from(out.bytes_written())?)
        })
    }
}

/// Whether the module is being loaded: only then does a refusal go to the log, because the caller of
/// `insmod` sees no more than an errno, while whoever writes in sysfs could fill the log.
///
/// # Safety
///
/// `param` must point to the inside of a [`KernelParam`].
unsafe fn loading(param: *const bindings::kernel_param) -> bool {
    // SAFETY: By the function's requirements and the invariants of `KernelParam`. `rmmod` may change the state at any
    // time, so it is read once.
    unsafe {
        let module = (*param).mod_;
        module.is_null()
            || (&raw const (*module).state).read_volatile()
                != bindings::module_state_MODULE_STATE_LIVE
    }
}

/// Defines a static that is a module parameter.
///
/// The type stands in `modinfo`; the mode is that of the file in sysfs.
///
/// ```ignore
/// module_param! {
///     /// Bytes of memory.
///     pub(crate) static BUFFER_SIZE: Number = Number::new(4096, 1, 1 << 20);
///     buffer_size: int, 0o644, "bytes of memory (1 ..= 1048576, default 4096)"
/// }
/// ```
macro_rules! module_param {
    (
        $(#[$meta:meta])*
        $vis:vis static $static:ident: $type:ty = $init:expr;
        $name:ident: $ctype:ident, $perm:literal, $description:literal
    ) => {
        $(#[$meta])*
        $vis static $static: $type = $init;

        $crate::kapi::modinfo::modinfo!(
            "parmtype",
            concat!(stringify!($name), ":", stringify!($ctype))
        );
        $crate::kapi::modinfo::modinfo!("parm", concat!(stringify!($name), ":", $description));

        #[allow(unsafe_code)]
        const _: () = {
            const NAME: &::core::ffi::CStr = ::kernel::c_str!(stringify!($name));
            // The section is the interface: the module loader reads it as an array of this structure.
            #[link_section = "__param"]
            #[used(compiler)]
            static PARAM: $crate::kapi::param::KernelParam = $crate::kapi::param::KernelParam::new(
                NAME,
                $perm,
                $crate::kapi::compat::this_module::<$crate::LocalModule>(),
                &$static,
            );
        };
    };
}
pub(crate) use module_param;
