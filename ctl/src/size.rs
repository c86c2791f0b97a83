// SPDX-License-Identifier: GPL-2.0

//! Sizes, as people write them (`64K`) and read them (`1.5M`).

/// The units, each 1024 times the one before.
const UNITS: [&str; 5] = ["", "K", "M", "G", "T"];

/// The largest capacity that there can be, in bytes.
pub const MOST: u32 = i32::MAX as u32;

/// A number of bytes on the command line. Whether the device can have it is for the kernel to say.
pub fn parse(text: &str) -> Result<u32, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let unit = match unit.strip_suffix("iB") {
        // Of nothing but bytes there is no short form.
        Some(short) if !short.is_empty() => short,
        _ => unit,
    };
    let unit = unit.to_ascii_uppercase();
    let power = UNITS.iter().position(|u| *u == unit);
    let number = digits.parse::<u64>().ok();
    let bytes = number.zip(power).and_then(|(number, power)| {
        let factor = 1024_u64.checked_pow(u32::try_from(power).ok()?)?;
        u32::try_from(number.checked_mul(factor)?).ok()
    });
    bytes.filter(|bytes| *bytes <= MOST).ok_or_else(|| {
        format!("a size is a whole number of bytes up to {MOST}, or one with K, M or G behind it, of 1024, 1024² or 1024³ bytes")
    })
}

/// A number of bytes as `parse` takes it, with the largest unit that leaves it whole.
pub fn exact(bytes: u32) -> String {
    let (mut value, mut unit) = (bytes, UNITS.iter());
    let mut name = unit.next().unwrap_or(&"");
    while value > 0 && value.is_multiple_of(1024) {
        let Some(next) = unit.next() else { break };
        (value, name) = (value / 1024, next);
    }
    format!("{value}{name}")
}

/// A number of bytes, or of bytes a second, with three digits or so.
pub fn human(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, UNITS.iter());
    let mut name = unit.next().unwrap_or(&"");
    while value >= 1023.5 {
        let Some(next) = unit.next() else { break };
        (value, name) = (value / 1024.0, next);
    }
    if name.is_empty() || value >= 99.95 {
        format!("{value:.0}{name}")
    } else {
        format!("{value:.1}{name}").replace(".0", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_understood() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64K", 65536),
            ("64k", 65536),
            ("64KiB", 65536),
            ("1M", 1 << 20),
            ("1GiB", 1 << 30),
            ("2147483647", MOST),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in [
            "", "K", "-1", "2G", "4G", "1.5K", "4 K", "4096X", "4KK", "4iB", "4KiBiB", "4KB",
        ] {
            let error = parse(text).expect_err(text);
            assert!(
                error.contains("whole number of bytes up to 2147483647"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_exact_size_is_understood_as_it_was_meant() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1"),
            (1025, "1025"),
            (1536, "1536"),
            (65536, "64K"),
            (2 << 20, "2M"),
            (1 << 30, "1G"),
            (MOST, "2147483647"),
        ] {
            assert_eq!(exact(bytes), text);
            assert_eq!(parse(text), Ok(bytes));
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1K"),
            (1536, "1.5K"),
            (4096, "4K"),
            (1_048_575, "1M"),
            (1 << 20, "1M"),
            (409_600_000, "391M"),
            (2_147_483_647, "2G"),
            (u64::MAX, "16777216T"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
