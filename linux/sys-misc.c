// SPDX-License-Identifier: MIT
/* System calls about the system and the process at large: uname, sysinfo, limits, usage, prctl, random numbers. */
#include <arch/abi.h>

#include <version.h>

#include "fs/cred.h"
#include "fs/sysctl.h"
#include "libc/random.h"
#include "libc/string.h"
#include "linux/capability.h"
#include "linux/memory-limits.h"
#include "linux/signal.h"
#include "linux/sys-util.h"
#include "linux/system.h"
#include "mmu/aspace.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "sched/cpu.h"
#include "sched/gather.h"

/* ---- names ------------------------------------------------------------------------------------------------------------------ */

struct utsname_abi {
	char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};

static struct mutex names_lock;
static struct {
	char text[65];			/* [names_lock] */
	struct pseudo_event changed;	/* for who polls /proc/sys/kernel/hostname */
} names[] = {
	[SYSTEM_HOSTNAME] = { "samara", { .waiters = WAITQ_INIT(names[SYSTEM_HOSTNAME].changed.waiters) } },
	[SYSTEM_DOMAINNAME] = { "(none)", { .waiters = WAITQ_INIT(names[SYSTEM_DOMAINNAME].changed.waiters) } },
};

void system_set_name(enum system_name which, const char *name)
{
	mutex_lock(&names_lock);
	strlcpy(names[which].text, name, sizeof(names[which].text));
	mutex_unlock(&names_lock);
	pseudo_event_raise(&names[which].changed);
}

void system_get_name(enum system_name which, char *buf, size_t size)
{
	mutex_lock(&names_lock);
	strlcpy(buf, names[which].text, size);
	mutex_unlock(&names_lock);
}

static void get_name(const struct sysctl *s, char *buf, size_t size)
{
	system_get_name((enum system_name)s->min, buf, size);
}

static int set_name(const struct sysctl *s, const char *value)
{
	system_set_name((enum system_name)s->min, value);
	return 0;
}

#define NAME_ROW(name_, which) \
	{ .name = name_, .mode = 0644, .type = SYSCTL_TYPE_STRING, .nr = 65, .min = which, .get_text = get_name, .set_text = set_name, .event = &names[which].changed }
static const struct sysctl name_rows[] = {
	NAME_ROW("hostname", SYSTEM_HOSTNAME),
	NAME_ROW("domainname", SYSTEM_DOMAINNAME),
};
SYSCTL_TABLE(names, "kernel", name_rows);

/* Programs compare the release with the Linux whose interface they need: we name the one that we follow. */
long sys_uname(long ptr)
{
	struct utsname_abi u = { 0 };

	strlcpy(u.sysname, "Linux", sizeof(u.sysname));
	strlcpy(u.release, SYSTEM_RELEASE, sizeof(u.release));
	strlcpy(u.version, SYSTEM_VERSION, sizeof(u.version));
	strlcpy(u.machine, ABI_MACHINE, sizeof(u.machine));
	mutex_lock(&names_lock);
	strlcpy(u.nodename, names[SYSTEM_HOSTNAME].text, sizeof(u.nodename));
	strlcpy(u.domainname, names[SYSTEM_DOMAINNAME].text, sizeof(u.domainname));
	mutex_unlock(&names_lock);
	return copy_to_user((void *)ptr, &u, sizeof(u));
}

static long change_name(enum system_name which, long ptr, long len)
{
	char text[65] = { 0 };

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > 64)
		return -EINVAL;
	if (copy_from_user(text, (const void *)ptr, (size_t)len))
		return -EFAULT;
	system_set_name(which, text);
	return 0;
}

long sys_sethostname(long ptr, long len)
{
	return change_name(SYSTEM_HOSTNAME, ptr, len);
}

long sys_setdomainname(long ptr, long len)
{
	return change_name(SYSTEM_DOMAINNAME, ptr, len);
}

struct sysinfo_abi {
	int64_t uptime;
	uint64_t loads[3];
	uint64_t totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad;
	uint64_t totalhigh, freehigh;
	uint32_t mem_unit;
};
_Static_assert(sizeof(struct sysinfo_abi) == 112, "struct sysinfo");

long sys_sysinfo(long ptr)
{
	struct sysinfo_abi s = { .uptime = (int64_t)(clock_monotonic() / NSEC_PER_SEC), .procs = (uint16_t)process_current()->nr_threads,
				 .mem_unit = 1 };
	struct page_stats m;

	gather_memory();
	page_stats(&m);
	s.totalram = m.total_bytes;
	s.freeram = m.free_bytes;
	return copy_to_user((void *)ptr, &s, sizeof(s));
}

/* ---- limits and usage ----------------------------------------------------------------------------------------------------------- */

static long set_limit(struct process *p, unsigned which, const struct rlimit_k *l)
{
	struct rlimit_k *old = &p->rlimits[which];

	if (l->cur > l->max)
		return -EINVAL;
	if (l->max > old->max && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (which == RLIMIT_NOFILE && l->max > atomic_load(&system_nr_open, RELAXED))
		return -EPERM;
	*old = *l;
	if (which == RLIMIT_STACK)
		aspace_set_stack_limit(p->aspace, l->cur);
	if (which == RLIMIT_AS || which == RLIMIT_DATA || which == RLIMIT_MEMLOCK)
		memory_set_limits(p);
	return 0;
}

long sys_prlimit64(long pid, long which, long new_ptr, long old_ptr)
{
	struct process *p = process_current();
	struct rlimit_k l, old;
	long r = 0;

	if ((unsigned)which >= NR_RLIMITS)
		return -EINVAL;
	if (pid && pid != p->pid)
		return -ESRCH;
	if (new_ptr && copy_from_user(&l, (const void *)new_ptr, sizeof(l)))
		return -EFAULT;
	mutex_lock(&p->lock);
	old = p->rlimits[(unsigned)which];
	if (new_ptr)
		r = set_limit(p, (unsigned)which, &l);
	mutex_unlock(&p->lock);
	if (!r && old_ptr && copy_to_user((void *)old_ptr, &old, sizeof(old)))
		r = -EFAULT;
	return r;
}

long sys_getrlimit(long which, long ptr)
{
	return ptr ? sys_prlimit64(0, which, 0, ptr) : -EFAULT;
}

long sys_setrlimit(long which, long ptr)
{
	return ptr ? sys_prlimit64(0, which, ptr, 0) : -EFAULT;
}

struct rusage_abi {
	int64_t utime_sec, utime_usec, stime_sec, stime_usec;
	int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv, nsignals, nvcsw, nivcsw;
};

#define RUSAGE_SELF	0
#define RUSAGE_CHILDREN	(-1)
#define RUSAGE_THREAD	1

static bool add_switches(struct task *t, void *arg)
{
	struct rusage_abi *u = arg;
	struct thread_times times;

	thread_times(t->thread, &times);
	u->nvcsw += (int64_t)times.nr_voluntary;
	u->nivcsw += (int64_t)times.nr_involuntary;
	return true;
}

long sys_getrusage(long who, long ptr)
{
	struct process *p = process_current();
	struct rusage_abi u = { 0 };
	nsec_t user = 0, system = 0;
	struct thread_times times;
	struct aspace_stats s;

	if ((int)who != RUSAGE_SELF && (int)who != RUSAGE_CHILDREN && (int)who != RUSAGE_THREAD)
		return -EINVAL;
	if ((int)who == RUSAGE_THREAD) {
		thread_times(thread_current(), &times);
		user = times.user_ns;
		system = times.system_ns;
		add_switches(task_current(), &u);
	} else if ((int)who == RUSAGE_SELF) {
		process_times(p, &user, &system);
		process_for_each_task(p, add_switches, &u);
	}
	if ((int)who != RUSAGE_CHILDREN) {
		aspace_stats(p->aspace, &s);
		u.maxrss = (int64_t)(s.resident_bytes / 1024);
		u.minflt = (int64_t)(s.nr_faults - s.nr_major_faults);
		u.majflt = (int64_t)s.nr_major_faults;
	}
	u.utime_sec = (int64_t)(user / NSEC_PER_SEC);
	u.utime_usec = (int64_t)(user % NSEC_PER_SEC / NSEC_PER_USEC);
	u.stime_sec = (int64_t)(system / NSEC_PER_SEC);
	u.stime_usec = (int64_t)(system % NSEC_PER_SEC / NSEC_PER_USEC);
	return copy_to_user((void *)ptr, &u, sizeof(u));
}

#define PERSONALITY_QUERY	0xffffffffl

long sys_personality(long persona)
{
	struct task *t = task_current();
	long old = (long)t->personality;

	if ((persona & PERSONALITY_QUERY) != PERSONALITY_QUERY)
		t->personality = (uint64_t)(uint32_t)persona;
	return old;
}

/* ---- random numbers ------------------------------------------------------------------------------------------------------------------ */

#define GRND_MASK	7l
#define GRND_RANDOM	2l
#define GRND_INSECURE	4l

long sys_getrandom(long buf, long len, long flags)
{
	size_t left = MIN((size_t)len, RW_MAX), done = 0;
	uint8_t chunk[256];

	if (flags & ~GRND_MASK || (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	while (left) {
		size_t n = MIN(left, sizeof(chunk));

		random_bytes(chunk, n);
		if (copy_to_user((uint8_t *)buf + done, chunk, n))
			return done ? (long)done : -EFAULT;
		done += n;
		left -= n;
	}
	return (long)done;
}

/* ---- the machine ------------------------------------------------------------------------------------------------------------------------ */

#define REBOOT_MAGIC1	0xfee1deadl
#define REBOOT_RESTART	0x01234567u
#define REBOOT_HALT	0xcdef0123u
#define REBOOT_OFF	0x4321fedcu
#define REBOOT_CAD_ON	0x89abcdefu
#define REBOOT_CAD_OFF	0u

/* Whatever kind of end is asked for, the machine is this program's: it leaves with status 0. */
long sys_reboot(long magic1, long magic2, long cmd, long arg)
{
	(void)magic2, (void)arg;
	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if ((magic1 & 0xffffffffl) != REBOOT_MAGIC1)
		return -EINVAL;
	switch ((uint32_t)cmd) {
	case REBOOT_RESTART:
	case REBOOT_HALT:
	case REBOOT_OFF:
		return sys_exit_group(0);
	case REBOOT_CAD_ON:
	case REBOOT_CAD_OFF:
		return 0;
	default:
		return -EINVAL;
	}
}

/* The kernel keeps no log of its own: an empty one. */
long sys_syslog(long type, long buf, long len)
{
	(void)buf, (void)len;
	return type < 0 || type > 10 ? -EINVAL : 0;
}
