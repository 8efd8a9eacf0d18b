/* SPDX-License-Identifier: MIT
 *
 * struct frame: what an exception saves of the interrupted context, on the kernel stack. Its layout is known to vectors.S
 * through gen/asm-offsets.h. Portable code uses the accessors only.
 *
 * A frame of the application lies at the very top of the thread's kernel stack (thread_user_frame()).
 */
#pragma once

#include "libc/types.h"

struct frame {
	uint64_t x[31];
	uint64_t sp;		/* SP_EL0 when from the application, else the kernel's sp at the exception */
	uint64_t pc;
	uint64_t pstate;	/* SPSR_EL1 */
	uint64_t orig_x0;	/* first argument of the system call, for restarting it */
	int64_t syscall_nr;	/* -1: not in a system call (or restart done with) */
	uint64_t esr;
	uint64_t far;
	uint64_t record[2];	/* frame record (x29, pc) of the interrupted code, so that a backtrace passes through */
};

#define FRAME_NR_ARGS	6

/* PSTATE.M of the application: EL1t (Arm ARM C5.2.19 SPSR_EL1.M). */
#define PSTATE_MODE_MASK	0xful
#define PSTATE_EL1T		0x4ul
#define PSTATE_EL1H		0x5ul

static inline bool frame_is_user(const struct frame *f)
{
	return (f->pstate & PSTATE_MODE_MASK) == PSTATE_EL1T;
}

static inline vaddr_t frame_pc(const struct frame *f)
{
	return f->pc;
}

/* Frame pointer: start of the chain of frame records. */
static inline vaddr_t frame_fp(const struct frame *f)
{
	return f->x[29];
}

static inline vaddr_t frame_sp(const struct frame *f)
{
	return f->sp;
}

static inline long frame_arg(const struct frame *f, unsigned i)
{
	return (long)f->x[i];
}

/* What the call, or an interrupted one, has left as its result. */
static inline long frame_result(const struct frame *f)
{
	return (long)f->x[0];
}

static inline void frame_set_result(struct frame *f, long value)
{
	f->x[0] = (uint64_t)value;
}

/* A system call by exception: note its number (the upper half does not count, as on Linux; never negative) and what its result will overwrite. */
static inline void frame_begin_syscall(struct frame *f)
{
	f->syscall_nr = (uint32_t)f->x[8];
	f->orig_x0 = f->x[0];
}

/* The registers as they were before the call, to make it again from within the kernel. */
static inline void frame_redo_syscall(struct frame *f)
{
	f->x[0] = f->orig_x0;
}

/* Back onto the instruction that made the system call: the program makes it again. */
static inline void frame_rewind_syscall(struct frame *f)
{
	f->x[0] = f->orig_x0;
	f->pc -= 4;
}

static inline void frame_set_sp(struct frame *f, vaddr_t sp)
{
	f->sp = sp;
}

/* Where the function returns to, as far as a register tells. */
static inline vaddr_t frame_lr(const struct frame *f)
{
	return f->x[30];
}

/*
 * What of the exception a signal frame shows: as if the application ran at EL0, so the "lower exception level" classes. As Linux, only for faults of memory (SIGSEGV,
 * SIGBUS); else 0, nothing.
 */
static inline uint64_t frame_fault_code(const struct frame *f, bool is_memory)
{
	uint64_t ec = f->esr >> 26 & 0x3f;

	if (!is_memory)
		return 0;
	return ec == 0x21 || ec == 0x25 ? f->esr - (1ul << 26) : f->esr;
}

static inline void frame_set_pc(struct frame *f, vaddr_t pc)
{
	f->pc = pc;
}
