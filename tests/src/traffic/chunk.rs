// SPDX-License-Identifier: GPL-2.0

//! Chunks whose every byte says where it comes from.
//!
//! Two bits name the writer, five the byte's place in its chunk, and one is a bit of the chunk's number: the
//! byte at place p holds bit p. So a single byte, all that a device of capacity 1 hands out at a time, can be
//! counted for its writer, and a whole chunk spells its number.

/// Writers that a byte can name.
pub const WRITERS: usize = 4;
/// Places that a byte can name.
pub const SIZE: usize = 32;

/// What a byte says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its writer.
    pub writer: usize,
    /// Its place in its chunk.
    pub place: usize,
    /// Bit `place` of its chunk's number.
    pub bit: usize,
}

impl Origin {
    /// What `byte` says.
    pub fn of(byte: u8) -> Self {
        let byte = usize::from(byte);
        Self {
            writer: byte >> 6,
            place: (byte >> 1) & 31,
            bit: byte & 1,
        }
    }

    fn byte(self) -> u8 {
        (self.writer << 6 | self.place << 1 | self.bit) as u8
    }
}

/// Chunk `number` of `writer`.
pub fn chunk(writer: usize, number: u32, size: usize) -> Vec<u8> {
    (0..size)
        .map(|place| {
            Origin {
                writer,
                place,
                bit: (number >> place & 1) as usize,
            }
            .byte()
        })
        .collect()
}

/// How many of the numbers below `chunks` have bit `place` set.
pub fn ones(chunks: u32, place: usize) -> u64 {
    let chunks = u64::from(chunks);
    let half = 1 << place;
    let whole_rounds = chunks / (2 * half) * half;
    whole_rounds + (chunks % (2 * half)).saturating_sub(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_says_what_was_put_into_it() {
        for byte in 0..=255 {
            let origin = Origin::of(byte);
            let number = (origin.bit as u32) << origin.place;
            assert_eq!(chunk(origin.writer, number, SIZE)[origin.place], byte);
        }
    }

    #[test]
    fn ones_are_those_that_counting_finds() {
        for chunks in [0, 1, 2, 3, 31, 1000, 10_000] {
            for place in 0..SIZE {
                let counted = (0..chunks)
                    .filter(|number| number >> place & 1 == 1)
                    .count() as u64;
                assert_eq!(
                    ones(chunks, place),
                    counted,
                    "{chunks} chunks, place {place}"
                );
            }
        }
    }
}
