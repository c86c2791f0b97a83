// SPDX-License-Identifier: GPL-2.0

//! How a command fails: what was attempted, the errno, the way out, and the exit code.

use std::{
    fmt::{self, Display},
    io,
    path::Path,
    process::ExitCode,
};

use mydevice::CLASS;
use nix::errno::Errno;

/// What commands return.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// The exit codes beside 0, which scripts can rely on. `--help` has the same list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Whatever has no code of its own; `stress` and `doctor` found something wrong.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The module is not loaded.
    NotLoaded = 3,
    /// There is no such instance.
    NoInstance = 4,
    /// Not permitted.
    NotPermitted = 5,
    /// A name or a value was refused.
    Refused = 6,
    /// Busy, full or empty: it may work later.
    Busy = 7,
}

/// What `--help` says of the exit codes.
pub const CODES: &str = "\
Exit codes:
  0  done
  1  failed for a reason without a code of its own, or `stress` or `doctor` found something wrong
  2  the command line makes no sense
  3  the module is not loaded
  4  there is no such instance
  5  not permitted
  6  a name or a value was refused, or the file is no dump
  7  busy, full or would wait: it may work later";

/// A command that did not do what it should.
#[derive(Debug)]
pub struct Failure {
    what: String,
    cause: Option<io::Error>,
    hint: Option<String>,
    code: Code,
    /// What was lost is no more than text for a reader, who may have had enough of it.
    printing: bool,
}

impl Failure {
    /// One that is not the kernel's.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cause: None,
            hint: None,
            code,
            printing: false,
        }
    }

    /// One that came of a call. `what` goes on after "cannot".
    pub fn from_io(what: impl Display, cause: io::Error) -> Self {
        let (code, hint) = meaning(&cause);
        Self {
            what: format!("cannot {what}"),
            cause: Some(cause),
            hint: hint.map(str::to_owned),
            code,
            printing: false,
        }
    }

    /// One that came of a call on a file that is no device: what the errno means for an instance does not count.
    pub fn from_file(what: impl Display, cause: io::Error) -> Self {
        Self {
            what: format!("cannot {what}"),
            cause: Some(cause),
            hint: None,
            code: Code::Failed,
            printing: false,
        }
    }

    /// The failure of something that stands there, in a file.
    pub fn at(self, place: impl Display) -> Self {
        Self {
            what: format!("{place}: {}", self.what),
            ..self
        }
    }

    /// The way out, in place of what the errno alone suggests.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The way out if the kernel said `errno`, and the module is there.
    pub fn hint_for(self, errno: Errno, hint: impl FnOnce() -> String) -> Self {
        if self.code != Code::NotLoaded && self.errno() == Some(errno) {
            self.hint(hint())
        } else {
            self
        }
    }

    /// What the program exits with.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What the kernel said.
    pub fn errno(&self) -> Option<Errno> {
        let raw = self.cause.as_ref()?.raw_os_error()?;
        Some(Errno::from_raw(raw))
    }

    /// Tells the user, on standard error; the exit code.
    pub fn report(self) -> ExitCode {
        if self.is_closed_pipe() {
            return ExitCode::SUCCESS;
        }
        anstream::eprintln!("mydevicectl: {self}");
        ExitCode::from(self.code as u8)
    }

    /// Whether this is as in `mydevicectl list | head`: whoever read has enough. A dump is no such text: it holds what was taken.
    fn is_closed_pipe(&self) -> bool {
        self.printing && self.errno() == Some(Errno::EPIPE)
    }

    /// What came of the call, without what was attempted.
    pub fn reason(&self) -> String {
        match (self.errno(), &self.cause) {
            (Some(errno), _) => format!("{} ({errno:?})", errno.desc()),
            (None, Some(cause)) => cause.to_string(),
            (None, None) => self.what.clone(),
        }
    }

    fn message(&self) -> String {
        let mut message = self.what.clone();
        if self.cause.is_some() {
            message += &format!(": {}", self.reason());
        }
        if let Some(hint) = &self.hint {
            message += &format!("\n  {}", hint.replace('\n', "\n  "));
        }
        message
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

/// Of an errno: the exit code, and what to do.
fn meaning(cause: &io::Error) -> (Code, Option<&'static str>) {
    let errno = cause.raw_os_error().map(Errno::from_raw);
    let loaded = Path::new(CLASS).exists();
    match errno {
        Some(Errno::ENOENT | Errno::ENODEV | Errno::ENXIO) if !loaded => (
            Code::NotLoaded,
            Some(
                "the module is not loaded: `sudo modprobe mydevice`; `mydevicectl doctor` looks for what is missing",
            ),
        ),
        Some(Errno::ENODEV | Errno::ENXIO | Errno::ENOENT) => (
            Code::NoInstance,
            Some("`mydevicectl list` shows the instances that there are"),
        ),
        Some(Errno::EACCES | Errno::EPERM) => (
            Code::NotPermitted,
            Some(
                "run it as root (`sudo mydevicectl ...`), or have root give you permission on the node",
            ),
        ),
        Some(Errno::EINVAL | Errno::EEXIST | Errno::EMSGSIZE | Errno::ENOTTY) => {
            (Code::Refused, None)
        }
        Some(Errno::EBUSY | Errno::EAGAIN | Errno::ENOSPC) => (Code::Busy, None),
        // What cannot be said to the kernel.
        None if cause.kind() == io::ErrorKind::InvalidInput => (Code::Refused, None),
        _ => (Code::Failed, None),
    }
}

/// Turns the error of a call into a failure.
pub trait Attempt<T> {
    /// `what` goes on after "cannot".
    fn attempt<D: Display>(self, what: impl FnOnce() -> D) -> Result<T>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt<D: Display>(self, what: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|cause| Failure::from_io(what(), cause))
    }
}

/// Output that cannot be written.
impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        Self {
            what: "cannot write the output".to_owned(),
            cause: Some(cause),
            hint: None,
            code: Code::Failed,
            printing: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_attempt_errno_and_way_out() {
        let failure = Failure::from_io("set capacity to 0", Errno::EINVAL.into());
        assert_eq!(failure.code, Code::Refused);
        let failure = failure.hint_for(Errno::EINVAL, || "valid: 1 to 9".to_owned());
        assert_eq!(
            failure.message(),
            "cannot set capacity to 0: Invalid argument (EINVAL)\n  valid: 1 to 9"
        );
    }

    #[test]
    fn a_place_comes_before_all_else() {
        let failure = Failure::from_io("add \"x\"", Errno::EINVAL.into()).at("f:1");
        assert_eq!(
            failure.message(),
            "f:1: cannot add \"x\": Invalid argument (EINVAL)"
        );
    }

    #[test]
    fn full_may_work_later_but_a_full_disk_is_none_of_ours() {
        let code = |failure: Failure| failure.code;
        let full = || io::Error::from(Errno::ENOSPC);
        assert_eq!(code(Failure::from_io("load it", full())), Code::Busy);
        assert_eq!(code(Failure::from_file("write it", full())), Code::Failed);
    }

    #[test]
    fn what_is_not_the_kernels_is_told_as_it_is() {
        let failure = Failure::new(Code::Usage, "no terminal").hint("use --json");
        assert_eq!(failure.message(), "no terminal\n  use --json");
        assert_eq!(failure.errno(), None);
    }

    #[test]
    fn what_cannot_be_said_to_the_kernel_is_refused() {
        let add = mydevice::Add::new("a split=1");
        let error = add.add().expect_err("it has a blank in it");
        let failure = Failure::from_io("add it", error);
        assert_eq!(failure.code, Code::Refused);
        assert_eq!(
            failure.message(),
            "cannot add it: the name \"a split=1\" has a blank in it"
        );
    }

    #[test]
    fn a_closed_pipe_is_no_failure_of_what_is_printed_alone() {
        let closed = || io::Error::from(Errno::EPIPE);
        assert!(Failure::from(closed()).is_closed_pipe());
        assert!(!Failure::from(io::Error::from(Errno::ENOSPC)).is_closed_pipe());
        assert!(!Failure::from_file("write to standard output", closed()).is_closed_pipe());
        assert!(!Failure::from_io("measure a pipe", closed()).is_closed_pipe());
    }

    #[test]
    fn permission_has_a_code_of_its_own() {
        let failure = Failure::from_io("open /dev/mydevice", Errno::EACCES.into());
        assert_eq!(failure.code, Code::NotPermitted);
        assert!(failure.message().contains("sudo"), "{}", failure.message());
    }
}
