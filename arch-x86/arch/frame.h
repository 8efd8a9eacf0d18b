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
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	int64_t syscall_nr;	/* -1: not in a system call (or restart done with) */
	uint64_t vector, error;	/* of the exception; error 0 where the CPU gives none */
	uint64_t cr2;		/* page faults: the address */
	uint64_t record[2];	/* frame record (rbp, rip) of the interrupted code, so that a backtrace passes through */
	/* What iretq pops (Intel SDM vol. 3A 6.14.2). */
	uint64_t rip, cs, rflags, rsp, ss;
};

#define FRAME_NR_ARGS	6

#define FRAME_USER_CS	0x08ul		/* selectors of the one privilege level there is */
#define FRAME_USER_SS	0x10ul
#define FRAME_USER_RFLAGS	0x202ul		/* interrupts enabled, and the bit that is always 1 */

/* The application runs in the lower half: see layout.h. Either address tells, as a wild jump leaves the stack in its place. */
static inline bool frame_is_user(const struct frame *f)
{
	return !((f->rip & f->rsp) >> 63);
}

static inline vaddr_t frame_pc(const struct frame *f)
{
	return f->rip;
}

/* Frame pointer: start of the chain of frame records. */
static inline vaddr_t frame_fp(const struct frame *f)
{
	return f->rbp;
}

static inline vaddr_t frame_sp(const struct frame *f)
{
	return f->rsp;
}

/* System V AMD64 ABI A.2.1: arguments of a system call. */
static inline long frame_arg(const struct frame *f, unsigned i)
{
	switch (i) {
	case 0: return (long)f->rdi;
	case 1: return (long)f->rsi;
	case 2: return (long)f->rdx;
	case 3: return (long)f->r10;
	case 4: return (long)f->r8;
	default: return (long)f->r9;
	}
}

/* What the call, or an interrupted one, has left as its result. */
static inline long frame_result(const struct frame *f)
{
	return (long)f->rax;
}

static inline void frame_set_result(struct frame *f, long value)
{
	f->rax = (uint64_t)value;
}

/* A system call by exception: note its number (the upper half does not count, as on Linux; never negative), which its result will overwrite. */
static inline void frame_begin_syscall(struct frame *f)
{
	f->syscall_nr = (uint32_t)f->rax;
}

/* The registers as they were before the call, to make it again from within the kernel. */
static inline void frame_redo_syscall(struct frame *f)
{
	f->rax = (uint64_t)f->syscall_nr;
}

/* Back onto the instruction that made the system call (2 bytes: syscall): the program makes it again. */
static inline void frame_rewind_syscall(struct frame *f)
{
	f->rax = (uint64_t)f->syscall_nr;
	f->rip -= 2;
}

static inline void frame_set_sp(struct frame *f, vaddr_t sp)
{
	f->rsp = sp;
}

/* Where the function returns to, as far as a register tells: none does. */
static inline vaddr_t frame_lr(const struct frame *f)
{
	(void)f;
	return 0;
}

/* What of the exception a signal frame shows: vector << 32 | error code, that of a page fault as if the application ran at CPL 3, so with bit 2 (U/S). */
static inline uint64_t frame_fault_code(const struct frame *f, bool is_memory)
{
	(void)is_memory;
	return f->vector << 32 | f->error | (f->vector == 14 ? 4 : 0);
}

static inline void frame_set_pc(struct frame *f, vaddr_t pc)
{
	f->rip = pc;
}
