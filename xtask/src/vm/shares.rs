// SPDX-License-Identifier: GPL-2.0

//! The host's folders in the guest, by virtiofs: one helper process each.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mydevice_init::Share;

use crate::privilege::is_root;
use crate::tree::Tree;
use crate::vm::helper::Helper;

/// A folder being served.
pub struct Daemon {
    /// Its tag in the guest.
    pub tag: String,
    /// The socket for QEMU.
    pub socket: PathBuf,
    /// Ends with it.
    _helper: Helper,
}

/// Serves the Debian tree: read only, and cached for good, since nobody changes it meanwhile.
pub fn serve_tree(tree: &Tree, tag: &str, folder: &Path) -> Result<Daemon> {
    start(
        tree,
        tag,
        &tree.root(),
        &["--readonly", "--cache=always"],
        folder,
    )
}

/// Serves a folder for reading and writing. The host may change it while the guest looks.
pub fn serve(tree: &Tree, share: &Share, folder: &Path) -> Result<Daemon> {
    start(tree, &share.tag, &share.path, &["--cache=auto"], folder)
}

fn start(tree: &Tree, tag: &str, path: &Path, options: &[&str], folder: &Path) -> Result<Daemon> {
    let socket = folder.join(format!("{tag}.sock"));
    let mut command = tree.host_command("usr/libexec/virtiofsd");
    // The guest's root is the user here, and a container may neither make namespaces nor raise limits.
    command.args([
        "--sandbox=none",
        "--seccomp=none",
        "--rlimit-nofile=0",
        "--log-level=warn",
    ]);
    if is_root() {
        command.arg("--modcaps=-sys_resource");
    } else {
        // What the guest's root makes belongs to the user, and shows there as root's.
        let (user, group) = (
            rustix::process::getuid().as_raw(),
            rustix::process::getgid().as_raw(),
        );
        if !options.contains(&"--readonly") {
            command
                .arg(format!("--translate-uid=map:0:{user}:1"))
                .arg(format!("--translate-gid=map:0:{group}:1"));
        }
    }
    command
        .args(options)
        .arg("--shared-dir")
        .arg(path)
        .arg("--socket-path")
        .arg(&socket);
    let log = folder.join(format!("{tag}.log"));
    let mut helper = Helper::start(&mut command, &log)?;
    helper
        .wait_for(&socket)
        .with_context(|| format!("serve {} to the guest with virtiofsd", path.display()))?;
    Ok(Daemon {
        tag: tag.to_owned(),
        socket,
        _helper: helper,
    })
}
