// SPDX-License-Identifier: GPL-2.0

use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    str::FromStr,
};

use nix::{errno::Errno, sys::stat};

use crate::{Attribute, Discipline, Figures, OnEmpty, figures::invalid, name};

/// The folder of the class in sysfs.
pub const CLASS: &str = "/sys/class/mydevice_class";

/// An instance by its name: one queue, with its nodes, attributes and figures.
///
/// This holds a name and nothing else. The instance may be removed at any time, and then the calls here fail with
/// `ENOENT`; nor does anything here open the device.
///
/// ```
/// use mydevice::{Discipline, Instance};
///
/// # fn main() -> std::io::Result<()> {
/// for instance in Instance::all()? {
///     println!("{instance}: {} of {} bytes", instance.bytes_used()?, instance.capacity()?);
/// }
/// let instance = Instance::find("/dev/mydevice")?;
/// assert_eq!(instance.name(), "mydevice");
/// assert_eq!(instance.discipline()?, Discipline::Stream);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    name: String,
}

impl Instance {
    /// Every instance that there is, sorted by name.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the module is not loaded.
    pub fn all() -> io::Result<Vec<Self>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(CLASS)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let instance = Self { name };
            // `add` and `remove` lie beside them, and so do the nodes of split instances.
            if instance.has_attributes() {
                all.push(instance);
            }
        }
        all.sort_by(|a, b| name::order(&a.name).cmp(&name::order(&b.name)));
        Ok(all)
    }

    /// The instance of that name, or the one that the node at that path leads to.
    ///
    /// # Errors
    ///
    /// `ENODEV` if there is no such instance, or the path leads to something else; `ENOENT` if there is nothing at the path.
    pub fn find(target: impl AsRef<Path>) -> io::Result<Self> {
        let target = target.as_ref();
        let name = match target.to_str().filter(|text| !text.contains('/')) {
            Some(name) => name::full(name),
            None => of_node(target)?,
        };
        let plain = name.strip_suffix("_w").or_else(|| name.strip_suffix("_r"));
        [Some(name.as_str()), plain]
            .into_iter()
            .flatten()
            .map(|name| Self {
                name: name.to_owned(),
            })
            .find(Self::has_attributes)
            .ok_or_else(|| Errno::ENODEV.into())
    }

    /// Removes the instance, also while it is open. What is stored is lost.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it is gone already; `EACCES` if you are not root; `ENOENT` if the module is not loaded.
    pub fn remove(&self) -> io::Result<()> {
        command("remove", name::short(&self.name))
    }

    /// The full name: `mydevice`, `mydevice1`, `mydevice-jobs`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The nodes in `/dev`: one, or of a split instance the one to write and the one to read.
    pub fn nodes(&self) -> Vec<PathBuf> {
        let split = ["_w", "_r"].map(|suffix| format!("{}{suffix}", self.name));
        let names = if self.is_split() {
            split.into()
        } else {
            vec![self.name.clone()]
        };
        names
            .iter()
            .map(|name| Path::new("/dev").join(name))
            .collect()
    }

    /// Whether the instance has one node per direction.
    pub fn is_split(&self) -> bool {
        // The plain name has a device number if it has a node.
        self.has_attributes() && !self.folder().join("dev").exists()
    }

    /// What `/proc/<name>` tells, all of the same moment.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such instance; `ENODEV` or `EIO` if it went at that moment.
    pub fn figures(&self) -> io::Result<Figures> {
        fs::read_to_string(Path::new("/proc").join(&self.name))?.parse()
    }

    /// An attribute, as sysfs shows it.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such instance; `ENODEV` if it went at that moment.
    pub fn attribute(&self, attribute: Attribute) -> io::Result<String> {
        let text = fs::read_to_string(self.folder().join(attribute.as_str()))?;
        Ok(text.trim_end().to_owned())
    }

    /// Sets an attribute, by one write.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a value that is not valid; `EBUSY` for the discipline while the instance is open or holds data, and for
    /// the capacity of a `spool` that stores more; `ENOMEM`; `EACCES`; `ENOENT` if there is no such instance.
    pub fn set_attribute(&self, attribute: Attribute, value: impl fmt::Display) -> io::Result<()> {
        write_once(&self.folder().join(attribute.as_str()), &value.to_string())
    }

    /// The rule by which it stores and hands out data.
    ///
    /// # Errors
    ///
    /// Those of [`Instance::attribute`]; so have those below.
    pub fn discipline(&self) -> io::Result<Discipline> {
        Ok(Discipline::named(&self.attribute(Attribute::Discipline)?))
    }

    /// Bytes of data that it may hold now.
    #[allow(clippy::missing_errors_doc, reason = "see `discipline`")]
    pub fn capacity(&self) -> io::Result<u64> {
        self.parsed(Attribute::Capacity)
    }

    /// The largest capacity that it may be given, or grow to.
    #[allow(clippy::missing_errors_doc, reason = "see `discipline`")]
    pub fn max_capacity(&self) -> io::Result<u64> {
        self.parsed(Attribute::MaxCapacity)
    }

    /// What a read meets when there is nothing for it.
    #[allow(clippy::missing_errors_doc, reason = "see `discipline`")]
    pub fn on_empty(&self) -> io::Result<OnEmpty> {
        Ok(self.attribute(Attribute::OnEmpty)?.parse()?)
    }

    /// How long a read waits for data, in milliseconds; 0 is without end.
    #[allow(clippy::missing_errors_doc, reason = "see `discipline`")]
    pub fn read_timeout_ms(&self) -> io::Result<u64> {
        self.parsed(Attribute::ReadTimeoutMs)
    }

    /// Bytes that wait to be read.
    #[allow(clippy::missing_errors_doc, reason = "see `discipline`")]
    pub fn bytes_used(&self) -> io::Result<u64> {
        self.parsed(Attribute::BytesUsed)
    }

    /// The most bytes that were ever stored at once.
    #[allow(clippy::missing_errors_doc, reason = "see `discipline`")]
    pub fn high_water(&self) -> io::Result<u64> {
        self.parsed(Attribute::HighWater)
    }

    /// Open files that can be read now. One that can be written as well counts in [`Instance::writers`], too.
    #[allow(clippy::missing_errors_doc, reason = "see `discipline`")]
    pub fn readers(&self) -> io::Result<u64> {
        self.parsed(Attribute::Readers)
    }

    /// Open files that can be written now.
    #[allow(clippy::missing_errors_doc, reason = "see `discipline`")]
    pub fn writers(&self) -> io::Result<u64> {
        self.parsed(Attribute::Writers)
    }

    /// Tasks that sleep in a read now. Who waits in poll, as `AsyncDevice` does, is not one of them.
    #[allow(clippy::missing_errors_doc, reason = "see `discipline`")]
    pub fn waiting_readers(&self) -> io::Result<u64> {
        self.parsed(Attribute::WaitingReaders)
    }

    /// Tasks that sleep in a write now: for room, or for their turn.
    #[allow(clippy::missing_errors_doc, reason = "see `discipline`")]
    pub fn waiting_writers(&self) -> io::Result<u64> {
        self.parsed(Attribute::WaitingWriters)
    }

    /// The instance that was just added under that name.
    pub(crate) fn added(short: &str) -> Self {
        Self {
            name: name::full(short),
        }
    }

    fn folder(&self) -> PathBuf {
        Path::new(CLASS).join(&self.name)
    }

    fn has_attributes(&self) -> bool {
        self.folder().join(Attribute::Discipline.as_str()).exists()
    }

    fn parsed<T: FromStr>(&self, attribute: Attribute) -> io::Result<T> {
        let text = self.attribute(attribute)?;
        text.parse()
            .map_err(|_| invalid(format!("{attribute} is {text:?}")))
    }
}

/// The full name.
impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// One command to the class: `add` or `remove`.
pub(crate) fn command(file: &str, text: &str) -> io::Result<()> {
    write_once(&Path::new(CLASS).join(file), text)
}

/// Writes `text` in one call: to sysfs, each call is a command of its own.
fn write_once(file: &Path, text: &str) -> io::Result<()> {
    // The kernel never hears of a write of nothing, so that an empty text is sent as an empty line.
    let text = if text.is_empty() { "\n" } else { text };
    let mut file = fs::OpenOptions::new().write(true).open(file)?;
    match file.write(text.as_bytes())? {
        n if n == text.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// The name of the class entry to which the node at `path` leads.
fn of_node(path: &Path) -> io::Result<String> {
    let node = fs::metadata(path)?;
    if !node.file_type().is_char_device() {
        return Err(Errno::ENODEV.into());
    }
    let (major, minor) = (stat::major(node.rdev()), stat::minor(node.rdev()));
    let entry = fs::canonicalize(format!("/sys/dev/char/{major}:{minor}"));
    let entry = entry.map_err(|_| Errno::ENODEV)?;
    let class = entry.parent().and_then(Path::file_name);
    let ours = class.is_some_and(|class| Path::new(CLASS).ends_with(class));
    let name = entry.file_name().filter(|_| ours).ok_or(Errno::ENODEV)?;
    Ok(name.to_string_lossy().into_owned())
}
