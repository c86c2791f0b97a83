// SPDX-License-Identifier: GPL-2.0

//! The initramfs: the init, the configuration, and the few modules that it needs to reach the tree.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cpio::newc::{Builder, ModeFileType, trailer};
use mydevice_init::{CONFIG_PATH, Config, MODULES_DIR};

use crate::project;
use crate::tree::Tree;

/// What the kernel may have as a module. Everything else on the way is built in.
const NEEDED: &[&str] = &["virtiofs", "overlay", "virtio_console", "virtio_pci"];

/// Writes the archive, and fills in the modules.
pub fn write(tree: &Tree, mut config: Config, folder: &Path) -> Result<PathBuf> {
    let init = project::guest_init()?;
    let modules_dir = tree
        .root()
        .join("usr/lib/modules")
        .join(&tree.kernel.release);
    let dependencies = modules_dir.join("modules.dep");
    let text = match fs::read_to_string(&dependencies) {
        // A kernel that was built here has everything built in.
        Err(error) if error.kind() == ErrorKind::NotFound && tree.own.is_some() => String::new(),
        read => read.with_context(|| format!("read {}", dependencies.display()))?,
    };
    let modules = load_order(&text, NEEDED);
    config.modules = modules.iter().map(|m| file_name(m).to_owned()).collect();

    let path = folder.join("initramfs.cpio");
    let file = File::create(&path).with_context(|| format!("make {}", path.display()))?;
    let mut archive = Archive {
        out: BufWriter::new(file),
        inode: 1,
    };
    for folder in ["/dev", MODULES_DIR] {
        archive.folder(folder)?;
    }
    // The kernel opens the console for init before init can mount anything.
    archive.device("/dev/console", 5, 1)?;
    archive.device("/dev/null", 1, 3)?;
    archive.file(
        "/init",
        0o755,
        &fs::read(&init).with_context(|| format!("read {}", init.display()))?,
    )?;
    archive.file(
        CONFIG_PATH,
        0o644,
        &serde_json::to_vec(&config).context("encode the configuration")?,
    )?;
    for module in &modules {
        let from = modules_dir.join(module);
        let content = fs::read(&from).with_context(|| format!("read {}", from.display()))?;
        archive.file(
            &format!("{MODULES_DIR}/{}", file_name(module)),
            0o644,
            &content,
        )?;
    }
    let mut out = trailer(archive.out).with_context(|| format!("write {}", path.display()))?;
    out.flush()
        .with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The modules to load, dependencies first, out of the text of `modules.dep`. What is not in it is
/// built into the kernel.
fn load_order(modules_dep: &str, names: &[&str]) -> Vec<String> {
    let mut order = Vec::new();
    for name in names {
        let line = modules_dep
            .lines()
            .filter_map(|l| l.split_once(':'))
            .find(|(path, _)| {
                let stem = file_name(path).split(".ko").next().unwrap_or("");
                stem.replace('-', "_") == *name
            });
        let Some((path, dependencies)) = line else {
            continue;
        };
        // The file lists them nearest first, so the last one depends on nothing.
        for module in dependencies.split_whitespace().rev().chain([path]) {
            if !order.iter().any(|m| m == module) {
                order.push(module.to_owned());
            }
        }
    }
    order
}

struct Archive<W: Write> {
    out: W,
    inode: u32,
}

impl<W: Write> Archive<W> {
    fn folder(&mut self, path: &str) -> Result<()> {
        let builder = self.builder(path, 0o755, ModeFileType::Directory);
        self.write(builder, &[])
    }

    fn device(&mut self, path: &str, major: u32, minor: u32) -> Result<()> {
        let builder = self
            .builder(path, 0o600, ModeFileType::Char)
            .rdev_major(major)
            .rdev_minor(minor);
        self.write(builder, &[])
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        let builder = self.builder(path, mode, ModeFileType::Regular);
        self.write(builder, content)
    }

    fn builder(&mut self, path: &str, mode: u32, kind: ModeFileType) -> Builder {
        self.inode += 1;
        Builder::new(path.trim_start_matches('/'))
            .ino(self.inode)
            .mode(mode)
            .nlink(1)
            .set_mode_file_type(kind)
    }

    fn write(&mut self, builder: Builder, content: &[u8]) -> Result<()> {
        let Ok(size) = u32::try_from(content.len()) else {
            bail!("a file of 4 GiB does not go into an initramfs")
        };
        let mut entry = builder.write(&mut self.out, size);
        entry
            .write_all(content)
            .and_then(|()| entry.finish().map(drop))
            .context("write the initramfs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_after_what_they_depend_on() {
        let dep = "kernel/fs/fuse/fuse.ko.xz:\n\
                   kernel/fs/fuse/virtiofs.ko.xz: kernel/fs/fuse/fuse.ko.xz kernel/drivers/virtio/virtio.ko.xz\n\
                   kernel/drivers/virtio/virtio.ko.xz:\n\
                   kernel/fs/overlayfs/overlay.ko.xz:\n";
        assert_eq!(
            load_order(dep, &["virtiofs", "overlay", "virtio_pci"]),
            [
                "kernel/drivers/virtio/virtio.ko.xz",
                "kernel/fs/fuse/fuse.ko.xz",
                "kernel/fs/fuse/virtiofs.ko.xz",
                "kernel/fs/overlayfs/overlay.ko.xz",
            ]
        );
        assert!(load_order("", &["overlay"]).is_empty());
    }

    #[test]
    fn the_archive_reads_back() {
        let mut archive = Archive {
            out: Vec::new(),
            inode: 1,
        };
        archive.folder("/dev").expect("a folder");
        archive.device("/dev/console", 5, 1).expect("a device");
        archive.file("/init", 0o755, b"#!").expect("a file");
        let bytes = trailer(archive.out).expect("the end");
        let mut reader = cpio::newc::Reader::new(&bytes[..]).expect("an archive");
        let mut seen = Vec::new();
        while !reader.entry().is_trailer() {
            let entry = reader.entry();
            seen.push((
                entry.name().to_owned(),
                entry.mode(),
                entry.rdev_major(),
                entry.file_size(),
            ));
            reader = cpio::newc::Reader::new(reader.finish().expect("the next")).expect("an entry");
        }
        assert_eq!(
            seen,
            [
                ("dev".to_owned(), 0o040755, 0, 0),
                ("dev/console".to_owned(), 0o020600, 5, 0),
                ("init".to_owned(), 0o100755, 0, 2),
            ]
        );
    }
}
