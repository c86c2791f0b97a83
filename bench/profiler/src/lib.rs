// SPDX-License-Identifier: GPL-2.0

//! A plugin for QEMU's translator that counts the guest's instructions by address, between marks that the guest sets.
//!
//! `-plugin file=libmydevice_profiler.so,counts=PATH`. The marks are instructions that do nothing
//! (`bench/src/stopwatch.rs`): one from which counting begins anew, and one at which what was counted since is appended
//! to the file at PATH, as a *window*: a line `window`, and then for each address at which a block of translated code
//! begins, and that was reached, a line with the address, in hexadecimal, and the instructions that were executed in such
//! blocks.
//!
//! For guests with one processor.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use qemu_plugin::{
    Error, PluginId, Result, TranslationBlock,
    install::{Args, Info},
    plugin::{HasCallbacks, Register},
    register,
};

/// `nopl LABEL(%rax,%rax)`, of which compilers use no label but 0.
const MARK: [u8; 4] = [0x0f, 0x1f, 0x84, 0x00];
/// The labels of the marks.
const BEGIN: [u8; 4] = *b"mydB";
const END: [u8; 4] = *b"mydE";

register!(Profiler::default());

/// The plugin.
#[derive(Default)]
struct Profiler(Arc<Mutex<Counts>>);

/// What was counted since the last mark, and where windows go.
#[derive(Default)]
struct Counts {
    /// A counter for each address at which a block begins. Blocks of several lengths may.
    counters: HashMap<u64, Arc<AtomicU64>>,
    windows: Option<BufWriter<File>>,
}

impl Register for Profiler {
    fn register(&mut self, _: PluginId, args: &Args, _: &Info) -> Result<()> {
        let path = args.raw.iter().find_map(|arg| arg.strip_prefix("counts="));
        let path = path.ok_or_else(|| Error::MissingArgValue {
            argument: "counts=PATH".to_owned(),
        })?;
        let file = File::create(Path::new(path)).unwrap_or_else(|error| fail(&error));
        self.counts().windows = Some(BufWriter::new(file));
        Ok(())
    }
}

impl HasCallbacks for Profiler {
    fn on_translation_block_translate(
        &mut self,
        _: PluginId,
        block: TranslationBlock,
    ) -> Result<()> {
        let counter = self
            .counts()
            .counters
            .entry(block.vaddr())
            .or_default()
            .clone();
        let instructions = block.size() as u64;
        block.register_execute_callback(move |_| {
            counter.fetch_add(instructions, Relaxed);
        });
        for instruction in block.instructions() {
            let counts = self.0.clone();
            match instruction.data().strip_prefix(&MARK) {
                Some(label) if *label == BEGIN => {
                    instruction.register_execute_callback(move |_| lock(&counts).begin());
                }
                Some(label) if *label == END => {
                    instruction.register_execute_callback(move |_| {
                        lock(&counts).end().unwrap_or_else(|error| fail(&error));
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Profiler {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.0)
    }
}

impl Counts {
    /// Counts anew from here.
    fn begin(&mut self) {
        for counter in self.counters.values() {
            counter.store(0, Relaxed);
        }
    }

    /// Writes down what was counted.
    fn end(&mut self) -> std::io::Result<()> {
        let Some(windows) = &mut self.windows else {
            return Ok(());
        };
        writeln!(windows, "window")?;
        for (address, counter) in &self.counters {
            match counter.load(Relaxed) {
                0 => {}
                count => writeln!(windows, "{address:x} {count}")?,
            }
        }
        windows.flush()
    }
}

/// Nothing that is done under this lock can leave it half done.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends QEMU: what is not written down was counted in vain.
fn fail(error: &std::io::Error) -> ! {
    eprintln!("mydevice-profiler: cannot write down what was counted: {error}");
    std::process::exit(1);
}
