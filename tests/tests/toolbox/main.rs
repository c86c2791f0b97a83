// SPDX-License-Identifier: GPL-2.0

//! The samples of the manual's page "The C you know, in Rust": `toolbox.ko` tests itself when it is loaded, and what only
//! user space sees is tested here.

mod device;
mod ktap;
mod printing;
mod views;

use mydevice_tests::Module;

/// Loads the module. That it loads means that its own tests have passed.
#[track_caller]
fn load(parameters: &[&str]) -> Module {
    match Module::try_load("toolbox", parameters) {
        Ok(module) => module,
        Err(refusal) => panic!("loading toolbox with {parameters:?}: {refusal:#?}"),
    }
}
