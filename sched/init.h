/* SPDX-License-Identifier: MIT
 *
 * Start-up hooks, run on the boot CPU, in the order of their level, unordered within a level.
 */
#pragma once

#include "libc/set.h"

enum init_level {
	INIT_CORE,	/* heap, threads, timers, RCU work; CPUs may still be starting */
	INIT_FS,	/* before the root is mounted: file system types, device nodes */
	INIT_DEVICE,	/* root mounted; drivers probed */
	INIT_LATE,	/* just before the program is loaded */
};

struct init_hook {
	enum init_level level;
	const char *name;
	void (*fn)(void);
};

#define INIT_HOOK(level_, fn_) \
	static const struct init_hook init_hook_##fn_ = { level_, #fn_, fn_ }; \
	SET_ADD(init_hooks, init_hook_##fn_)

void init_run(enum init_level level);
