// SPDX-License-Identifier: GPL-2.0

//! Following one page.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use mydevice_book::console::{Block, Content, Step, Who, matches};
use mydevice_tests::{Module, module};
use tempfile::TempDir;

use crate::shell::Shell;

/// Does what the page says, and panics with all that came out otherwise.
pub fn page(path: &str, blocks: &[Block]) {
    let loads_itself = first_command(blocks).is_some_and(|c| c.starts_with("insmod mydevice.ko"));
    let module = if loads_itself {
        // Only the turn, and the look at what is left and was logged.
        Module::load_by("mydevice", |_| Ok(()))
    } else {
        Ok(Module::load(&[]))
    };
    let module = module.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let folder = desk();
    let wrong = follow(path, blocks, folder.path());
    let is_loaded = Path::new("/sys/module/mydevice").exists();
    assert!(wrong.is_empty(), "\n{wrong}");
    if is_loaded {
        drop(module);
    } else {
        module.was_unloaded();
    }
}

fn first_command(blocks: &[Block]) -> Option<&str> {
    let mut steps = blocks.iter().flat_map(|block| match &block.content {
        Content::Run(steps) | Content::Debian(steps) => steps.as_slice(),
        _ => &[],
    });
    steps.next().map(|step| step.command.as_str())
}

/// An empty folder with the modules.
fn desk() -> TempDir {
    let folder = tempfile::tempdir().expect("an empty folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
        .expect("letting others into the folder");
    for name in ["hello", "mydevice", "toolbox"] {
        let file = module::file(name);
        let link = folder.path().join(file.file_name().expect("a file's name"));
        symlink(&file, link).expect("a link to a module");
    }
    folder
}

/// Types each command; returns what came out otherwise.
fn follow(path: &str, blocks: &[Block], folder: &Path) -> String {
    let mut root = Shell::start(Who::Root, folder);
    let mut user = Shell::start(Who::User, folder);
    let mut wrong = String::new();
    for block in blocks {
        match &block.content {
            Content::File { name, text } => {
                let file = folder.join(name);
                let parent = file.parent().expect("the folder of a file");
                fs::create_dir_all(parent).expect("the folder of a file");
                fs::write(&file, text)
                    .unwrap_or_else(|e| panic!("{path}: {}: {e}", name.display()));
                // A script is there to be run.
                let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
                fs::set_permissions(&file, fs::Permissions::from_mode(mode))
                    .expect("letting others read the file");
            }
            Content::Run(steps) | Content::Debian(steps) => {
                for step in steps {
                    let shell = match step.who {
                        Who::Root => &mut root,
                        Who::User => &mut user,
                    };
                    match shell.run(&step.command) {
                        Ok(output) => compare(path, step, &output, &mut wrong),
                        Err(why) => {
                            complain(path, step, &why, &mut wrong);
                            // What comes after would only confuse.
                            return wrong;
                        }
                    }
                }
            }
            Content::Host(_) => {}
        }
    }
    wrong
}

fn compare(path: &str, step: &Step, output: &str, wrong: &mut String) {
    let lines: Vec<_> = output.lines().collect();
    let expected: Vec<_> = step.expected.iter().map(String::as_str).collect();
    if !matches(&expected, &lines) {
        let said = format!(
            "the page says:\n{}\nit printed:\n{output}",
            expected.join("\n")
        );
        complain(path, step, &said, wrong);
    }
}

fn complain(path: &str, step: &Step, what: &str, wrong: &mut String) {
    writeln!(wrong, "{path}:{}: {}\n{what}\n", step.line, step.command).expect("writing a text");
}
