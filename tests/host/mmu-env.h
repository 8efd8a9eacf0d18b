/* SPDX-License-Identifier: MIT
 *
 * A machine for tests of mmu/: RAM from the host, threads that each are a CPU of their own, locks that yield.
 */
#pragma once

#include "libc/types.h"
#include "mmu/page.h"

struct aspace;
struct mutex;

/* RAM: one arena of that size, aligned to 1 GiB minus skew; banks and holes are the test's (ranges relative to the arena). Calls mmu_init. */
void env_init(uint64_t arena_size, uint64_t skew, const struct mem_range *banks, unsigned nr_banks, const struct mem_range *reserved, unsigned nr_reserved);
extern paddr_t env_base;		/* of the arena */
/* This host thread is CPU id. Thread 0 is set up by env_init. */
void env_thread(unsigned id);
/* The scheduler moves the calling thread each time it unlocks a mutex, nr times: to cpu, cpu + 1, ... */
void env_move_at_unlock(unsigned nr, unsigned cpu);
unsigned env_moves_left(void);
/* Threads that stand before a mutex which another has, other than this one. */
unsigned env_nr_waiting(const struct mutex *other_than);
/* As the application would: the byte at va, made accessible by faults. NULL: *error is what mmu_fault said. */
uint8_t *env_access(struct aspace *as, vaddr_t va, bool is_write, int *error);
/* All pages that were free after env_init are free again (heap slabs and tables of the tests' own aside): */
uint64_t env_free_bytes(void);

#define CHECK(cond) \
	do { \
		if (!(cond)) \
			panic("%s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)
