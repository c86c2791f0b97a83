// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions and macros of the kernel that Rust cannot call: one line each.
 */
#include <linux/sched.h>

#include "bindings_helper.h"

/* A macro, and by configuration a static call or nothing at all. */
void kapi_helper_cond_resched(void)
{
	cond_resched();
}
