// SPDX-License-Identifier: GPL-2.0

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};
use mydevice::Attribute;
use serde_json::{Map, Value, json};

use crate::{
    failure::{Attempt, Result},
    output::{self, Format},
    target::Target,
};

/// Prints attributes of an instance: of one its value, of several KEY=VALUE a line, as `set` takes them.
#[derive(Args, Debug)]
pub struct Get {
    #[command(flatten)]
    target: Target,
    /// The attributes; without any, all.
    #[arg(value_name = "KEY", value_parser = PossibleValuesParser::new(Attribute::WORDS).try_map(|word| word.parse::<Attribute>()))]
    attributes: Vec<Attribute>,
    #[command(flatten)]
    format: Format,
}

impl Get {
    pub fn run(self) -> Result<()> {
        let instance = self.target.find()?;
        let attributes = match self.attributes.as_slice() {
            [] => Attribute::ALL,
            some => some,
        };
        let mut values = Vec::new();
        for attribute in attributes {
            let value = instance.attribute(*attribute);
            values.push((
                attribute,
                value.attempt(|| format!("read {attribute} of {instance}"))?,
            ));
        }
        if self.format.json {
            let fields: Map<_, _> = values
                .into_iter()
                .map(|(key, value)| (key.to_string(), number_or_word(value)))
                .collect();
            output::json(&fields)?;
        } else if let ([_], [(_, value)]) = (self.attributes.as_slice(), values.as_slice()) {
            output::lines(&[value])?;
        } else {
            let lines: Vec<_> = values
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            output::lines(&lines)?;
        }
        Ok(())
    }
}

fn number_or_word(text: String) -> Value {
    text.parse::<u64>()
        .map_or(json!(text), |number| json!(number))
}
