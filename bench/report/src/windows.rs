// SPDX-License-Identifier: GPL-2.0

//! What the plugin of QEMU has counted.

use anyhow::{Context, Result};

/// The instructions between two marks: the addresses of the blocks that were executed, each with their number.
#[derive(Debug, PartialEq, Eq)]
pub struct Window(pub Vec<(u64, u64)>);

impl Window {
    /// All windows in the text that the plugin wrote (`bench/profiler`).
    pub fn all(text: &str) -> Result<Vec<Self>> {
        let mut windows = Vec::new();
        for line in text.lines() {
            if line == "window" {
                windows.push(Self(Vec::new()));
                continue;
            }
            let block = block(line).with_context(|| format!("understand the count {line:?}"))?;
            let window = windows
                .last_mut()
                .context("find a window before the first count")?;
            window.0.push(block);
        }
        Ok(windows)
    }
}

/// An address in hexadecimal, and a number.
fn block(line: &str) -> Option<(u64, u64)> {
    let (address, count) = line.split_once(' ')?;
    Some((u64::from_str_radix(address, 16).ok()?, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn windows_are_told_apart() {
        let windows = Window::all("window\nff 3\n10 20\nwindow\n").expect("windows");
        assert_eq!(windows, [Window(vec![(255, 3), (16, 20)]), Window(vec![])]);
        for wrong in ["ff 3", "window\nff", "window\nxy 3", "window\nff -3"] {
            assert!(Window::all(wrong).is_err(), "{wrong:?}");
        }
    }
}
