// SPDX-License-Identifier: GPL-2.0

//! The names of instances.

/// What every full name begins with.
const FULL: &str = "mydevice";
/// What the full name of an instance begins with that was added while the system runs.
const ADDED: &str = "mydevice-";

/// The full name, of a full one or of one that was given to `add`.
///
/// The two cannot be mixed up: `add` takes no name that begins with `mydevice`.
pub(crate) fn full(name: &str) -> String {
    if name.starts_with(FULL) {
        name.to_owned()
    } else {
        format!("{ADDED}{name}")
    }
}

/// What `remove` takes: the name that was given to `add`, or the full one of an instance made at load.
pub(crate) fn short(full: &str) -> &str {
    full.strip_prefix(ADDED).unwrap_or(full)
}

/// The key by which names are sorted: `mydevice2` before `mydevice10`.
pub(crate) fn order(full: &str) -> (&str, u64, &str) {
    let letters = full.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = full.get(letters.len()..).and_then(|n| n.parse().ok());
    (letters, number.unwrap_or(0), full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (given, name) in [
            ("jobs", "mydevice-jobs"),
            ("mydevice-jobs", "mydevice-jobs"),
            ("mydevice", "mydevice"),
            ("mydevice7", "mydevice7"),
        ] {
            assert_eq!(full(given), name);
            assert_eq!(full(short(name)), name);
        }
        assert_eq!(short("mydevice-jobs"), "jobs");
        assert_eq!(short("mydevice7"), "mydevice7");
    }

    #[test]
    fn numbers_are_sorted_as_numbers() {
        let mut names = [
            "mydevice10",
            "mydevice-b",
            "mydevice2",
            "mydevice",
            "mydevice-a9",
        ];
        names.sort_by_key(|name| order(name));
        assert_eq!(
            names,
            [
                "mydevice",
                "mydevice2",
                "mydevice10",
                "mydevice-a9",
                "mydevice-b"
            ]
        );
    }
}
