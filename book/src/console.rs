// SPDX-License-Identifier: GPL-2.0

//! The commands that a page shows, and what they print.
//!
//! A fenced block says by its first words what it is:
//!
//! | words | means |
//! | --- | --- |
//! | `console` | commands for the VM, each with what it prints beneath it |
//! | `console debian` | the same, where the VM runs a kernel of Debian's, of which they speak; on others they are left out |
//! | `console host` | commands for the reader's machine, which no test in the VM runs; some run in `make install-test` |
//! | `LANGUAGE file=NAME` | a file of that name, which the commands after it find where they run |
//!
//! A command stands behind the prompt `# ` of root or `$ ` of an ordinary user. The first line of a block has the prompt of
//! the whole block; the other sign is output. `> ` goes on with a command of several lines. In what is printed, `...` stands
//! for anything within a line, and on a line of its own for any lines, also none.

use std::path::PathBuf;

use anyhow::{Result, bail};
use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};

use crate::Page;
use crate::links::parser;

/// What stands for anything.
pub const ANYTHING: &str = "...";

/// A fenced block that means something to those who follow a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of the page on which it begins, counted from 1.
    pub line: usize,
    /// What it is.
    pub content: Content,
}

/// What a block is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Commands for the VM.
    Run(Vec<Step>),
    /// Commands for the VM that speak of a kernel of Debian's.
    Debian(Vec<Step>),
    /// Commands for another machine.
    Host(Vec<Step>),
    /// A file.
    File {
        /// Its name.
        name: PathBuf,
        /// What is in it.
        text: String,
    },
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line of the page, counted from 1.
    pub line: usize,
    /// Who types it.
    pub who: Who,
    /// The command, of one or more lines.
    pub command: String,
    /// The lines that it prints.
    pub expected: Vec<String>,
}

/// Who types a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// root, behind `# `.
    Root,
    /// Somebody else, behind `$ `.
    User,
}

impl Who {
    const ALL: [(Self, char); 2] = [(Self::Root, '#'), (Self::User, '$')];
}

/// The blocks of a page, in their order.
pub fn blocks(page: &Page) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut current: Option<(String, usize)> = None;
    let mut text = String::new();
    for (event, range) in parser(&page.text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(words))) => {
                current = Some((words.into_string(), page.line(range.start)));
                text.clear();
            }
            Event::Text(piece) if current.is_some() => text.push_str(&piece),
            Event::End(TagEnd::CodeBlock) => {
                if let Some((words, line)) = current.take()
                    && let Some(content) = content(page, &words, line, &text)?
                {
                    blocks.push(Block { line, content });
                }
            }
            _ => {}
        }
    }
    Ok(blocks)
}

fn content(page: &Page, words: &str, line: usize, text: &str) -> Result<Option<Content>> {
    let words: Vec<_> = words.split_whitespace().collect();
    let place = || format!("{}:{line}", page.path.display());
    match words.as_slice() {
        ["console"] => Ok(Some(Content::Run(steps(&place(), line, text)?))),
        ["console", "debian"] => Ok(Some(Content::Debian(steps(&place(), line, text)?))),
        ["console", "host"] => Ok(Some(Content::Host(steps(&place(), line, text)?))),
        [first, ..] if first.starts_with("console") => bail!(
            "{}: a block of commands begins with `console`, `console debian` or `console host`, not with `{}`",
            place(),
            words.join(" ")
        ),
        [_, name] => Ok(name.strip_prefix("file=").map(|name| Content::File {
            name: name.into(),
            text: text.to_owned(),
        })),
        _ => Ok(None),
    }
}

/// The commands of a block that begins on that line.
fn steps(place: &str, line: usize, text: &str) -> Result<Vec<Step>> {
    let first = text.chars().next();
    let Some((who, sign)) = Who::ALL.into_iter().find(|(_, sign)| first == Some(*sign)) else {
        bail!("{place}: a block of commands begins with `# ` or `$ ` and a command");
    };
    let prompt = format!("{sign} ");
    let mut steps: Vec<Step> = Vec::new();
    for (text, line) in text.lines().zip(line + 1..) {
        if let Some(command) = text.strip_prefix(&prompt) {
            steps.push(Step {
                line,
                who,
                command: command.to_owned(),
                expected: Vec::new(),
            });
            continue;
        }
        let Some(step) = steps.last_mut() else {
            bail!("{place}: a block of commands begins with `{prompt}` and a command");
        };
        match text.strip_prefix("> ") {
            Some(more) if step.expected.is_empty() => {
                step.command.push('\n');
                step.command.push_str(more);
            }
            _ => step.expected.push(text.to_owned()),
        }
    }
    Ok(steps)
}

/// Whether these lines are what was expected.
pub fn matches(expected: &[&str], lines: &[&str]) -> bool {
    match (expected.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((&ANYTHING, expected)), _) => {
            matches(expected, lines)
                || lines
                    .split_first()
                    .is_some_and(|(_, lines)| matches(&[&[ANYTHING], expected].concat(), lines))
        }
        (Some((pattern, expected)), Some((line, lines))) => {
            line_matches(pattern, line) && matches(expected, lines)
        }
        _ => false,
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let Some((before, rest)) = pattern.split_once(ANYTHING) else {
        return pattern == line;
    };
    let Some(line) = line.strip_prefix(before) else {
        return false;
    };
    let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    ends.into_iter()
        .any(|at| line.get(at..).is_some_and(|line| line_matches(rest, line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page {
            path: "a.md".into(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn commands_and_files_are_found() {
        let text = "x\n```console\n# cat <<EOF\n> a\n> EOF\na\n# true\n```\n\n```sh\nno\n```\n\n\
            ```python file=a.py\nx = 1\n```\n\n```console host\n$ make\n# done\n```\n\
            ```console debian\n# uname\n```\n";
        let blocks = blocks(&page(text)).expect("blocks");
        let step = |line, who, command: &str, expected: &[&str]| Step {
            line,
            who,
            command: command.to_owned(),
            expected: expected.iter().map(|&line| line.to_owned()).collect(),
        };
        let content = |at: usize| (blocks[at].line, blocks[at].content.clone());
        assert_eq!(blocks.len(), 4);
        assert_eq!(
            content(0),
            (
                2,
                Content::Run(vec![
                    step(3, Who::Root, "cat <<EOF\na\nEOF", &["a"]),
                    step(7, Who::Root, "true", &[]),
                ])
            )
        );
        let file = Content::File {
            name: "a.py".into(),
            text: "x = 1\n".into(),
        };
        assert_eq!(content(1), (14, file));
        let host = Content::Host(vec![step(19, Who::User, "make", &["# done"])]);
        assert_eq!(content(2), (18, host));
        let debian = Content::Debian(vec![step(23, Who::Root, "uname", &[])]);
        assert_eq!(content(3), (22, debian));
    }

    #[test]
    fn what_is_no_command_is_told() {
        for text in [
            "```console\nmake\n```",
            "```console guest\n# true\n```",
            "```console\n```",
        ] {
            let error = blocks(&page(text)).expect_err(text).to_string();
            assert!(error.starts_with("a.md:1: "), "{error}");
        }
    }

    #[test]
    fn dots_stand_for_anything() {
        let agree = |expected: &str, lines: &str| {
            let expected: Vec<_> = expected.lines().collect();
            let lines: Vec<_> = lines.lines().collect();
            matches(&expected, &lines)
        };
        assert!(agree("a\nb", "a\nb"));
        assert!(!agree("a\nb", "a"));
        assert!(!agree("a", "a\nb"));
        assert!(!agree("a", "a "));
        assert!(agree("a ... c ... e", "a b c d e"));
        assert!(!agree("a ... c", "a b d"));
        assert!(agree("a...", "a"));
        assert!(agree("a\n...\nd", "a\nb\nc\nd"));
        assert!(agree("a\n...\nd", "a\nd"));
        assert!(agree("...", ""));
        assert!(!agree("a\n...\nd", "a\nb"));
    }
}
