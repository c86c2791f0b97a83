// SPDX-License-Identifier: GPL-2.0

//! Sorted by key.
//!
//! Samples of `docs/kernel/c-in-rust.md`, which includes what stands between ANCHOR and ANCHOR_END.
//!
//! C header: [`include/linux/rbtree.h`](srctree/include/linux/rbtree.h)

use kernel::{
    new_spinlock,
    prelude::*,
    rbtree::{RBTree, RBTreeNode},
    sync::SpinLock,
};

use crate::ktap::{check, check_eq, suite, Suite};

pub(crate) const SUITE: Suite = suite!("trees":
    a_tree_sorts,
    the_next_one_from_a_key_on,
    a_node_is_made_before_the_lock,
);

fn a_tree_sorts() -> Result {
    // ANCHOR: rbtree
    let mut tree = RBTree::new(); // struct rb_root tree = RB_ROOT; the search is written for you
    for (start, name) in [(30, "c"), (10, "a"), (20, "b")] {
        tree.try_create_and_insert(start, name, GFP_KERNEL)?;
    }
    let found = tree.get(&20).copied();
    let removed = tree.remove(&10); // rb_erase, and kfree
                                    // rb_first, rb_next
    let in_order = tree.values().eq(&["b", "c"]);
    // ANCHOR_END: rbtree
    check_eq!((found, removed, in_order), (Some("b"), Some("a"), true));
    Ok(())
}

// ANCHOR: lower_bound
/// The first timer that is due at `now` or later.
fn next_due(timers: &RBTree<u64, u32>, now: u64) -> Option<u32> {
    let cursor = timers.cursor_lower_bound(&now)?;
    let (_, timer) = cursor.current();
    Some(*timer)
}
// ANCHOR_END: lower_bound

fn the_next_one_from_a_key_on() -> Result {
    let mut timers = RBTree::new();
    timers.try_create_and_insert(100, 1, GFP_KERNEL)?;
    timers.try_create_and_insert(200, 2, GFP_KERNEL)?;
    let due = [50, 100, 101, 201].map(|now| next_due(&timers, now));
    check_eq!(due, [Some(1), Some(1), Some(2), None]);
    Ok(())
}

// ANCHOR: reserve
/// Memory first, then the lock: with it held nothing fails and nothing sleeps. An old node comes back, to be freed here.
fn insert(tree: &SpinLock<RBTree<u64, u32>>, key: u64, value: u32) -> Result<bool> {
    let node = RBTreeNode::new(key, value, GFP_KERNEL)?;
    let old = tree.lock().insert(node);
    Ok(old.is_some())
}
// ANCHOR_END: reserve

fn a_node_is_made_before_the_lock() -> Result {
    let tree = KBox::pin_init(new_spinlock!(RBTree::new()), GFP_KERNEL)?;
    check!(!insert(&tree, 1, 10)?);
    check!(insert(&tree, 1, 11)?);
    check_eq!(tree.lock().get(&1).copied(), Some(11));
    Ok(())
}
