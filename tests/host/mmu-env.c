/* SPDX-License-Identifier: MIT
 *
 * See mmu-env.h.
 */
#include "tests/host/mmu-env.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <arch/pt.h>
#include <arch/uaccess.h>

#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/aspace-priv.h"
#include "mmu/fault.h"
#include "sched/cpu.h"
#include "sched/mutex.h"
#include "sched/sync.h"
#include "sched/thread.h"

#define MAX_THREADS	16

pte_t host_kernel_root[PT_ENTRIES] __attribute__((aligned(4096)));
unsigned nr_cpus;
paddr_t env_base;
static struct thread threads[MAX_THREADS];
static struct cpu cpu_data[MAX_THREADS];
static _Thread_local struct thread *current;

struct thread *arch_current(void)
{
	return current;
}

void thread_preempt_slow(void)
{
}

void env_thread(unsigned id)
{
	threads[id].cpu = &cpu_data[id];
	cpu_data[id].id = id;
	current = &threads[id];
	if (id == 0)
		nr_cpus = MAX_THREADS;
}

/* ---- locks --------------------------------------------------------------------------------------------------------- */

bool mutex_trylock(struct mutex *m)
{
	uintptr_t free_word = 0;

	return atomic_cas(&m->word, &free_word, (uintptr_t)current, ACQUIRE);
}

static const struct mutex *waits_for[MAX_THREADS];	/* [a] */

unsigned env_nr_waiting(const struct mutex *other_than)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < MAX_THREADS; i++) {
		const struct mutex *m = atomic_load(&waits_for[i], RELAXED);

		nr += m && m != other_than;
	}
	return nr;
}

void mutex_lock(struct mutex *m)
{
	CHECK(current->preempt_count == 0);
	CHECK(atomic_load(&m->word, RELAXED) != (uintptr_t)current);
	if (mutex_trylock(m))
		return;
	atomic_store(&waits_for[current - threads], m, RELAXED);
	while (!mutex_trylock(m))
		sched_yield();
	atomic_store(&waits_for[current - threads], NULL, RELAXED);
}

static _Thread_local unsigned nr_moves, next_cpu;

void env_move_at_unlock(unsigned nr, unsigned cpu)
{
	nr_moves = nr;
	next_cpu = cpu;
}

unsigned env_moves_left(void)
{
	return nr_moves;
}

void mutex_unlock(struct mutex *m)
{
	CHECK(atomic_load(&m->word, RELAXED) == (uintptr_t)current);
	atomic_store(&m->word, 0, RELEASE);
	if (nr_moves) {
		nr_moves--;
		cpu_data[next_cpu].id = next_cpu;
		current->cpu = &cpu_data[next_cpu++];
	}
}

void rwlock_read_lock(struct rwlock *l)
{
	CHECK(current->preempt_count == 0);
	for (;;) {
		uint32_t w = atomic_load(&l->word, RELAXED);

		if (!(w & RWLOCK_WRITER) && atomic_cas(&l->word, &w, w + 1, ACQUIRE))
			return;
		sched_yield();
	}
}

void rwlock_read_unlock(struct rwlock *l)
{
	CHECK(atomic_fetch_sub(&l->word, 1u, RELEASE) & ~RWLOCK_WRITER);
}

void rwlock_write_lock(struct rwlock *l)
{
	CHECK(current->preempt_count == 0);
	for (;;) {
		uint32_t none = 0;

		if (atomic_cas(&l->word, &none, RWLOCK_WRITER, ACQUIRE))
			return;
		sched_yield();
	}
}

void rwlock_write_unlock(struct rwlock *l)
{
	CHECK(atomic_load(&l->word, RELAXED) == RWLOCK_WRITER);
	atomic_store(&l->word, 0u, RELEASE);
}

/* ---- the rest ------------------------------------------------------------------------------------------------------- */

_Noreturn void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "panic: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	abort();
}

void env_init(uint64_t arena_size, uint64_t skew, const struct mem_range *banks, unsigned nr_banks, const struct mem_range *reserved, unsigned nr_reserved)
{
	static struct mem_layout layout;
	uint64_t gib = 1ull << 30;
	char *p = mmap(NULL, arena_size + 2 * gib, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned i;

	CHECK(p != MAP_FAILED);
	env_base = ALIGN_UP((uint64_t)p, gib) + gib - skew;
	if (skew == 0)
		env_base -= gib;
	env_thread(0);
	for (i = 0; i < nr_banks; i++)
		layout.bank[i] = (struct mem_range){ env_base + banks[i].start, banks[i].size };
	for (i = 0; i < nr_reserved; i++)
		layout.reserved[i] = (struct mem_range){ env_base + reserved[i].start, reserved[i].size };
	layout.nr_banks = nr_banks;
	layout.nr_reserved = nr_reserved;
	CHECK(mmu_init(&layout) == 0);
}

uint64_t env_free_bytes(void)
{
	struct page_stats s;

	page_stats(&s);
	return s.free_bytes;
}

uint8_t *env_access(struct aspace *as, vaddr_t va, bool is_write, int *error)
{
	unsigned tries;

	for (tries = 0; tries < 1000; tries++) {
		unsigned level;
		pte_t v;
		int r;

		pt_lookup(as, va, &level, &v);
		if (pt_is_valid(v) && (!is_write || pt_flags(v) & PT_WRITE))
			return (uint8_t *)phys_to_virt(pt_address(v) + (va & ((1ull << PT_SHIFT(level)) - 1)));
		r = mmu_fault(as, va, is_write ? FAULT_WRITE : FAULT_READ);
		if (r) {
			*error = r;
			return NULL;
		}
	}
	panic("access to %lx faults for ever", (unsigned long)va);
}

/* Copies between pages of the kernel only. */
size_t arch_user_copy(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
	return 0;
}
