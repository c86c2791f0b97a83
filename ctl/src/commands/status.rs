// SPDX-License-Identifier: GPL-2.0

use clap::Args;
use mydevice::{Attribute, Device, Instance, OpenOptions, Stats};
use serde_json::{Map, Value, json};

use crate::{
    failure::{Attempt, Result},
    output::{self, Format},
    sample::Users,
    target::{self, Target},
};

/// Prints everything that is known of an instance.
///
/// The counters of waits and of what was dropped can only be asked for through the device, so it is opened for a moment; where
/// that cannot be done, it says why in their place. `open_count` and `readers` do not count this open.
#[derive(Args, Debug)]
pub struct Status {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    format: Format,
}

/// Opens a node, so as to ask for counters. Opening for reading disturbs nobody.
pub fn observer(instance: &Instance) -> Result<Device> {
    let reading = OpenOptions::new().read(true).nonblocking(true);
    target::open(instance, &reading)
}

impl Status {
    pub fn run(self) -> Result<()> {
        let instance = self.target.find()?;
        let asked = || format!("ask for the figures of {instance}");
        let figures = instance.figures().attempt(asked)?;
        let mut fields = Map::new();
        let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
        let nodes = instance.nodes();
        put("name", json!(instance.name()));
        put("nodes", json!(nodes));
        put("discipline", json!(figures.discipline.as_str()));
        put("bytes_used", json!(figures.bytes_used));
        put("capacity", json!(figures.buffer_size));
        for attribute in [
            Attribute::MaxCapacity,
            Attribute::HighWater,
            Attribute::ReadTimeoutMs,
        ] {
            let value = instance.attribute(attribute).attempt(asked)?;
            put(
                attribute.as_str(),
                value.parse().map_or(json!(value), |n: u64| json!(n)),
            );
        }
        let on_empty = instance.attribute(Attribute::OnEmpty).attempt(asked)?;
        put("on_empty", json!(on_empty));
        put("open_count", json!(figures.open_count));
        let users = Users::of(&instance).attempt(asked)?;
        put("readers", json!(users.readers));
        put("writers", json!(users.writers));
        put("waiting_readers", json!(users.waiting_readers));
        put("waiting_writers", json!(users.waiting_writers));
        put("read_count", json!(figures.read_count));
        put("write_count", json!(figures.write_count));
        put("bytes_read", json!(figures.bytes_read));
        put("bytes_written", json!(figures.bytes_written));
        let stats = observer(&instance).and_then(|device| device.stats().attempt(asked));
        // In JSON these are null.
        let unknown = match &stats {
            Err(failure) => format!("not known: {}", failure.reason()),
            Ok(_) => String::new(),
        };
        for (key, value) in waits_and_losses(stats.as_ref().ok()) {
            put(key, value.map_or(Value::Null, |n| json!(n)));
        }
        if self.format.json {
            output::json(&fields)?;
        } else {
            let lines: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("{key}: {}", plain(value, &unknown)))
                .collect();
            output::lines(&lines)?;
        }
        Ok(())
    }
}

/// The counters that `/proc` does not have.
fn waits_and_losses(stats: Option<&Stats>) -> [(&'static str, Option<u64>); 5] {
    [
        ("reader_waits", stats.map(|s| s.reader_waits)),
        ("writer_waits", stats.map(|s| s.writer_waits)),
        ("bytes_truncated", stats.map(|s| s.bytes_truncated)),
        ("bytes_cleared", stats.map(|s| s.bytes_cleared)),
        ("bytes_evicted", stats.map(|s| s.bytes_evicted)),
    ]
}

/// A value for people; `unknown` is why there is none.
fn plain(value: &Value, unknown: &str) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let values = values.iter().map(|value| plain(value, unknown));
            values.collect::<Vec<_>>().join(" ")
        }
        Value::Null => unknown.to_owned(),
        value => value.to_string(),
    }
}
