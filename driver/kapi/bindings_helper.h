/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen makes Rust of for this module: exported functions whose headers the kernel crate's own
 * bindings do not include, macros that bindgen cannot read, and the helpers in helpers.c and ratelimit.c.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/proc_fs.h>
#include <linux/ratelimit.h>
#include <linux/sched/stat.h>
#include <linux/vmalloc.h>
#include <asm/ioctls.h>

/* The prefix goes when the bindings are made, see Kbuild. */
static const fmode_t KAPI_CONST_FMODE_NOWAIT = FMODE_NOWAIT;
static const int KAPI_CONST_IOCB_NOWAIT = IOCB_NOWAIT;
static const u32 KAPI_CONST_FIONREAD = FIONREAD;
static const gfp_t KAPI_CONST___GFP_RETRY_MAYFAIL = __GFP_RETRY_MAYFAIL;

void kapi_helper_cond_resched(void);
void *kapi_helper_kvmalloc(size_t size, gfp_t flags);
void *kapi_helper_vmap_owned(struct page **pages, unsigned int count);
unsigned int kapi_helper_memalloc_noreclaim_save(void);
void kapi_helper_memalloc_noreclaim_restore(unsigned int flags);
bool kapi_helper_fatal_signal_pending(void);
bool kapi_helper_need_resched(void);
unsigned int kapi_helper_num_online_cpus(void);
void kapi_helper_memmove(void *to, const void *from, size_t len);
void kapi_helper_memset(void *start, int byte, size_t len);
size_t kapi_helper_copy_to_user_now(void __user *to, const void *from, size_t len);
size_t kapi_helper_copy_from_user_now(void *to, const void __user *from, size_t len);
void kapi_helper_ratelimit_state_init(struct ratelimit_state *state, int interval, int burst);
