/* SPDX-License-Identifier: MIT
 *
 * Knobs and counters of fake-fs.c.
 */
#pragma once

#include "libc/types.h"

struct shrinker;

extern uint64_t fake_ram_bytes;
extern struct shrinker *fake_shrinker;	/* the last one registered */
extern unsigned fake_nr_unmaps;		/* calls of vm_object_unmap(), and the last one's range */
extern uint64_t fake_unmap_first, fake_unmap_nr;
