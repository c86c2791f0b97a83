// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions and macros of the kernel that Rust cannot call: one line each.
 */
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "bindings_helper.h"

/* A macro, and by configuration a static call or nothing at all. */
void kapi_helper_cond_resched(void)
{
	cond_resched();
}

/* PAGE_KERNEL is a macro over variables. */
void *kapi_helper_vmap_owned(struct page **pages, unsigned int count)
{
	return vmap(pages, count, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
}
