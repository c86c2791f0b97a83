// SPDX-License-Identifier: GPL-2.0

//! Pictures: drawn as Graphviz text, kept beside it as SVG, so that a code host shows them.
//!
//! What Graphviz makes depends on its version and on the fonts of the machine. So a drawing carries the text that it was
//! made of, and is current if that is the text beside it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const BEGIN: &str = "<metadata><![CDATA[";
const END: &str = "]]></metadata>";

/// The texts of all pictures, from the top of the checkout.
pub fn all(root: &Path) -> Result<Vec<PathBuf>> {
    crate::page::files(root, "dot")
}

/// Whether the drawing beside this text was made of it.
pub fn is_current(dot: &Path) -> Result<bool> {
    let text = fs::read_to_string(dot).with_context(|| format!("read {}", dot.display()))?;
    let drawing = fs::read_to_string(dot.with_extension("svg")).unwrap_or_default();
    Ok(made_of(&drawing) == Some(text.as_str()))
}

/// The text that a drawing says it was made of.
fn made_of(drawing: &str) -> Option<&str> {
    let (_, rest) = drawing.split_once(BEGIN)?;
    rest.split_once(END).map(|(text, _)| text)
}

/// The drawing, which is to say that it was made of this text.
pub fn with_text(drawing: &str, text: &str) -> Result<String> {
    let end = drawing
        .rfind("</svg>")
        .context("find the end of what Graphviz has drawn")?;
    let (drawing, end) = drawing.split_at(end);
    Ok(format!("{drawing}{BEGIN}{text}{END}\n{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_carries_its_text() {
        let text = "digraph { a -> b [label=\"<x>\"] }\n";
        let drawing = with_text("<svg>\n<g/>\n</svg>\n", text).expect("a drawing");
        assert_eq!(made_of(&drawing), Some(text));
        assert!(drawing.ends_with("</svg>\n"));
        assert_eq!(made_of("<svg></svg>"), None);
        with_text("", text).expect_err("no drawing");
    }
}
