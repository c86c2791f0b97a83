// SPDX-License-Identifier: GPL-2.0

//! What the processes write: every byte, and every record, says who wrote it and where it belongs.

use anyhow::{Context, Result, ensure};

/// A record at least this long has a header.
const HEADER: usize = 8;

/// Byte number `place` of a write or file of process `writer`.
pub fn byte(writer: usize, place: u64) -> u8 {
    ((writer as u8) << 5) | (place % 32) as u8
}

/// Who wrote a byte, and its place, as far as it says.
pub fn signature(byte: u8) -> (u8, u8) {
    (byte >> 5, byte % 32)
}

/// Record `number` of process `writer`: a header with both and the length, and bytes that follow from it.
pub fn record(writer: usize, number: u32, len: usize) -> Vec<u8> {
    if len < HEADER {
        return vec![(writer << 4 | len) as u8; len];
    }
    let mut bytes = Vec::with_capacity(len);
    bytes.extend(number.to_le_bytes());
    bytes.extend((len as u32).to_le_bytes());
    // A length takes three bytes, so one is free for the writer.
    bytes[HEADER - 1] = writer as u8 | 0x80;
    bytes.extend((HEADER..len).map(|place| body(writer, number, place)));
    bytes
}

fn body(writer: usize, number: u32, place: usize) -> u8 {
    (number.wrapping_mul(31) as usize + place * 7 + writer) as u8
}

/// Checks that `bytes` are one record, and all of it; its writer and number, if it is long enough to say.
pub fn whole(bytes: &[u8]) -> Result<Option<(usize, u32)>> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        let first = *bytes.first().context("an empty record")?;
        ensure!(
            usize::from(first & 15) == bytes.len() && bytes.iter().all(|it| *it == first),
            "part of a record, or of two: {bytes:?}"
        );
        return Ok(None);
    };
    let [a, b, c, d, e, f, g, writer] = *header;
    let number = u32::from_le_bytes([a, b, c, d]);
    let len = u32::from_le_bytes([e, f, g, 0]) as usize;
    let writer = usize::from(writer & 0x7f);
    ensure!(
        len == bytes.len(),
        "a record of {len} bytes is read as {}",
        bytes.len()
    );
    let wrong = rest
        .iter()
        .enumerate()
        .find(|(place, it)| **it != body(writer, number, place + HEADER));
    ensure!(
        wrong.is_none(),
        "record {number} of process {writer} has a wrong byte: {wrong:?}"
    );
    Ok(Some((writer, number)))
}

/// Adds up to the same in any order, for the same bytes or records.
pub fn sum(bytes: &[u8], records: bool) -> u64 {
    let hash = |value: u64| {
        let mixed = (value ^ value >> 30).wrapping_mul(0xbf58476d1ce4e5b9);
        (mixed ^ mixed >> 27).wrapping_mul(0x94d049bb133111eb)
    };
    if records {
        let all = bytes.iter().fold(1, |all, it| hash(all ^ u64::from(*it)));
        return hash(all);
    }
    bytes
        .iter()
        .fold(0, |sum: u64, it| sum.wrapping_add(hash(u64::from(*it) + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_whole_or_not() {
        for len in [1, 7, 8, 9, 1000] {
            let record = record(3, 77, len);
            assert_eq!(whole(&record).unwrap(), (len >= 8).then_some((3, 77)));
            assert!(whole(&record[1..]).is_err(), "{len}");
            assert!(whole(&[record.clone(), record].concat()).is_err(), "{len}");
        }
    }

    #[test]
    fn a_sum_knows_no_order() {
        let parts = |a: &[u8], b: &[u8], records| sum(a, records).wrapping_add(sum(b, records));
        assert_eq!(parts(b"ab", b"c", false), parts(b"c", b"ba", false));
        assert_eq!(parts(b"ab", b"c", true), parts(b"c", b"ab", true));
        assert_ne!(parts(b"ab", b"c", true), parts(b"a", b"bc", true));
    }
}
