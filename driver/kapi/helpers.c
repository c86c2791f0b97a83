// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions and macros of the kernel, which Rust cannot call, and what it must not call by name: one line each,
 * but for the two copies at the end.
 */
#include <linux/cpumask.h>
#include <linux/instrumented.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "bindings_helper.h"

/* A macro, and by configuration a static call or nothing at all. */
void kapi_helper_cond_resched(void)
{
	cond_resched();
}

/* A macro, over a function whose arguments depend on the configuration. */
void *kapi_helper_kvmalloc(size_t size, gfp_t flags)
{
	return kvmalloc(size, flags);
}

/* PAGE_KERNEL is a macro over variables. */
void *kapi_helper_vmap_owned(struct page **pages, unsigned int count)
{
	return vmap(pages, count, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL);
}

/* Inline. */
unsigned int kapi_helper_memalloc_noreclaim_save(void)
{
	return memalloc_noreclaim_save();
}

/* Inline. */
void kapi_helper_memalloc_noreclaim_restore(unsigned int flags)
{
	memalloc_noreclaim_restore(flags);
}

/* Inline. */
bool kapi_helper_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

/* Inline. */
bool kapi_helper_need_resched(void)
{
	return need_resched();
}

/* Inline. */
unsigned int kapi_helper_num_online_cpus(void)
{
	return num_online_cpus();
}

/* LLVM knows the name, and would make loads and stores of a call of it in Rust, or leave it out. */
void kapi_helper_memmove(void *to, const void *from, size_t len)
{
	memmove(to, from, len);
}

/* The same. */
void kapi_helper_memset(void *start, int byte, size_t len)
{
	memset(start, byte, len);
}

/*
 * All inline: copy_to_user, made without page faults and without check_object_size. Fault injection, KASAN, KCSAN and KMSAN
 * see of it what they see of that one.
 */
size_t kapi_helper_copy_to_user_now(void __user *to, const void *from, size_t len)
{
	if (should_fail_usercopy() || !access_ok(to, len))
		return len;
	instrument_copy_to_user(to, from, len);
	pagefault_disable();
	len = raw_copy_to_user(to, from, len);
	pagefault_enable();
	return len;
}

/* The same of copy_from_user: a mask keeps speculation from kernel addresses, a fence where there is none. */
size_t kapi_helper_copy_from_user_now(void *to, const void __user *from, size_t len)
{
	size_t left;

	if (should_fail_usercopy())
		return len;
	if (can_do_masked_user_access()) {
		from = mask_user_address(from);
	} else {
		if (!access_ok(from, len))
			return len;
		barrier_nospec();
	}
	instrument_copy_from_user_before(to, from, len);
	pagefault_disable();
	left = raw_copy_from_user(to, from, len);
	pagefault_enable();
	instrument_copy_from_user_after(to, from, len, left);
	return left;
}
