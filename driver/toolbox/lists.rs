// SPDX-License-Identifier: GPL-2.0

//! Linked lists.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C header: [`include/linux/list.h`](srctree/include/linux/list.h)

use kernel::{
    list::{impl_list_arc_safe, impl_list_item, List, ListArc, ListLinks},
    prelude::*,
};

use crate::ktap::{check, check_eq, suite, Suite};

pub(crate) const SUITE: Suite = suite!("lists":
    a_list_keeps_its_order,
    a_cursor_removes_while_it_walks,
    one_list_is_spliced_onto_another,
);

// ANCHOR: item
/// `struct job { int number; struct list_head links; };`
#[pin_data]
struct Job {
    number: u32,
    #[pin]
    links: ListLinks,
}

impl_list_arc_safe! {
    impl ListArcSafe<0> for Job { untracked; }
}
impl_list_item! {
    impl ListItem<0> for Job { using ListLinks { self.links }; }
}

impl Job {
    /// `kmalloc` and `INIT_LIST_HEAD`. A [`ListArc`] is the one reference by which a job can be put into a list.
    fn new(number: u32) -> Result<ListArc<Self>> {
        ListArc::pin_init(
            try_pin_init!(Self {
                number,
                links <- ListLinks::new(),
            }),
            GFP_KERNEL,
        )
    }
}
// ANCHOR_END: item

/// Whether a list has just these numbers, in this order.
fn holds(list: &List<Job>, numbers: &[u32]) -> bool {
    list.iter()
        .map(|job| job.number)
        .eq(numbers.iter().copied())
}

fn a_list_keeps_its_order() -> Result {
    // ANCHOR: walk
    let mut list = List::new(); // LIST_HEAD(list);
    list.push_back(Job::new(2)?); // list_add_tail(&job->links, &list);
    list.push_back(Job::new(3)?);
    list.push_front(Job::new(1)?); // list_add(&job->links, &list);

    let mut sum = 0_u32;
    for job in &list {
        sum = sum.wrapping_add(job.number); // list_for_each_entry(job, &list, links)
    }

    // list_first_entry_or_null, list_del: it is ours now
    let first = list.pop_front();
    // ANCHOR_END: walk
    check_eq!(sum, 6);
    check_eq!(first.map(|job| job.number), Some(1));
    check!(holds(&list, &[2, 3]));
    Ok(())
}

// ANCHOR: cursor
/// `list_for_each_entry_safe`: takes out every job with an even number, and gives them back as a list.
fn take_even(list: &mut List<Job>) -> List<Job> {
    let mut even = List::new();
    let mut cursor = list.cursor_front();
    while let Some(next) = cursor.peek_next() {
        if next.number % 2 == 0 {
            even.push_back(next.remove());
        } else {
            cursor.move_next();
        }
    }
    even
}
// ANCHOR_END: cursor

fn a_cursor_removes_while_it_walks() -> Result {
    let mut list = List::new();
    for number in 1..=5 {
        list.push_back(Job::new(number)?);
    }
    check!(holds(&take_even(&mut list), &[2, 4]));
    check!(holds(&list, &[1, 3, 5]));
    Ok(())
}

fn one_list_is_spliced_onto_another() -> Result {
    let (mut list, mut other) = (List::new(), List::new());
    list.push_back(Job::new(1)?);
    other.push_back(Job::new(2)?);
    other.push_back(Job::new(3)?);
    // ANCHOR: splice
    // list_splice_tail_init(&other, &list);
    list.push_all_back(&mut other);
    // ANCHOR_END: splice
    check!(other.is_empty());
    check!(holds(&list, &[1, 2, 3]));
    Ok(())
}
