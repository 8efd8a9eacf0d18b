/* SPDX-License-Identifier: MIT
 *
 * Knobs and counters of fake-fs.c.
 */
#pragma once

#include "libc/types.h"

struct shrinker;

extern uint64_t fake_ram_bytes;
extern struct shrinker *fake_shrinker;	/* the last one registered */
struct mutex;
extern void (*fake_before_lock)(struct mutex *m);	/* called before each mutex_lock(), if set: what another thread does at that moment */
extern unsigned fake_nr_unmaps;		/* calls of vm_object_unmap(), and the last one's range */
extern uint64_t fake_unmap_first, fake_unmap_nr;
