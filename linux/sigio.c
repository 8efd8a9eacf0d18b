// SPDX-License-Identifier: MIT
/*
 * SIGIO and SIGURG: fcntl(2), "Managing signals".
 *
 * fs/async.h says when; here is who gets what. With F_SETSIG the signal carries what happened (si_code, si_band, si_fd); a real-time signal that the queue has no room for
 * becomes a plain SIGIO.
 */
#include "linux/sigio.h"

#include "fs/async.h"
#include "fs/file.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/process.h"
#include "linux/signal.h"
#include "linux/sys-util.h"
#include "linux/task.h"
#include "mmu/user.h"
#include "net/socket.h"
#include "sched/init.h"

enum { F_SETOWN = 8, F_GETOWN, F_SETSIG, F_GETSIG, F_SETOWN_EX = 15, F_GETOWN_EX };

#define FIOASYNC	0x5452u
#define FIOSETOWN	0x8901u
#define SIOCSPGRP	0x8902u
#define FIOGETOWN	0x8903u
#define SIOCGPGRP	0x8904u

#define SI_SIGIO	(-5)
#define FILE_POLLMSG	0x400u

struct owner_abi {
	int32_t type, pid;
};

/* ---- sending ------------------------------------------------------------------------------------------------------------- */

/* 0, -EAGAIN (no room), -ESRCH. */
static int send_to(const struct file_owner *o, int sig, const struct siginfo *info)
{
	struct process *p = process_first();
	struct task *t;
	int r;

	if (!p)
		return -ESRCH;
	if (o->type == FILE_OWNER_TID) {
		t = task_find(o->pid);
		if (!t)
			return -ESRCH;
		r = signal_send_task(t, sig, info);
		task_put(t);
		return r;
	}
	return o->pid == (o->type == FILE_OWNER_PGRP ? READ_ONCE(p->pgid) : p->pid) ? signal_send_process(p, sig, info) : -ESRCH;
}

/* These have codes of their own, which the numbers of SIGIO's would be taken for. */
static bool has_own_codes(int sig)
{
	return sig == SIGILL || sig == SIGFPE || sig == SIGSEGV || sig == SIGBUS || sig == SIGTRAP || sig == SIGCHLD || sig == SIGSYS;
}

static void send_signal(const struct file_owner *o, int fd, enum file_band band)
{
	static const uint32_t events[] = {
		[BAND_IN] = FILE_POLLIN | FILE_POLLRDNORM, [BAND_OUT] = FILE_POLLOUT | FILE_POLLWRNORM | FILE_POLLWRBAND,
		[BAND_MSG] = FILE_POLLIN | FILE_POLLRDNORM | FILE_POLLMSG, [BAND_ERR] = FILE_POLLERR, [BAND_PRI] = FILE_POLLPRI | FILE_POLLRDBAND,
		[BAND_HUP] = FILE_POLLHUP | FILE_POLLERR,
	};
	struct siginfo info = { 0 };

	if (band == BAND_URG) {
		(void)send_to(o, SIGURG, NULL);
		if (fd < 0 || !o->sig)
			return;
		band = BAND_PRI;
	}
	if (o->sig) {
		info.signo = o->sig;
		info.code = has_own_codes(o->sig) ? SI_SIGIO : (int)band;
		info.poll.band = events[band];
		info.poll.fd = fd;
		if (send_to(o, o->sig, &info) != -EAGAIN)
			return;
	}
	(void)send_to(o, SIGIO, NULL);
}

static void sigio_init(void)
{
	file_async_signal = send_signal;
}
INIT_HOOK(INIT_LATE, sigio_init);

/* ---- the owner ----------------------------------------------------------------------------------------------------------- */

static bool exists(int pid)
{
	return process_pid_exists(pid) || pid == READ_ONCE(process_current()->pgid);
}

/* A number below 0 is that of a process group. */
static int set_owner(struct file *f, int who)
{
	struct file_owner o = { .type = FILE_OWNER_PID, .pid = who };

	if (who < 0) {
		if (who == INT32_MIN)
			return -EINVAL;
		o = (struct file_owner){ .type = FILE_OWNER_PGRP, .pid = -who };
	}
	return o.pid && !exists(o.pid) ? -ESRCH : file_set_owner(f, &o, -1);
}

/* Is the owner there, as what it was named? */
static bool is_there(const struct file_owner *o)
{
	struct process *p = process_current();

	return o->type == FILE_OWNER_TID ? process_pid_exists(o->pid) : o->pid == (o->type == FILE_OWNER_PGRP ? READ_ONCE(p->pgid) : p->pid);
}

static int get_owner(struct file *f)
{
	struct file_owner o;

	file_get_owner(f, &o);
	if (!o.pid || !is_there(&o))
		return 0;
	return o.type == FILE_OWNER_PGRP ? -o.pid : o.pid;
}

static long set_owner_ex(struct file *f, long arg)
{
	struct owner_abi abi;
	struct file_owner o;

	if (copy_from_user(&abi, (const void __user *)arg, sizeof(abi)))
		return -EFAULT;
	if (abi.type < FILE_OWNER_TID || abi.type > FILE_OWNER_PGRP)
		return -EINVAL;
	o = (struct file_owner){ .type = abi.type, .pid = abi.pid };
	return o.pid && !exists(o.pid) ? -ESRCH : file_set_owner(f, &o, -1);
}

static long get_owner_ex(struct file *f, long arg)
{
	struct file_owner o;
	struct owner_abi abi;

	file_get_owner(f, &o);
	abi = (struct owner_abi){ o.type, o.pid && is_there(&o) ? o.pid : 0 };
	return copy_to_user((void __user *)arg, &abi, sizeof(abi));
}

long sigio_fcntl(struct file *f, int cmd, long arg)
{
	struct file_owner o;

	switch (cmd) {
	case F_SETOWN:
		return set_owner(f, (int)arg);
	case F_GETOWN:
		return get_owner(f);
	case F_SETSIG:
		return (unsigned long)arg > NR_SIGNALS ? -EINVAL : file_set_owner(f, NULL, (int)arg);
	case F_GETSIG:
		file_get_owner(f, &o);
		return o.sig;
	case F_SETOWN_EX:
		return set_owner_ex(f, arg);
	default:
		return get_owner_ex(f, arg);
	}
}

/* ---- O_ASYNC ------------------------------------------------------------------------------------------------------------- */

int sigio_set(struct file *f, int fd, bool is_on)
{
	struct file_owner o;

	if (!(atomic_load(&f->flags, RELAXED) & O_ASYNC) == !is_on)
		return 0;
	/* A terminal that nobody owns becomes its foreground group's. */
	if (is_on && f->kind && !strcmp(f->kind, "tty")) {
		file_get_owner(f, &o);
		o = (struct file_owner){ .type = FILE_OWNER_PGRP, .pid = o.pid ? 0 : READ_ONCE(process_current()->pgid) };
		if (o.pid && file_set_owner(f, &o, -1))
			return -ENOMEM;
	}
	return file_set_async(f, fd, is_on);
}

long sigio_ioctl(struct file *f, int fd, unsigned cmd, long arg)
{
	uint32_t value;

	switch (cmd) {
	case FIOASYNC:
		if (user_load32((const uint32_t __user *)arg, &value))
			return -EFAULT;
		if (!f->ops->async && !(atomic_load(&f->flags, RELAXED) & O_ASYNC) == !!value)
			return -ENOTTY;
		return sigio_set(f, fd, value);
	case FIOSETOWN:
	case SIOCSPGRP:
		if (!file_socket(f))
			return -ENOTTY;
		return user_load32((const uint32_t __user *)arg, &value) ? -EFAULT : set_owner(f, (int)value);
	case FIOGETOWN:
	case SIOCGPGRP:
		return file_socket(f) ? user_store32((uint32_t __user *)arg, (uint32_t)get_owner(f)) : -ENOTTY;
	}
	return -ENOTTY;
}
