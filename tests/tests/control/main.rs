// SPDX-License-Identifier: GPL-2.0

//! C1 to C13: the ioctls, and `/proc`. (C14, the balance of bytes, closes the runs of W6 and W7.)

mod commands;
mod counters;
mod header;
