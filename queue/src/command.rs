// SPDX-License-Identifier: GPL-2.0

//! The text of the commands `add` and `remove`.
//!
//! Only the form is looked at here: whether names and keys are allowed, and each key is there once. What a
//! value may be is for those to say who take it.

/// The longest name that `add` takes, in bytes.
pub const MAX_NAME: usize = 32;

/// What every full name begins with, and no name that is given to `add`.
pub const PREFIX: &str = "mydevice";

/// What is wrong with a command: it says EINVAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// The command `add`: a name, and the text of the values that were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Add<'a> {
    /// The new instance's name, without the prefix.
    pub name: &'a str,
    /// `discipline=`
    pub discipline: Option<&'a str>,
    /// `capacity=`
    pub capacity: Option<&'a str>,
    /// `max_capacity=`
    pub max_capacity: Option<&'a str>,
    /// `on_empty=`
    pub on_empty: Option<&'a str>,
    /// `read_timeout_ms=`
    pub read_timeout_ms: Option<&'a str>,
    /// `split=`
    pub split: Option<&'a str>,
}

impl<'a> Add<'a> {
    /// Takes `NAME [KEY=VALUE]...`, separated by blanks.
    pub fn parse(text: &'a str) -> Result<Add<'a>, Invalid> {
        let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
        let mut add = Add {
            name: words.next().filter(|name| is_name(name)).ok_or(Invalid)?,
            ..Add::default()
        };
        for word in words {
            let (key, value) = word.split_once('=').ok_or(Invalid)?;
            let place = match key {
                "discipline" => &mut add.discipline,
                "capacity" => &mut add.capacity,
                "max_capacity" => &mut add.max_capacity,
                "on_empty" => &mut add.on_empty,
                "read_timeout_ms" => &mut add.read_timeout_ms,
                "split" => &mut add.split,
                _ => return Err(Invalid),
            };
            if place.replace(value).is_some() {
                return Err(Invalid);
            }
        }
        Ok(add)
    }
}

/// Whether `add` takes this name: 1 to [`MAX_NAME`] of `a-z 0-9 _ -`, not beginning with [`PREFIX`].
pub fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with(PREFIX)
}

/// Whether this is the full name of an instance made at load: the prefix, and a number but for the first.
pub fn is_loaded_name(name: &str) -> bool {
    match name.strip_prefix(PREFIX) {
        Some("") => true,
        Some(number) => {
            number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0')
        }
        None => false,
    }
}
