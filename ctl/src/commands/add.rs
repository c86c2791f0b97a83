// SPDX-License-Identifier: GPL-2.0

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};
use mydevice::{Add, Discipline, OnEmpty};
use serde_json::json;

use crate::{
    failure::Result,
    output::{self, Format},
    request::{Request, Written},
    size,
};

/// Makes an instance, and prints its node or nodes.
///
/// What is not said is as the discipline has it. The instance goes with the module, or by `remove`.
#[derive(Args, Debug)]
pub struct AddCommand {
    /// Its name: 1 to 32 of a-z, 0-9, _ and -. The node is /dev/mydevice-NAME.
    name: String,
    /// The rule by which it stores and hands out data.
    #[arg(short, long, value_parser = words::<Discipline>(Discipline::WORDS))]
    discipline: Option<Discipline>,
    /// Bytes of data that it may hold; K, M and G are understood.
    #[arg(short, long, value_name = "SIZE", value_parser = size::parse)]
    capacity: Option<u32>,
    /// The largest capacity that it may be given later, or grow to.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_capacity: Option<u32>,
    /// What a read meets when there is nothing for it.
    #[arg(long, value_parser = words::<OnEmpty>(OnEmpty::WORDS))]
    on_empty: Option<OnEmpty>,
    /// How long a read waits for data; 0 is without end.
    #[arg(long, value_name = "MILLISECONDS")]
    read_timeout_ms: Option<u32>,
    /// Makes a node for each direction, NAME_w and NAME_r, which can be given different permissions.
    #[arg(long)]
    split: bool,
    #[command(flatten)]
    format: Format,
}

/// A parser for one of these words, which help and completions then know.
fn words<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: std::str::FromStr<Err = mydevice::UnknownWord> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse::<T>())
}

impl AddCommand {
    pub fn run(self) -> Result<()> {
        let mut add = Add::new(&self.name);
        if let Some(discipline) = self.discipline {
            add = add.discipline(discipline);
        }
        if let Some(bytes) = self.capacity {
            add = add.capacity(bytes);
        }
        if let Some(bytes) = self.max_capacity {
            add = add.max_capacity(bytes);
        }
        if let Some(on_empty) = self.on_empty {
            add = add.on_empty(on_empty);
        }
        if let Some(milliseconds) = self.read_timeout_ms {
            add = add.read_timeout_ms(milliseconds);
        }
        if self.split {
            add = add.split(true);
        }
        let request = Request {
            name: self.name,
            discipline: self.discipline,
            capacity: self.capacity,
            max_capacity: self.max_capacity,
            split: self.split,
            written: Written::Options,
        };
        let instance = add.add().map_err(|error| request.failure(&add, error))?;
        let nodes: Vec<_> = instance
            .nodes()
            .iter()
            .map(|node| node.display().to_string())
            .collect();
        if self.format.json {
            output::json(&json!({"name": instance.name(), "nodes": nodes}))?;
        } else {
            output::lines(&nodes)?;
        }
        Ok(())
    }
}
