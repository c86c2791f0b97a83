// SPDX-License-Identifier: GPL-2.0

//! Chunks whose every byte says where it comes from.
//!
//! Two bits name the writer, five the byte's place in its chunk, and one is a bit of the chunk's number: the
//! byte at place p holds bit p. So a single byte, all that a device of capacity 1 hands out at a time, can be
//! counted for its writer, and a whole chunk spells its number.
//!
//! `mydevicectl stress` and the traffic of the tests send such chunks, and each has its own way to account for them: the
//! tool counts bytes, the tests look at their order, too.

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

    /// How many such bytes its writer has sent after that many chunks, which are numbered from 0 on.
    pub fn times(self, chunks: u32) -> u64 {
        let ones = ones(chunks, self.place);
        match self.bit {
            0 => u64::from(chunks).saturating_sub(ones),
            _ => ones,
        }
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
fn ones(chunks: u32, place: usize) -> u64 {
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
    fn times_are_those_that_counting_finds() {
        for chunks in [0, 1, 2, 3, 31, 1000] {
            let sent: Vec<u8> = (0..chunks).flat_map(|n| chunk(2, n, SIZE)).collect();
            for byte in 2 << 6..3 << 6 {
                let counted = sent.iter().filter(|sent| **sent == byte).count() as u64;
                let origin = Origin::of(byte);
                assert_eq!(origin.times(chunks), counted, "{chunks} chunks: {origin:?}");
            }
        }
    }
}
