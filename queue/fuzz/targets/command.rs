// SPDX-License-Identifier: GPL-2.0

//! The commands against a second parser, on any text and on text that is nearly a command.

#![no_main]

use std::collections::HashMap;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mydevice_queue::command::{Add, Invalid, MAX_NAME, PREFIX, is_loaded_name, is_name};

#[derive(Arbitrary, Debug)]
enum Case<'a> {
    Any(&'a str),
    Nearly(Name<'a>, Vec<(Blank, Word<'a>)>),
}

#[derive(Arbitrary, Debug)]
enum Name<'a> {
    Prefixed(&'a str),
    Loaded(u64),
    Long(u8),
    Other(&'a str),
}

#[derive(Arbitrary, Debug)]
enum Blank {
    Space,
    Tab,
    Both,
    Newline,
}

#[derive(Arbitrary, Debug)]
enum Word<'a> {
    Key(u8, &'a str),
    Unknown(&'a str, &'a str),
    Bare(&'a str),
}

const KEYS: [&str; 6] = [
    "discipline",
    "capacity",
    "max_capacity",
    "on_empty",
    "read_timeout_ms",
    "split",
];

fuzz_target!(|case: Case| {
    let text = match case {
        Case::Any(text) => text.to_owned(),
        Case::Nearly(name, words) => nearly(&name, &words),
    };
    assert_eq!(Add::parse(&text), parse(&text), "{text:?}");
    assert_eq!(is_name(&text), name(&text), "{text:?}");
    assert_eq!(is_loaded_name(&text), loaded(&text), "{text:?}");
    // No text is both, so `remove` never has a choice.
    assert!(!(is_name(&text) && is_loaded_name(&text)));
});

fn nearly(name: &Name, words: &[(Blank, Word)]) -> String {
    let mut text = match *name {
        Name::Prefixed(rest) => format!("{PREFIX}{rest}"),
        Name::Loaded(number) => format!("{PREFIX}{number}"),
        Name::Long(length) => "x".repeat(length.into()),
        Name::Other(name) => name.to_owned(),
    };
    for (blank, word) in words {
        text += match blank {
            Blank::Space => " ",
            Blank::Tab => "\t",
            Blank::Both => " \t ",
            Blank::Newline => "\n",
        };
        text += &match *word {
            Word::Key(key, value) => format!("{}={value}", KEYS[usize::from(key) % KEYS.len()]),
            Word::Unknown(key, value) => format!("{key}={value}"),
            Word::Bare(word) => word.to_owned(),
        };
    }
    text
}

/// [`Add::parse`] once more, by way of a list of characters and a map.
fn parse(text: &str) -> Result<Add<'_>, Invalid> {
    let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let mut words = Vec::new();
    let mut begin = None;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        match (begin, is_blank(&byte)) {
            (None, false) => begin = Some(at),
            (Some(from), true) => {
                words.push(&text[from..at]);
                begin = None;
            }
            _ => (),
        }
    }
    if words.is_empty() || !name(words[0]) {
        return Err(Invalid);
    }
    let mut values = HashMap::new();
    for word in &words[1..] {
        let equals = word.find('=').ok_or(Invalid)?;
        let key = &word[..equals];
        if !KEYS.contains(&key) || values.contains_key(key) {
            return Err(Invalid);
        }
        values.insert(key, &word[equals + 1..]);
    }
    let value = |key| values.get(key).copied();
    Ok(Add {
        name: words[0],
        discipline: value("discipline"),
        capacity: value("capacity"),
        max_capacity: value("max_capacity"),
        on_empty: value("on_empty"),
        read_timeout_ms: value("read_timeout_ms"),
        split: value("split"),
    })
}

fn name(name: &str) -> bool {
    let allowed = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    let chars: Vec<char> = name.chars().collect();
    let reserved = chars.iter().copied().take(PREFIX.len()).eq(PREFIX.chars());
    !chars.is_empty()
        && chars.len() <= MAX_NAME
        && chars.iter().all(|c| allowed.contains(*c))
        && !reserved
}

fn loaded(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else {
        return false;
    };
    let digits: Vec<Option<u32>> = rest.chars().map(|c| c.to_digit(10)).collect();
    rest.is_empty() || digits[0] != Some(0) && digits.iter().all(Option::is_some)
}
