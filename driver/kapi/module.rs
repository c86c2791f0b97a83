// SPDX-License-Identifier: GPL-2.0

//! The guard for an `init` that fails: nobody is left in the module's code when the loader frees it.
//!
//! C header: [`include/linux/module.h`](srctree/include/linux/module.h)

use kernel::{bindings, ModuleMetadata};

use super::compat::this_module;

// Without it nobody is counted, so there is nothing to wait by.
#[cfg(all(MODULE, not(CONFIG_MODULE_UNLOAD)))]
compile_error!("a module that may fail to load after others got in needs CONFIG_MODULE_UNLOAD=y");

/// For an `init` that fails after it has let others in, and has taken away again what they came in by: waits until they
/// are gone.
///
/// While `init` runs, files can be opened and the module is counted as in use; but when it fails, the loader frees the
/// module without looking at the count (`do_init_module`). May sleep, for as long as somebody has a file open.
pub fn wait_for_users<M: ModuleMetadata>() {
    let module = this_module::<M>().as_ptr();
    // Code that is built into the kernel is never freed.
    if module.is_null() {
        return;
    }
    // One reference is the loader's. There is no way in any more, so a count of 1 stays; and a task that has given its
    // reference back has left the module's code before.
    #[cfg(CONFIG_MODULE_UNLOAD)]
    // SAFETY: The module whose code this is stays valid meanwhile.
    while unsafe { bindings::module_refcount(module) } > 1 {
        // SAFETY: Sleeping is allowed here. Idle, so that this is no hung task.
        unsafe { bindings::schedule_timeout_idle(1) };
    }
}
