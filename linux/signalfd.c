/* SPDX-License-Identifier: MIT
 *
 * signalfd(2): a descriptor that reads pending signals. Each read takes signals of the reading thread and of its process.
 */
#include "fs/file.h"
#include "fs/vfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/process.h"
#include "linux/signal-priv.h"
#include "linux/sys-util.h"
#include "linux/syscalls.h"
#include "mmu/heap.h"
#include "sched/waitq.h"

#define SFD_CLOEXEC	O_CLOEXEC
#define SFD_NONBLOCK	O_NONBLOCK

/* What a read gives for each signal: 128 bytes. */
struct signalfd_info {
	uint32_t signo;
	int32_t err, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trapno;
	int32_t status, intval;
	uint64_t ptr, utime, stime, addr;
	uint16_t addr_lsb, pad2;
	int32_t syscall;
	uint64_t call_addr;
	uint32_t arch;
	uint8_t pad[28];
};
_Static_assert(sizeof(struct signalfd_info) == 128, "signalfd(2)");

struct signalfd {
	sigmask_t mask;		/* [a] */
};

static struct signalfd_info convert(const struct siginfo *in)
{
	struct signalfd_info out = { .signo = (uint32_t)in->signo, .err = in->err, .code = in->code };

	switch (in->code) {
	case SI_USER:
	case SI_TKILL:
		out.pid = (uint32_t)in->kill.pid;
		out.uid = in->kill.uid;
		break;
	case SI_TIMER:
		out.tid = (uint32_t)in->timer.timer_id;
		out.overrun = (uint32_t)in->timer.overrun;
		out.ptr = in->timer.value;
		out.intval = (int32_t)in->timer.value;
		break;
	case SI_KERNEL:
		break;
	default:
		if (in->code < 0) {
			out.pid = (uint32_t)in->kill.pid;
			out.uid = in->kill.uid;
			out.ptr = in->kill.value;
			out.intval = (int32_t)in->kill.value;
		} else {
			out.addr = in->fault.addr;
		}
		break;
	}
	return out;
}

static int take(const struct signalfd *s, struct siginfo *info)
{
	struct task *t = task_current();
	int sig;

	mutex_lock(&t->process->signal_lock);
	sig = signal_take_locked(t, atomic_load(&s->mask, RELAXED), info);
	mutex_unlock(&t->process->signal_lock);
	return sig;
}

static ssize_t signalfd_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct signalfd *s = f->private;
	struct signalfd_info out;
	struct siginfo info;
	ssize_t done = 0, n;
	int sig, r;

	(void)pos;
	if (u->left < sizeof(out))
		return -EINVAL;
	sig = take(s, &info);
	if (!sig) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		r = waitq_wait_until(&process_current()->signal_waitq, "signalfd", 0, (sig = take(s, &info)) != 0, NSEC_NEVER,
				     WAIT_INTERRUPTIBLE);
		if (r)
			return r;
	}
	while (sig) {
		out = convert(&info);
		n = uio_copy_to(u, &out, sizeof(out));
		if (n != sizeof(out))
			return done ? done : -EFAULT;
		done += n;
		sig = u->left >= sizeof(out) ? take(s, &info) : 0;
	}
	return done;
}

static uint32_t signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *s = f->private;
	struct process *p = process_first();
	struct task *t = thread_current()->task;
	sigmask_t pending;

	poll_add(pt, &p->signal_waitq);
	pending = READ_ONCE(p->pending.set) | (t ? READ_ONCE(t->pending.set) : 0);
	return pending & atomic_load(&s->mask, RELAXED) ? FILE_POLLIN | FILE_POLLRDNORM : 0;
}

static size_t signalfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct signalfd *s = f->private;

	return (size_t)snprintf(buf, size, "sigmask:\t%016lx\n", (unsigned long)s->mask);
}

static void signalfd_release(struct file *f)
{
	kfree(f->private);
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read, .poll = signalfd_poll, .fdinfo = signalfd_fdinfo, .release = signalfd_release,
};

static long create(sigmask_t mask, unsigned flags)
{
	struct signalfd *s = KNEW(struct signalfd);
	struct file *f;
	int fd;

	if (!s)
		return -ENOMEM;
	s->mask = mask;
	f = file_alloc(&signalfd_ops, O_RDWR | (flags & SFD_NONBLOCK), s);
	if (!f) {
		kfree(s);
		return -ENOMEM;
	}
	f->kind = "signalfd";
	fd = fd_install(process_current()->files, f, 0, flags & SFD_CLOEXEC, fd_limit());
	if (fd < 0)
		file_put(f);
	return fd;
}

long sys_signalfd4(long fd, long mask, long size, long flags)
{
	struct file *f;
	sigmask_t set;

	if (size != sizeof(sigmask_t) || (flags & ~(long)(SFD_CLOEXEC | SFD_NONBLOCK)))
		return -EINVAL;
	if (user_load64((const uint64_t *)mask, &set))
		return -EFAULT;
	set &= ~SIGMASK_KERNEL_ONLY;
	if ((int)fd == -1)
		return create(set, (unsigned)flags);
	f = fd_file(fd);
	if (!f)
		return -EBADF;
	if (f->ops != &signalfd_ops) {
		file_put(f);
		return -EINVAL;
	}
	atomic_store(&((struct signalfd *)f->private)->mask, set, RELAXED);
	waitq_wake_all(&process_current()->signal_waitq, 0);
	file_put(f);
	return fd;
}
