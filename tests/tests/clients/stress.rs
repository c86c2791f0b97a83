// SPDX-License-Identifier: GPL-2.0

//! stress-ng's device stressor, which opens, polls, maps, seeks, reads and controls as no sane program does:
//! on every kind of node, and the kernel's log stays clean (which the end of each test looks at).

use std::{fs, path::Path};

use mydevice_tests::{
    Device, Instance, Module,
    guest::{Sources, sh, try_sh},
    instance::DISCIPLINES,
};
use nix::fcntl::OFlag;

/// Seconds on each node.
const SECONDS: u32 = 2;

/// Lets the stressor loose on a node, with these variables in its environment.
#[track_caller]
fn stress(node: &Path, environment: &str) {
    let folder = tempfile::tempdir().unwrap();
    let figures = folder.path().join("figures");
    let line = format!(
        "{environment} stress-ng --dev 2 --dev-file {} --timeout {SECONDS} --oom-avoid --quiet --metrics-brief --yaml {}",
        node.display(),
        figures.display()
    );
    let output = try_sh(&line);
    assert!(output.status.success(), "`{line}`: {output:?}");
    let figures = fs::read_to_string(figures).expect("the figures of stress-ng");
    let rounds = figures
        .lines()
        .find_map(|line| line.trim().strip_prefix("bogo-ops: "))
        .and_then(|rounds| rounds.trim().parse().ok());
    assert!(rounds > Some(0), "`{line}` did nothing:\n{figures}");
}

/// A node for both directions, of each discipline.
#[test]
fn stress_ng_harms_no_discipline() {
    let _module = Module::load(&[]);
    for discipline in DISCIPLINES {
        let instance = Instance::add(&format!("one discipline={discipline}"));
        instance.both().put("something to find");
        stress(&instance.node(), "");
        // It works on.
        let device = instance.both();
        assert_eq!(device.clear(), Ok(()));
        device.put("works on");
        assert_eq!(device.take(100), "works on", "{discipline}");
        drop(device);
        assert_eq!(instance.remove(), Ok(()));
    }
}

/// The stressor first opens its file for reading; where that is refused, it spins and does nothing else. Loaded before
/// the C library, this opens the node in the one way that it allows.
const OPEN_FOR_WRITING: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int pass_on(const char *name, const char *path, int flags, mode_t mode)
{
	int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
	const char *node = getenv("WRITE_ONLY");

	if (node && !strcmp(path, node))
		flags = (flags & ~O_ACCMODE) | O_WRONLY;
	return next(path, flags, mode);
}

#define OPEN(name)                                          \
	int name(const char *path, int flags, ...)          \
	{                                                   \
		va_list arguments;                          \
		mode_t mode = 0;                            \
		if (flags & (O_CREAT | __O_TMPFILE)) {      \
			va_start(arguments, flags);         \
			mode = va_arg(arguments, mode_t);   \
			va_end(arguments);                  \
		}                                           \
		return pass_on(#name, path, flags, mode);   \
	}
OPEN(open)
OPEN(open64)
OPEN(__open_2)
OPEN(__open64_2)
"#;

/// Both nodes of a split instance, of each discipline.
#[test]
fn stress_ng_harms_no_pair() {
    let _module = Module::load(&[]);
    let shim = Sources::new(&[("shim.c", OPEN_FOR_WRITING)]);
    let shim = shim.program("gcc -shared -fPIC -U_FORTIFY_SOURCE", "shim.c");
    for discipline in DISCIPLINES {
        let pair = Instance::add(&format!("pair split=1 discipline={discipline}"));
        sh(&format!(
            "echo something to find > {}",
            pair.write_node().display()
        ));
        stress(&pair.read_node(), "");
        stress(
            &pair.write_node(),
            &format!(
                "LD_PRELOAD={} WRITE_ONLY={}",
                shim.display(),
                pair.write_node().display()
            ),
        );
        assert_eq!(pair.proc().open_count, 0);
        let writer = Device::open(&pair.write_node(), OFlag::O_WRONLY).unwrap();
        let reader = Device::open(&pair.read_node(), OFlag::O_RDONLY).unwrap();
        assert_eq!(writer.clear(), Ok(()));
        writer.put("works on");
        assert_eq!(reader.take(100), "works on", "{discipline}");
        drop((writer, reader));
        assert_eq!(pair.remove(), Ok(()));
    }
}
