// SPDX-License-Identifier: GPL-2.0

//! Names for addresses.

use anyhow::{Context, Result};
use rustc_demangle::demangle;

/// The functions of a kernel and of its modules.
pub struct Symbols {
    /// Where each begins, in order.
    functions: Vec<(u64, String)>,
}

/// Below this are the addresses of programs.
const KERNEL: u64 = 1 << 63;

impl Symbols {
    /// From lines of `/proc/kallsyms`: address, type, name, and for a module its name in brackets.
    pub fn parse(lines: &str) -> Result<Self> {
        let mut functions = Vec::new();
        for line in lines.lines() {
            let function = function(line);
            functions.push(function.with_context(|| format!("understand the symbol {line:?}"))?);
        }
        // Of several names for one address the first one stays.
        functions.sort_by_key(|(address, _)| *address);
        functions.dedup_by_key(|(address, _)| *address);
        Ok(Self { functions })
    }

    /// In what an address lies.
    pub fn name(&self, address: u64) -> String {
        let after = self
            .functions
            .partition_point(|(start, _)| *start <= address);
        match after.checked_sub(1) {
            _ if address < KERNEL => "user space".to_owned(),
            Some(last) => self.functions[last].1.clone(),
            None => "unknown".to_owned(),
        }
    }
}

fn function(line: &str) -> Option<(u64, String)> {
    let mut words = line.split_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let name = format!("{:#}", demangle(words.nth(1)?));
    Some((
        address,
        [Some(name.as_str()), words.next()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
    ))
}

#[cfg(test)]
mod tests {
    use super::Symbols;

    #[test]
    fn an_address_has_the_name_of_what_begins_before_it() {
        let symbols = "ffffffff81000000 T _text\n\
            ffffffffc0000100 t _RNvNtCs1234_7mycrate3foo3bar\t[mydevice]\n\
            ffffffff81000200 t vfs_read\n";
        let symbols = Symbols::parse(symbols).expect("symbols");
        let names = [
            0x40_0000,
            0xffff_ffff_8100_0200,
            0xffff_ffff_c000_0108,
            KERNEL_START,
        ]
        .map(|address| symbols.name(address));
        assert_eq!(
            names,
            [
                "user space",
                "vfs_read",
                "mycrate::foo::bar [mydevice]",
                "unknown"
            ]
        );
        assert!(Symbols::parse("ffffffff81000000 T").is_err());
        assert!(Symbols::parse("what T this").is_err());
    }

    const KERNEL_START: u64 = super::KERNEL;
}
