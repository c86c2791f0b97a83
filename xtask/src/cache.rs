// SPDX-License-Identifier: GPL-2.0

//! The folder outside the checkout that keeps what is expensive to make.
//!
//! An entry's name carries a hash of what went into it. It is made under another name and renamed
//! when it is complete, so that a set-up that was interrupted is never taken for a good one.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::step::say;

/// The cache folder.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// Held while something in the cache is made or used for building.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "closing the file is what lets go of the lock")] File);

impl Cache {
    /// `$MYDEVICE_CACHE`, else `$XDG_CACHE_HOME/mydevice`, else `~/.cache/mydevice`.
    pub fn open() -> Result<Self> {
        let set = |name| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let root = set("MYDEVICE_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|p| p.join("mydevice")))
            .or_else(|| set("HOME").map(|p| p.join(".cache/mydevice")))
            .context("find a folder for the cache: HOME is not set. Set MYDEVICE_CACHE to a folder with room")?;
        let root = std::path::absolute(root).context("find the cache folder")?;
        fs::create_dir_all(&root).with_context(|| {
            format!(
                "make the cache folder {}; MYDEVICE_CACHE names another one",
                root.display()
            )
        })?;
        Ok(Self { root })
    }

    /// Where the cache is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The folder of the entry made of these ingredients.
    pub fn entry(&self, name: &str, ingredients: &[&str]) -> PathBuf {
        self.root
            .join(format!("{name}-{}", &hash(ingredients)[..12]))
    }

    /// Waits until nobody else works on `name`.
    pub fn lock(&self, name: &str) -> Result<Lock> {
        let path = self.root.join(format!("{name}.lock"));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = file.with_context(|| format!("open the lock {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say!("    waiting for another run of xtask to finish with {name}");
                file.lock()
                    .with_context(|| format!("lock {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("lock {}", path.display()));
            }
        }
        Ok(Lock(file))
    }

    /// Fails if the cache's disk has less room than that.
    pub fn need_room(&self, bytes: u64, what: &str) -> Result<()> {
        let disk = rustix::fs::statvfs(&self.root).context("ask how much room the disk has")?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < bytes {
            bail!(
                "{what} needs {} free in {}, and there are {}.\n\
                 Free some room, or put the cache on a larger disk: MYDEVICE_CACHE=/a/larger/disk",
                megabytes(bytes),
                self.root.display(),
                megabytes(free)
            );
        }
        Ok(())
    }
}

/// A hash over parts; no two different lists of parts run together.
pub fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_tells_lists_apart() {
        assert_eq!(hash(&["ab", "c"]), hash(&["ab", "c"]));
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["ab"]), hash(&["ab", ""]));
    }

    #[test]
    fn a_lock_is_held_until_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache {
            root: folder.path().to_owned(),
        };
        let lock = cache.lock("x").expect("free");
        let again = File::open(folder.path().join("x.lock")).expect("the lock file");
        assert!(matches!(again.try_lock(), Err(TryLockError::WouldBlock)));
        drop(lock);
        assert!(again.try_lock().is_ok());
    }

    #[test]
    fn too_little_room_is_said_in_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache {
            root: folder.path().to_owned(),
        };
        cache.need_room(1, "nothing much").expect("a byte");
        let error = cache
            .need_room(u64::MAX, "the tree")
            .expect_err("no disk is that large")
            .to_string();
        assert!(
            error.starts_with("the tree needs") && error.contains("MYDEVICE_CACHE"),
            "{error}"
        );
    }
}
