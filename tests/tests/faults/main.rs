// SPDX-License-Identifier: GPL-2.0

//! A failed allocation or copy at any point is an error, and leaves everything as it was: the first, the second, ... of each
//! call is made to fail until the call is through.
//!
//! Only a kernel with fault injection can do that, so on others `cargo xtask test` leaves this program out, and says so.

mod calls;
mod names;
// Its name comes last, so that it looks at what all others left.
mod nothing;
