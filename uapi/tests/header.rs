// SPDX-License-Identifier: GPL-2.0

//! Holds `ioctl.rs` equal to `mydevice_ioctl.h`: what Rust computes for every number, size and offset is
//! handed to a C compiler as static assertions about the header. Nothing is linked or run, so that 32 bits
//! need no 32-bit libraries.

use std::{
    collections::BTreeSet,
    mem::{offset_of, size_of},
    process::Command,
};

use mydevice_uapi::ioctl::*;

const HEADER_DIR: &str = env!("CARGO_MANIFEST_DIR");

/// A C expression and its value in Rust.
type Fact = (String, u64);

#[test]
fn equals_the_header_in_c() {
    must_agree("c", &[]);
}

#[test]
fn equals_the_header_in_cpp() {
    must_agree("c++", &[]);
}

#[test]
fn equals_the_header_in_32_bit_c() {
    // The kernel's headers are the same for both, but may be installed for 64 bits alone.
    must_agree(
        "c",
        &["-m32", "-idirafter", "/usr/include/x86_64-linux-gnu"],
    );
}

/// What makes the tests above worth something: one wrong number is noticed.
#[test]
fn a_difference_would_be_noticed() {
    for (expression, value) in facts() {
        let wrong = [(expression.clone(), value + 1)];
        assert!(
            check("c", &[], &wrong).is_err(),
            "{expression} == {value} + 1 was not refused"
        );
    }
}

/// C2: the commands are distinct.
#[test]
fn c2_the_commands_are_distinct() {
    let commands = CONSTANTS.iter().filter(|(name, _)| *name != "MYDEV_MAGIC");
    let values: BTreeSet<_> = commands.clone().map(|(_, value)| value).collect();
    assert_eq!(values.len(), commands.count());
}

/// What is compared is written by hand; this is what makes it all that the header and `ioctl.rs` define.
#[test]
fn nothing_is_left_out() {
    let listed: BTreeSet<_> = CONSTANTS.iter().map(|(name, _)| *name).collect();
    let header = include_str!("../mydevice_ioctl.h");
    let rust = include_str!("../src/ioctl.rs");
    let constants = |text, before| -> BTreeSet<_> {
        names(text, before)
            .filter(|name| name.starts_with("MYDEV_"))
            .collect()
    };
    assert_eq!(constants(header, "#define "), listed, "in the header");
    assert_eq!(constants(rust, "pub const "), listed, "in ioctl.rs");

    // A structure begins a line; so does each of its fields, after a tab.
    let facts = facts();
    let compared = |expression: &str| facts.iter().any(|(fact, _)| fact == expression);
    let mut structure = "";
    let mut fields = 0;
    for line in header.lines() {
        if let Some(name) = names(line, "struct ").next() {
            structure = name;
            assert!(compared(&format!("sizeof(struct {name})")), "{name}");
        } else if let Some(field) = line.strip_prefix('\t').and_then(|l| l.split(' ').nth(1)) {
            let field = word(field);
            let offset = format!("offsetof(struct {structure}, {field})");
            assert!(compared(&offset), "{offset}");
            fields += 1;
        }
    }
    assert!(fields > 0, "no field found in the header");
}

/// The names behind `before` at the beginnings of lines.
fn names<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(before))
        .map(word)
}

/// The C or Rust name that the text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    &text[..end.unwrap_or(text.len())]
}

fn must_agree(language: &str, flags: &[&str]) {
    if let Err(complaint) = check(language, flags, &facts()) {
        panic!("ioctl.rs and mydevice_ioctl.h differ in {language} {flags:?}:\n{complaint}");
    }
}

/// Has the compiler check `facts` against the header; what it says if it refuses.
fn check(language: &str, flags: &[&str], facts: &[Fact]) -> Result<(), String> {
    let mut source = String::from(
        "#include \"mydevice_ioctl.h\"\n\
         #include <stddef.h>\n\
         #ifndef __cplusplus\n\
         #define static_assert _Static_assert\n\
         #endif\n",
    );
    for (expression, value) in facts {
        source += &format!(
            "static_assert(({expression}) == {value}u, \"{expression} is {value} in Rust\");\n"
        );
    }
    let dir = tempfile::tempdir().expect("making a folder for the C source");
    let file = dir.path().join("facts");
    std::fs::write(&file, source).expect("writing the C source");

    let output = Command::new("cc")
        .args(["-fsyntax-only", "-Wall", "-Wextra", "-Werror"])
        .args(["-I", HEADER_DIR, "-x", language])
        .args(flags)
        .arg(&file)
        .output()
        .expect("running the C compiler `cc` (Debian: apt-get install build-essential)");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// `sizeof` a structure, and `offsetof` and `sizeof` each of its fields.
macro_rules! layout {
    ($c:literal, $rust:ty, [$($field:ident),* $(,)?]) => {{
        let value = <$rust>::default();
        vec![
            (format!("sizeof(struct {})", $c), size_of::<$rust>() as u64),
            $((
                format!("offsetof(struct {}, {})", $c, stringify!($field)),
                offset_of!($rust, $field) as u64,
            ),
            (
                format!("sizeof(((struct {} *)0)->{})", $c, stringify!($field)),
                size_of_val(&value.$field) as u64,
            ),)*
        ]
    }};
}

/// Every constant.
const CONSTANTS: &[(&str, u32)] = &[
    ("MYDEV_MAGIC", MYDEV_MAGIC),
    ("MYDEV_CLEAR", MYDEV_CLEAR),
    ("MYDEV_RESIZE", MYDEV_RESIZE),
    ("MYDEV_STATUS", MYDEV_STATUS),
    ("MYDEV_STATS", MYDEV_STATS),
    ("MYDEV_NEXT", MYDEV_NEXT),
];

fn facts() -> Vec<Fact> {
    let constants = CONSTANTS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), u64::from(*value)));
    let status = layout!(
        "mydev_status",
        Status,
        [
            buffer_size,
            bytes_used,
            open_count,
            read_count,
            write_count,
            _reserved,
        ]
    );
    let stats = layout!(
        "mydev_stats",
        Stats,
        [
            bytes_read,
            bytes_written,
            reads,
            writes,
            reader_waits,
            writer_waits,
            bytes_truncated,
            bytes_cleared,
            bytes_evicted,
            bytes_missed,
            high_water,
            _spare,
        ]
    );
    constants.chain(status).chain(stats).collect()
}

/// The words are the structure: written out as bytes, they are what C reads at each field's offset.
#[test]
fn the_words_are_in_the_order_of_the_fields() {
    let status = Status {
        buffer_size: 1,
        bytes_used: 2,
        open_count: 3,
        read_count: 4,
        write_count: 5,
        _reserved: 6,
    };
    assert_eq!(status.words(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(size_of_val(&status.words()), size_of::<Status>());
    let stats = Stats {
        bytes_read: 1,
        bytes_written: 2,
        reads: 3,
        writes: 4,
        reader_waits: 5,
        writer_waits: 6,
        bytes_truncated: 7,
        bytes_cleared: 8,
        bytes_evicted: 9,
        bytes_missed: 10,
        high_water: 11,
        _spare: [12, 13, 14, 15, 16],
    };
    assert_eq!(
        stats.words(),
        core::array::from_fn::<u64, 16, _>(|n| n as u64 + 1)
    );
    assert_eq!(size_of_val(&stats.words()), size_of::<Stats>());
}
