// SPDX-License-Identifier: GPL-2.0
#include <linux/ratelimit.h>

#include "bindings_helper.h"

/* Inline, and a spinlock in it is made by a macro. */
void kapi_helper_ratelimit_state_init(struct ratelimit_state *state, int interval, int burst)
{
	ratelimit_state_init(state, interval, burst);
}
