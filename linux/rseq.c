/* SPDX-License-Identifier: MIT
 *
 * Restartable sequences (Linux, Documentation and uapi linux/rseq.h): the program's area of a thread holds the number of its CPU, and a pointer to the description
 * of the critical section that it is in, if any. After the thread has been preempted, has changed its CPU, or is about to run a signal handler, the number is
 * brought up to date, and a section that it was in is left through its abort handler.
 *
 * The scheduler sets ATTN_RSEQ for threads with told_cpu != 0 when they are preempted or switched in on another CPU than told_cpu says; the work is done here, before the return to the application. A
 * switch that comes after the number has been read sets it again.
 */
#include "linux/rseq.h"

#include <arch/frame.h>

#include "libc/errno.h"
#include "linux/process.h"
#include "linux/signal-priv.h"
#include "linux/syscalls.h"
#include "linux/veneer.h"
#include "mmu/user.h"
#include "sched/cpu.h"

#define RSEQ_FLAG_UNREGISTER	1
#define RSEQ_SIZE		32
#define CPU_ID_UNINITIALIZED	(~0u)

/* Offsets in struct rseq. */
#define AREA_CPU_ID_START	0
#define AREA_CPU_ID		4
#define AREA_CS			8

struct rseq_cs {
	uint32_t version, flags;
	uint64_t start_ip, post_commit_offset, abort_ip;
};

static int store_cpu(vaddr_t area, uint32_t start, uint32_t cpu)
{
	int r = user_store32((uint32_t *)(area + AREA_CPU_ID_START), start);

	return r ? r : user_store32((uint32_t *)(area + AREA_CPU_ID), cpu);
}

/* If pc is in the section that the area names, go to its abort handler; the pointer is cleared in any case. */
static int leave_section(struct task *t, struct frame *f)
{
	struct rseq_cs cs;
	uint64_t at;
	uint32_t sig;
	int r = user_load64((const uint64_t *)(t->rseq + AREA_CS), &at);

	if (r || !at)
		return r;
	r = copy_from_user(&cs, (const void *)at, sizeof(cs));
	if (r)
		return r;
	r = user_store64((uint64_t *)(t->rseq + AREA_CS), 0);
	if (r)
		return r;
	veneer_hide(f);
	if (frame_pc(f) - cs.start_ip >= cs.post_commit_offset)
		return 0;
	/* The word before the handler shows that it is one: a wild pointer must not become a jump. */
	r = user_load32((const uint32_t *)(cs.abort_ip - 4), &sig);
	if (r)
		return r;
	if (cs.version || sig != t->rseq_sig || cs.abort_ip - cs.start_ip < cs.post_commit_offset)
		return -EINVAL;
	frame_set_pc(f, cs.abort_ip);
	return 0;
}

/* From here on the scheduler says so (ATTN_RSEQ) when the thread comes to another CPU. */
static uint32_t tell_cpu(struct task *t)
{
	uint32_t cpu;

	preempt_disable();
	cpu = cpu_this()->id;
	t->thread->told_cpu = cpu + 1;
	preempt_enable();
	return cpu;
}

void rseq_resume(struct frame *f)
{
	struct task *t = task_current();
	uint32_t cpu;

	if (!t->rseq)
		return;
	cpu = tell_cpu(t);
	if (store_cpu(t->rseq, cpu, cpu) || leave_section(t, f)) {
		rseq_forget(t);		/* else the same fault would come for ever */
		signal_force(SIGSEGV, NULL);
	}
}

void rseq_before_handler(struct frame *f)
{
	struct task *t = task_current();

	if (t->rseq && leave_section(t, f)) {
		rseq_forget(t);
		signal_force(SIGSEGV, NULL);
	}
}

void rseq_forget(struct task *t)
{
	t->rseq = 0;
	t->thread->told_cpu = 0;
}

static long unregister(struct task *t, vaddr_t area, uint32_t len, uint32_t sig)
{
	if (!t->rseq || t->rseq != area || t->rseq_len != len)
		return -EINVAL;
	if (t->rseq_sig != sig)
		return -EPERM;
	rseq_forget(t);
	return store_cpu(area, 0, CPU_ID_UNINITIALIZED);
}

long sys_rseq(long area, long len, long flags, long sig)
{
	struct task *t = task_current();
	uint32_t cpu;

	if (flags == RSEQ_FLAG_UNREGISTER)
		return unregister(t, (vaddr_t)area, (uint32_t)len, (uint32_t)sig);
	if (flags)
		return -EINVAL;
	if (t->rseq) {
		if (t->rseq != (vaddr_t)area || t->rseq_len != (uint32_t)len)
			return -EINVAL;
		return t->rseq_sig != (uint32_t)sig ? -EPERM : -EBUSY;
	}
	if (area % RSEQ_SIZE || (uint32_t)len != RSEQ_SIZE)
		return -EINVAL;
	if (!user_range_ok((void *)area, RSEQ_SIZE))
		return -EFAULT;
	t->rseq = (vaddr_t)area;
	t->rseq_len = (uint32_t)len;
	t->rseq_sig = (uint32_t)sig;
	/* Should it come to another CPU from here on, the number is brought up to date on the way back. */
	cpu = tell_cpu(t);
	if (store_cpu(t->rseq, cpu, cpu))
		atomic_fetch_or(&t->thread->attention, ATTN_RSEQ, RELAXED);	/* fails again there, with a signal, as on Linux */
	return 0;
}
