// SPDX-License-Identifier: GPL-2.0

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::cache::Cache;
use crate::step::say;
use crate::{kbuild, kernels, project, recipe};

/// Writes rust-project.json, with which an editor understands the driver.
#[derive(Args)]
pub struct RustAnalyzer {
    /// The kernel whose sources the editor is to show.
    #[arg(long, value_name = "NAME", default_value = "stock")]
    kernel: String,
}

/// The crates that the driver is made of: those in Kbuild.
const DRIVER: &[&str] = &["hello", "mydevice", "toolbox/toolbox"];
/// The kernel's crates that a module sees.
const SEEN: &[&str] = &[
    "core",
    "kernel",
    "pin_init",
    "macros",
    "ffi",
    "bindings",
    "uapi",
    "build_error",
];

impl RustAnalyzer {
    pub fn run(self) -> Result<ExitCode> {
        let kernel = kernels::find(&self.kernel)?;
        let cache = Cache::open()?;
        let tree = recipe::tree(&cache, kernel)?;
        // The driver includes a file that its build makes.
        let made = tree.inside(&kbuild::modules(&cache, &tree, kernel.name)?);
        let text =
            fs::read(tree.crates()).with_context(|| format!("read {}", tree.crates().display()))?;
        let described =
            serde_json::from_slice(&text).context("understand the kernel's list of its crates")?;
        let described = describe(described, &tree.root(), project::root(), &made)?;
        let file = project::root().join("rust-project.json");
        let text = serde_json::to_string_pretty(&described).context("encode the list of crates")?;
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        say!(
            "wrote {}; docs/building.md says how an editor takes it",
            file.display()
        );
        Ok(ExitCode::SUCCESS)
    }
}

/// The kernel's crates where the host finds them, and the driver's after them.
fn describe(mut described: Value, root: &Path, checkout: &Path, made: &Path) -> Result<Value> {
    let crates = described["crates"]
        .as_array_mut()
        .context("find the kernel's crates in its list")?;
    // After the kernel crate the list goes on with the kernel's own drivers.
    let index =
        |crates: &[Value], name: &str| crates.iter().position(|c| c["display_name"] == name);
    let last = index(crates, "kernel").context("find the kernel crate in the kernel's list")?;
    crates.truncate(last + 1);
    let seen: Vec<Value> = SEEN
        .iter()
        .filter_map(|name| Some(json!({ "crate": index(crates, name)?, "name": name })))
        .collect();
    let mut cfg = crates[last]["cfg"].clone();
    if let Some(cfg) = cfg.as_array_mut() {
        cfg.push("MODULE".into());
    }
    move_paths(&mut described, root);
    let generated = made.join("driver/kapi/bindings_generated.rs");
    if let Some(crates) = described["crates"].as_array_mut() {
        crates.extend(DRIVER.iter().map(|name| {
            json!({
                "display_name": Path::new(name).file_name().map(|n| n.to_string_lossy()),
                "root_module": checkout.join("driver").join(format!("{name}.rs")),
                "is_workspace_member": true,
                "deps": seen,
                "cfg": cfg,
                "edition": "2021",
                "env": { "RUST_MODFILE": "This is only for rust-analyzer", "MYDEVICE_BINDINGS": generated },
                "source": { "include_dirs": [checkout, made.join("driver")], "exclude_dirs": [] },
            })
        }));
    }
    Ok(described)
}

/// Puts the tree's place before every absolute path.
fn move_paths(value: &mut Value, root: &Path) {
    match value {
        Value::String(text) if text.starts_with('/') => *text = format!("{}{text}", root.display()),
        Value::Array(values) => values.iter_mut().for_each(|v| move_paths(v, root)),
        Value::Object(fields) => fields.values_mut().for_each(|v| move_paths(v, root)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_comes_after_the_kernel_and_paths_are_the_hosts() {
        let kernel = json!({
            "sysroot": "/usr",
            "crates": [
                { "display_name": "core", "root_module": "/usr/lib/core.rs", "cfg": [] },
                { "display_name": "kernel", "root_module": "/src/kernel/lib.rs", "cfg": ["CONFIG_X"],
                  "env": { "OBJTREE": "/src" } },
                { "display_name": "rust_binder", "root_module": "/src/drivers/binder.rs", "cfg": [] },
            ],
        });
        let (root, checkout, made) = (
            Path::new("/tree"),
            Path::new("/home/me/mydevice"),
            Path::new("/tree/out"),
        );
        let described = describe(kernel, root, checkout, made).expect("a description");
        let names: Vec<_> = described["crates"]
            .as_array()
            .expect("crates")
            .iter()
            .map(|c| &c["display_name"])
            .collect();
        assert_eq!(names, ["core", "kernel", "hello", "mydevice", "toolbox"]);
        assert_eq!(described["sysroot"], "/tree/usr");
        assert_eq!(described["crates"][1]["env"]["OBJTREE"], "/tree/src");
        let driver = &described["crates"][3];
        assert_eq!(
            driver["root_module"],
            "/home/me/mydevice/driver/mydevice.rs"
        );
        assert_eq!(
            driver["deps"],
            json!([{ "crate": 0, "name": "core" }, { "crate": 1, "name": "kernel" }])
        );
        assert_eq!(driver["cfg"], json!(["CONFIG_X", "MODULE"]));
    }
}
