// SPDX-License-Identifier: GPL-2.0

//! The guest's file systems.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use mydevice_init::{Job, Sharing};
use rustix::mount::{MountFlags, mount, mount_move};

/// Where the Debian tree is put together before it becomes `/`.
const NEW_ROOT: &str = "/new";

/// What the init itself needs, mounted in the initramfs and later carried over.
pub fn basic() -> Result<()> {
    attach(
        "devtmpfs",
        "devtmpfs",
        "/dev",
        MountFlags::NOSUID,
        "mode=0755",
    )?;
    attach("proc", "proc", "/proc", MountFlags::NOSUID, "")?;
    attach("sysfs", "sysfs", "/sys", MountFlags::NOSUID, "")
}

/// Makes the Debian tree `/`, with the host's folders in it.
pub fn user_land(job: &Job) -> Result<()> {
    let none = MountFlags::empty();
    // The tree on the host stays as it was made: every change lands in memory.
    let (kind, tree_options, share_options) = match job.sharing {
        Sharing::Virtiofs => ("virtiofs", "", ""),
        // Nobody changes the tree, so what was read of it once stays good.
        Sharing::NineP => (
            "9p",
            "trans=virtio,version=9p2000.L,msize=512000,cache=loose",
            "trans=virtio,version=9p2000.L,msize=512000,cache=mmap",
        ),
    };
    attach(
        &job.root_tag,
        kind,
        "/lower",
        MountFlags::RDONLY,
        tree_options,
    )?;
    attach("changes", "tmpfs", "/changes", none, "mode=0755")?;
    fs::create_dir_all("/changes/upper").context("make the overlay's upper folder")?;
    fs::create_dir_all("/changes/work").context("make the overlay's work folder")?;
    let layers = "lowerdir=/lower,upperdir=/changes/upper,workdir=/changes/work";
    attach("root", "overlay", NEW_ROOT, none, layers)?;

    for part in ["/dev", "/proc", "/sys"] {
        let to = inside(Path::new(part));
        fs::create_dir_all(&to).with_context(|| format!("make {part} in the tree"))?;
        mount_move(part, &to).with_context(|| format!("carry {part} over"))?;
    }
    for (path, options) in [
        ("/tmp", "mode=1777"),
        ("/run", "mode=0755"),
        ("/dev/shm", "mode=1777"),
    ] {
        attach("tmpfs", "tmpfs", inside(Path::new(path)), none, options)?;
    }
    attach(
        "devpts",
        "devpts",
        inside(Path::new("/dev/pts")),
        none,
        "gid=5,mode=620,ptmxmode=666",
    )?;
    for (kind, path) in [
        ("cgroup2", "/sys/fs/cgroup"),
        ("debugfs", "/sys/kernel/debug"),
        ("tracefs", "/sys/kernel/tracing"),
    ] {
        // Kernels built without them have no such folder; tests that need them say so.
        if inside(Path::new(path)).is_dir() {
            attach(kind, kind, inside(Path::new(path)), none, "")?;
        }
    }
    for share in &job.shares {
        attach(&share.tag, kind, inside(&share.path), none, share_options)?;
    }
    // The user land's idea of what is mounted where.
    for (link, to) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        std::os::unix::fs::symlink(to, inside(Path::new(link)))
            .with_context(|| format!("make {link}"))?;
    }

    std::env::set_current_dir(NEW_ROOT).context("enter the tree")?;
    mount_move(".", "/").context("make the tree the root")?;
    rustix::process::chroot(".").context("enter the new root")?;
    std::env::set_current_dir("/").context("enter the new root")?;
    settle()
}

/// The last touches that a Debian system has and that ask for its own tools or for `/proc/sys`.
fn settle() -> Result<()> {
    rustix::system::sethostname(b"mydevice-vm").context("set the host name")?;
    // A task stuck that long is a finding, and the default of two minutes outlasts most tests.
    let hung = "/proc/sys/kernel/hung_task_timeout_secs";
    if Path::new(hung).exists() {
        fs::write(hung, "60").context("set the limit for hung tasks")?;
    }
    let status = Command::new("/usr/sbin/ip")
        .args(["link", "set", "lo", "up"])
        .status();
    match status.context("run ip to bring up the loopback interface")? {
        status if status.success() => Ok(()),
        status => bail!("`ip link set lo up` ended with {status}"),
    }
}

/// A path of the guest as it is named before the tree has become `/`.
fn inside(path: &Path) -> PathBuf {
    Path::new(NEW_ROOT).join(path.strip_prefix("/").unwrap_or(path))
}

fn attach(
    source: &str,
    kind: &str,
    target: impl AsRef<Path>,
    flags: MountFlags,
    options: &str,
) -> Result<()> {
    let target = target.as_ref();
    fs::create_dir_all(target)
        .with_context(|| format!("make the mount point {}", target.display()))?;
    let options = std::ffi::CString::new(options).context("mount options")?;
    mount(source, target, kind, flags, options.as_c_str())
        .with_context(|| format!("mount {kind} {source} on {}", target.display()))
}
