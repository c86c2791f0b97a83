// SPDX-License-Identifier: GPL-2.0

//! Names that come and go: `add`, `remove`, loading and unloading.
//!
//! What fails while the driver core makes a node or tells of one, it passes over by design (`device_add` looks at neither
//! result). Where a call succeeds all the same, what is missing is listed and not counted.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use mydevice_tests::{
    Device, Instance, Module,
    faults::{Faults, is_fault},
    module::Refusal,
};
use nix::{errno::Errno, fcntl::OFlag, kmod::init_module};

/// What there is of an instance, and what of its nodes is missing.
fn check(instance: &Instance, split: bool, failed: bool) {
    let names = instance.names();
    let (nodes, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.starts_with("/dev"));
    assert_eq!(others.len(), if split { 4 } else { 2 }, "{others:?}");
    let expected = if split { 2 } else { 1 };
    if nodes.len() < expected {
        assert!(failed, "only {nodes:?}");
        println!("passed over by the driver core: there is only {nodes:?}");
    }
}

/// `add`: after an error there is no name, and the next one gets it.
#[test]
fn add() {
    let faults = Faults::of_this_thread();
    let _module = Module::load(&[]);
    for (keys, split) in [
        ("discipline=stream", false),
        ("discipline=stack split=1", true),
    ] {
        let instance = Instance::named("mydevice-x");
        faults.each(
            &format!("add with {keys}"),
            || format!("x {keys}"),
            |command| Instance::try_add(command).map(drop),
            |command, result, failed| {
                match result {
                    Ok(()) => check(&instance, split, failed),
                    Err(errno) => {
                        assert!(failed && is_fault(errno), "{errno}");
                        assert_eq!(instance.names(), Vec::<std::path::PathBuf>::new());
                        Instance::add(&command);
                        check(&instance, split, false);
                    }
                }
                instance.remove().expect("removing it");
                assert_eq!(instance.names(), Vec::<std::path::PathBuf>::new());
            },
        );
    }
}

/// `remove`: all of it goes or nothing does.
#[test]
fn remove() {
    let faults = Faults::of_this_thread();
    let _module = Module::load(&[]);
    faults.each(
        "remove",
        || Instance::add("x split=1"),
        Instance::remove,
        |instance, result, failed| {
            if let Err(errno) = result {
                assert!(failed && is_fault(errno), "{errno}");
                check(&instance, true, false);
                Device::open(&instance.write_node(), OFlag::O_WRONLY)
                    .expect("opening what is still there")
                    .put("x");
                instance.remove().expect("removing it without a fault");
            }
            assert_eq!(instance.names(), Vec::<std::path::PathBuf>::new());
        },
    );
}

/// Loads with the `nth` failing; tells whether there were so many.
fn load(faults: &Faults, nth: u32, parameters: &std::ffi::CStr) -> (Result<Module, Refusal>, bool) {
    let mut failed = false;
    let result = Module::load_by("mydevice", |file| {
        // From memory: else the faults would be those of the file system.
        let image = fs::read(file).expect("reading the module");
        let (result, was_reached) = faults.fail(nth, || init_module(&image, parameters));
        failed = was_reached;
        result
    });
    (result, failed)
}

/// How many a load has that succeeds, or is refused.
fn count(faults: &Faults, parameters: &std::ffi::CStr) -> (Result<Module, Refusal>, u32) {
    let mut count = 0;
    let result = Module::load_by("mydevice", |file| {
        let image = fs::read(file).expect("reading the module");
        let mut result = Ok(());
        count = faults.count(|| result = init_module(&image, parameters));
        result
    });
    (result, count)
}

/// The faults of a load that are looked at: from where the loader has the module in its place and reads its parameters,
/// which is known from a load that is refused for a bad one. What comes before that is the loader's work.
fn of_interest(faults: &Faults, parameters: &std::ffi::CStr) -> std::ops::Range<u32> {
    let (refused, first) = count(faults, c"devices=many");
    assert_eq!(
        refused.err().map(|refusal| refusal.errno),
        Some(Errno::EINVAL)
    );
    let (loaded, all) = count(faults, parameters);
    loaded.expect("loading without a fault");
    assert!(first < all, "{first} before the module's own, {all} in all");
    first..all
}

/// Loading: after an error nothing is left, which `Module` checks, and the next attempt is like the first.
#[test]
fn loading() {
    let faults = Faults::of_this_thread();
    let parameters = c"devices=2 split=Y";
    let looked_at = of_interest(&faults, parameters);
    let mut refused = 0;
    for nth in looked_at.start.. {
        match load(&faults, nth, parameters) {
            (Ok(module), failed) => {
                check(&module.instance(), true, failed);
                if !failed {
                    break;
                }
            }
            (Err(refusal), failed) => {
                assert!(failed && is_fault(refusal.errno), "{refusal:?}");
                refused += 1;
            }
        }
    }
    println!("load: {refused} refusals by the faults {looked_at:?}");
    assert!(refused > 0);
}

/// A load that fails when somebody has opened a node already waits until that file is closed.
#[test]
fn loading_waits_for_who_came_early() {
    let faults = Faults::of_this_thread();
    let parameters = c"devices=8";
    let looked_at = of_interest(&faults, parameters);
    let (opens, early, over) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicBool::new(false),
    );
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let instance = Instance::named("mydevice");
                if let Ok(device) = instance.open(OFlag::O_RDWR) {
                    opens.fetch_add(1, Ordering::SeqCst);
                    early.fetch_add(1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(20));
                    // Before the close, since the load may end right after it.
                    opens.fetch_sub(1, Ordering::SeqCst);
                    drop(device);
                }
            }
        });
        for nth in looked_at.step_by(7) {
            match load(&faults, nth, parameters) {
                (Err(_), _) => assert_eq!(
                    opens.load(Ordering::SeqCst),
                    0,
                    "files open after a load that failed"
                ),
                (Ok(module), _) => {
                    // Dropping it waits for nobody: the other thread may have it open.
                    while opens.load(Ordering::SeqCst) > 0 {
                        thread::yield_now();
                    }
                    drop(module);
                }
            }
        }
        over.store(true, Ordering::SeqCst);
    });
    println!("opened while loading or loaded: {}", early.into_inner());
}

/// Unloading: it happens, or an error leaves a module that works.
#[test]
fn unloading() {
    let faults = Faults::of_this_thread();
    faults.each(
        "unload",
        || std::cell::RefCell::new(Some(Module::load(&["devices=2"]))),
        |module| module.borrow_mut().as_mut().expect("a module").try_unload(),
        |module, result, failed| {
            let module = module.into_inner().expect("a module");
            if let Err(errno) = result {
                assert!(failed && is_fault(errno), "{errno}");
                module.instance().both().put("x");
            }
        },
    );
}
