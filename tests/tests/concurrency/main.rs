// SPDX-License-Identifier: GPL-2.0

//! W1 to W7, W9, W10 and C14: who sleeps, who wakes and on what, and that nothing is lost on the way.

mod handovers;
mod poll;
mod rest;
mod sleep;
mod traffic;
mod wake_ups;
