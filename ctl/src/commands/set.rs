// SPDX-License-Identifier: GPL-2.0

use clap::Args;
use mydevice::{Attribute, Discipline, Instance, OnEmpty};
use nix::errno::Errno;

use crate::{
    failure::{Failure, Result},
    size,
    target::Target,
};

/// Sets attributes of an instance, in the order given, up to the first that is refused.
///
/// discipline: stream, buffer, log, spool or stack, while the instance is empty and nothing has it open;
/// capacity, max_capacity: bytes, also with K, M or G;
/// on_empty: block, eof or hangup;
/// read_timeout_ms: 0 is without end.
#[derive(Args, Debug)]
pub struct Set {
    #[command(flatten)]
    target: Target,
    /// What to set, and to what.
    #[arg(value_name = "KEY=VALUE", required = true, value_parser = setting)]
    settings: Vec<(Attribute, String)>,
}

/// A key and a value. The value is for the kernel to judge; units are ours.
fn setting(text: &str) -> Result<(Attribute, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| "it must be KEY=VALUE".to_owned())?;
    let attribute: Attribute = key
        .parse()
        .map_err(|error: mydevice::UnknownWord| error.to_string())?;
    if !attribute.is_writable() {
        return Err(format!("{attribute} can only be read"));
    }
    let value = match attribute {
        Attribute::Capacity | Attribute::MaxCapacity => {
            size::parse(value).map_or(value.to_owned(), |bytes| bytes.to_string())
        }
        _ => value.to_owned(),
    };
    Ok((attribute, value))
}

impl Set {
    pub fn run(self) -> Result<()> {
        let instance = self.target.find()?;
        for (attribute, value) in &self.settings {
            set(&instance, *attribute, value)?;
        }
        Ok(())
    }
}

/// Sets one attribute; an error says what would be valid.
pub fn set(instance: &Instance, attribute: Attribute, value: &str) -> Result<()> {
    instance.set_attribute(attribute, value).map_err(|error| {
        let what = format!("set {attribute} of {instance} to {value:?}");
        explain(Failure::from_io(what, error), instance, attribute)
    })
}

/// The failure to set an attribute, in whichever way, with what would be valid.
pub fn explain(failure: Failure, instance: &Instance, attribute: Attribute) -> Failure {
    failure
        .hint_for(Errno::EINVAL, || valid(instance, attribute))
        .hint_for(Errno::EBUSY, || busy(instance, attribute))
}

/// What the kernel takes.
fn valid(instance: &Instance, attribute: Attribute) -> String {
    let now = |attribute| {
        instance
            .attribute(attribute)
            .unwrap_or_else(|_| attribute.to_string())
    };
    match attribute {
        Attribute::Discipline => format!("valid: {}", Discipline::WORDS.join(", ")),
        Attribute::OnEmpty => format!("valid: {}", OnEmpty::WORDS.join(", ")),
        Attribute::Capacity => {
            let max = now(Attribute::MaxCapacity);
            format!(
                "valid: 1 to {max}, which is max_capacity: `mydevicectl set {instance} max_capacity=...` raises it"
            )
        }
        Attribute::MaxCapacity => {
            format!(
                "valid: {}, which is capacity, to 2147483647",
                now(Attribute::Capacity)
            )
        }
        _ => "valid: 0 to 4294967295".to_owned(),
    }
}

/// What it waits for.
fn busy(instance: &Instance, attribute: Attribute) -> String {
    match attribute {
        Attribute::Discipline => format!(
            "the instance must be empty, and nothing may have it open: `mydevicectl status {instance}`, `fuser -v /dev/{instance}`"
        ),
        _ => format!(
            "a spool cuts no file, and more is stored: read some, or `mydevicectl clear {instance}`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_a_key_and_a_value() {
        let set = |text: &str| setting(text).map(|(key, value)| format!("{key}={value}"));
        assert_eq!(set("capacity=64K").as_deref(), Ok("capacity=65536"));
        assert_eq!(set("capacity=lots").as_deref(), Ok("capacity=lots"));
        assert_eq!(set("on_empty=").as_deref(), Ok("on_empty="));
        for wrong in ["capacity", "size=1", "bytes_used=0", "=1", ""] {
            assert!(set(wrong).is_err(), "{wrong}");
        }
    }
}
