// SPDX-License-Identifier: GPL-2.0

//! A list of shared things in the order in which they came, of which any one can be taken out at once.

#![forbid(unsafe_code)]

use kernel::sync::Arc;

/// A thing's neighbours in a [`List`].
pub(super) struct Links<T> {
    older: Option<Arc<T>>,
    newer: Option<Arc<T>>,
}

impl<T> Links<T> {
    /// Of a thing that is in no list.
    pub(super) const NONE: Self = Self {
        older: None,
        newer: None,
    };

    /// The thing that came after it.
    pub(super) fn newer(&self) -> Option<&Arc<T>> {
        self.newer.as_ref()
    }
}

/// What can be in a list. A thing is in one list at a time.
pub(super) trait Linked: Sized {
    /// Calls `work` with the thing's links, under the lock that guards them. `work` takes no other.
    fn with_links<R>(&self, work: impl FnOnce(&mut Links<Self>) -> R) -> R;
}

/// Things from the oldest to the newest. Whoever drops it must have emptied it: else each thing would drop its
/// neighbour in turn, as deep as the list is long.
pub(super) struct List<T: Linked> {
    oldest: Option<Arc<T>>,
    newest: Option<Arc<T>>,
}

impl<T: Linked> List<T> {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Self {
            oldest: None,
            newest: None,
        }
    }

    /// The thing that came first.
    pub(super) fn oldest(&self) -> Option<&Arc<T>> {
        self.oldest.as_ref()
    }

    /// The thing that came last.
    pub(super) fn newest(&self) -> Option<&Arc<T>> {
        self.newest.as_ref()
    }

    /// Adds a thing that is in no list.
    pub(super) fn push(&mut self, thing: Arc<T>) {
        thing.with_links(|links| links.older = self.newest.clone());
        match &self.newest {
            Some(newest) => newest.with_links(|links| links.newer = Some(thing.clone())),
            None => self.oldest = Some(thing.clone()),
        }
        self.newest = Some(thing);
    }

    /// Adds a thing that is in no list before all others.
    pub(super) fn push_oldest(&mut self, thing: Arc<T>) {
        thing.with_links(|links| links.newer = self.oldest.clone());
        match &self.oldest {
            Some(oldest) => oldest.with_links(|links| links.older = Some(thing.clone())),
            None => self.newest = Some(thing.clone()),
        }
        self.oldest = Some(thing);
    }

    /// Takes out a thing that is in this list.
    pub(super) fn remove(&mut self, thing: &T) {
        let Links { older, newer } =
            thing.with_links(|links| core::mem::replace(links, Links::NONE));
        match &older {
            Some(older) => older.with_links(|links| links.newer = newer.clone()),
            None => self.oldest = newer.clone(),
        }
        match &newer {
            Some(newer) => newer.with_links(|links| links.older = older),
            None => self.newest = older,
        }
    }
}
