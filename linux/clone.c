/* SPDX-License-Identifier: MIT
 *
 * clone(2), clone3(2): new threads. New processes (fork, vfork) come later: -ENOSYS, said once on the console.
 *
 * The child starts with a copy of its parent's registers, but for the result (0), the stack pointer and the thread pointer.
 */
#include <arch/thread.h>

#include "fs/cred.h"
#include "fs/fdtable.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/process.h"
#include "linux/syscalls.h"
#include "linux/veneer.h"
#include "mmu/page.h"
#include "mmu/user.h"

#define CSIGNAL			0x000000fful
#define CLONE_VM		0x00000100ul
#define CLONE_FS		0x00000200ul
#define CLONE_FILES		0x00000400ul
#define CLONE_SIGHAND		0x00000800ul
#define CLONE_PIDFD		0x00001000ul
#define CLONE_PTRACE		0x00002000ul
#define CLONE_VFORK		0x00004000ul
#define CLONE_THREAD		0x00010000ul
#define CLONE_NEWNS		0x00020000ul
#define CLONE_SYSVSEM		0x00040000ul
#define CLONE_SETTLS		0x00080000ul
#define CLONE_PARENT_SETTID	0x00100000ul
#define CLONE_CHILD_CLEARTID	0x00200000ul
#define CLONE_DETACHED		0x00400000ul
#define CLONE_CHILD_SETTID	0x01000000ul
#define CLONE_CLEAR_SIGHAND	0x100000000ul

#define CLONE_INTO_CGROUP	0x200000000ul
#define CLONE3_KNOWN		(0xffffff00ul | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP)

#define CLONE_NEW_NAMESPACES	0x7e020080ul
#define CLONE_THREAD_NEEDS	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

/* struct clone_args of clone3(2), first version and the later fields. */
struct clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};
#define CLONE_ARGS_SIZE_VER0	64

struct clone_request {
	uint64_t flags, tls;
	vaddr_t stack, parent_tid, child_tid;	/* stack: the child's stack pointer, 0: as the parent's */
};

static int check_flags(uint64_t flags)
{
	static uint32_t told;

	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_NEW_NAMESPACES) && (flags & CLONE_THREAD))
		return -EINVAL;
	if ((flags & CLONE_NEWNS) && (flags & CLONE_FS))
		return -EINVAL;
	if (!(flags & CLONE_THREAD)) {
		if (!atomic_exchange(&told, 1u, RELAXED))
			log_line("the program wants to start another process (fork): only threads are there yet, it gets ENOSYS");
		return -ENOSYS;
	}
	/* Threads with files or a working directory of their own are not there. */
	return (flags & CLONE_THREAD_NEEDS) == CLONE_THREAD_NEEDS && !(flags & CLONE_PIDFD) ? 0 : -EINVAL;
}

/*
 * Threads that have not run yet. Each is about to touch its stack, and a fault that finds no memory would end the program: there are no more of them than have room.
 */
#define FIRST_PAGES	2u	/* of a stack, with the table for it */
static uint32_t nr_unborn;	/* [a] */

static bool has_room_for_child(void)
{
	if (page_make_room(FIRST_PAGES * (atomic_fetch_add(&nr_unborn, 1u, RELAXED) + 1)))
		return true;
	(void)atomic_fetch_sub(&nr_unborn, 1u, RELAXED);
	return false;
}

/* First code of a new thread. */
static void enter_child(void *arg)
{
	struct task *t = arg;

	(void)atomic_fetch_sub(&nr_unborn, 1u, RELAXED);
	if (t->set_child_tid && user_store32((uint32_t *)t->set_child_tid, (uint32_t)t->tid))
		t->set_child_tid = 0;	/* a bad address is the program's own affair */
	arch_return_to_user(task_frame(t));
}

static void inherit(struct task *child, const struct task *parent, const struct clone_request *c)
{
	child->blocked = parent->blocked;
	child->personality = parent->personality;
	child->no_new_privs = parent->no_new_privs;
	child->io_priority = parent->io_priority;
	child->mempolicy = parent->mempolicy;
	child->mempolicy_nodes = parent->mempolicy_nodes;
	if (c->flags & CLONE_CHILD_SETTID)
		child->set_child_tid = c->child_tid;
	if (c->flags & CLONE_CHILD_CLEARTID)
		child->clear_child_tid = c->child_tid;
	arch_fpu_store(&child->thread->arch.fpu);
	child->thread->arch.tls = c->flags & CLONE_SETTLS ? c->tls : arch_tls_get();
}

/* RLIMIT_NPROC, which is of a user: all threads are taken to be the caller's. Root has no limit (setrlimit(2)). */
static bool has_too_many(struct process *p)
{
	return unlikely(cred_current()->uid) && READ_ONCE(p->nr_threads) >= p->rlimits[RLIMIT_NPROC].cur && !capable(CAP_SYS_RESOURCE) &&
	       !capable(CAP_SYS_ADMIN);
}

static long do_clone(struct frame *f, const struct clone_request *c)
{
	struct task *parent = task_current(), *child;
	struct frame *cf;
	int r = check_flags(c->flags), tid;

	if (r)
		return r;
	if ((c->flags & CLONE_SETTLS) && !arch_tls_is_valid(c->tls))
		return -EPERM;
	if (has_too_many(parent->process))
		return -EAGAIN;
	if (fd_can_borrow(parent->process->files))
		fdtable_share(parent->process->files);
	if (!has_room_for_child())
		return -EAGAIN;
	r = task_create(parent->process, NULL, NULL, &child);
	if (r) {
		(void)atomic_fetch_sub(&nr_unborn, 1u, RELAXED);
		return r == -ENOMEM ? -EAGAIN : r;	/* as fork(2) and pthread_create(3) expect it */
	}
	child->entry = enter_child;
	child->entry_arg = child;
	inherit(child, parent, c);
	cf = task_frame(child);
	*cf = *f;
	cf->syscall_nr = -1;
	frame_set_result(cf, 0);
	if (c->stack)
		frame_set_sp(cf, c->stack);
	tid = child->tid;
	if ((c->flags & CLONE_PARENT_SETTID) && user_store32((uint32_t *)c->parent_tid, (uint32_t)tid)) {
		task_abandon(child);
		r = -EFAULT;
	} else {
		r = task_start(child);
	}
	if (r)
		(void)atomic_fetch_sub(&nr_unborn, 1u, RELAXED);
	return r ? r : tid;
}

long sys_clone(struct frame *f)
{
	struct clone_request c = {
		.flags = (uint64_t)frame_arg(f, 0) & 0xffffffff, .stack = (vaddr_t)frame_arg(f, 1),
		.parent_tid = (vaddr_t)frame_arg(f, 2), .tls = (uint64_t)frame_arg(f, ARCH_CLONE_ARG_TLS),
		.child_tid = (vaddr_t)frame_arg(f, ARCH_CLONE_ARG_CHILD_TID),
	};

	c.flags &= ~(CSIGNAL | CLONE_DETACHED);
	return do_clone(f, &c);
}

long sys_fork(struct frame *f)
{
	return do_clone(f, &(struct clone_request){ 0 });
}

long sys_vfork(struct frame *f)
{
	return do_clone(f, &(struct clone_request){ .flags = CLONE_VFORK | CLONE_VM });
}

static int clone_args_from_user(vaddr_t from, uint64_t size, struct clone_args *a)
{
	uint8_t extra;

	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	memset(a, 0, sizeof(*a));
	if (copy_from_user(a, (const void *)from, MIN(size, sizeof(*a))))
		return -EFAULT;
	for (uint64_t i = sizeof(*a); i < size; i++) {		/* fields of a newer kernel must be 0 */
		if (copy_from_user(&extra, (const void *)(from + i), 1))
			return -EFAULT;
		if (extra)
			return -E2BIG;
	}
	return 0;
}

long sys_clone3(struct frame *f)
{
	struct clone_args a;
	struct clone_request c;
	int r = clone_args_from_user((vaddr_t)frame_arg(f, 0), (uint64_t)frame_arg(f, 1), &a);

	if (r)
		return r;
	if ((a.flags & (CSIGNAL | CLONE_DETACHED)) || a.exit_signal > CSIGNAL || a.set_tid_size || !a.stack != !a.stack_size)
		return -EINVAL;
	if (a.flags & ~CLONE3_KNOWN)
		return -EINVAL;
	if ((a.flags & CLONE_THREAD) && a.exit_signal)
		return -EINVAL;
	c = (struct clone_request){ .flags = a.flags & ~CLONE_CLEAR_SIGHAND, .tls = a.tls, .parent_tid = a.parent_tid,
				    .child_tid = a.child_tid, .stack = a.stack ? a.stack + a.stack_size : 0 };
	return do_clone(f, &c);
}
