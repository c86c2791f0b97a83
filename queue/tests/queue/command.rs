// SPDX-License-Identifier: GPL-2.0

//! The commands `add` and `remove`, by the words of the contract.

use mydevice_queue::command::{is_loaded_name, is_name, Add, Invalid};
use proptest::prelude::*;

const KEYS: [&str; 6] = [
    "discipline",
    "capacity",
    "max_capacity",
    "on_empty",
    "read_timeout_ms",
    "split",
];

fn values<'a>(add: &Add<'a>) -> [Option<&'a str>; 6] {
    [
        add.discipline,
        add.capacity,
        add.max_capacity,
        add.on_empty,
        add.read_timeout_ms,
        add.split,
    ]
}

#[test]
fn a_name_is_1_to_32_of_a_few_letters_and_does_not_begin_with_mydevice() {
    let longest = "x".repeat(32);
    for good in [
        "a",
        "jobs",
        "0",
        "-",
        "_",
        "a-b_9",
        "xmydevice",
        "mydevic",
        &longest,
    ] {
        assert!(is_name(good), "{good:?}");
    }
    let too_long = "x".repeat(33);
    let bad = [
        "",
        "A",
        "a b",
        "a/b",
        "..",
        "ä",
        "a\n",
        "a\0",
        "mydevice",
        "mydevice-x",
        &too_long,
    ];
    for bad in bad {
        assert!(!is_name(bad), "{bad:?}");
    }
}

#[test]
fn instances_made_at_load_have_the_prefix_and_a_number_but_for_the_first() {
    for good in ["mydevice", "mydevice1", "mydevice255"] {
        assert!(is_loaded_name(good), "{good:?}");
    }
    for bad in [
        "",
        "x",
        "mydevice0",
        "mydevice01",
        "mydevice-1",
        "mydevice1x",
        "mydevicex",
    ] {
        assert!(!is_loaded_name(bad), "{bad:?}");
    }
}

#[test]
fn a_key_is_known_and_given_once_and_has_a_value() {
    let add = Add::parse("jobs discipline=spool  capacity=65536").unwrap();
    assert_eq!(add.name, "jobs");
    assert_eq!(add.discipline, Some("spool"));
    assert_eq!(add.capacity, Some("65536"));
    assert_eq!(
        (
            add.max_capacity,
            add.on_empty,
            add.read_timeout_ms,
            add.split
        ),
        (None, None, None, None)
    );
    for bad in [
        "",
        " ",
        "jobs discipline",
        "jobs colour=red",
        "jobs =1",
        "jobs capacity=1 capacity=1",
        "jobs capacity=1 capacity=",
        "jobs Capacity=1",
        "capacity=1",
        "jobs jobs",
        "jobs\u{b}capacity=1",
    ] {
        assert_eq!(Add::parse(bad), Err(Invalid), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn every_choice_of_keys_in_any_order_is_taken(
        name in "[a-z0-9_-]{1,32}",
        given in proptest::sample::subsequence((0..6).collect::<Vec<usize>>(), 0..=6).prop_shuffle(),
        value in "[a-z0-9=]{0,12}",
        gap in "[ \t]{1,3}",
    ) {
        prop_assume!(!name.starts_with("mydevice"));
        let mut text = name.clone();
        for &key in &given {
            text += &format!("{gap}{}={value}", KEYS[key]);
        }
        let add = Add::parse(&text).unwrap();
        prop_assert_eq!(add.name, &name);
        for (key, got) in values(&add).into_iter().enumerate() {
            prop_assert_eq!(got, given.contains(&key).then_some(value.as_str()));
        }
    }

    #[test]
    fn no_text_at_all_makes_it_panic(text in ".*") {
        let _ = (Add::parse(&text), is_name(&text), is_loaded_name(&text));
    }
}
