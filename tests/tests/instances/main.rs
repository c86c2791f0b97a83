// SPDX-License-Identifier: GPL-2.0

//! Instances that come and go while the system runs: `add` and `remove`, `split`, and W8, hot removal.

mod add;
mod many;
mod races;
mod removal;
mod split;
mod stale;
mod users;
