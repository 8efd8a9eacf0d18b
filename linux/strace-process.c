// SPDX-License-Identifier: MIT
/*
 * Processes and threads: clone, futex, exec, prctl, limits, capabilities, the scheduler's sets.
 */
#include <arch/syscall.h>

#include "libc/errno.h"
#include "libc/string.h"
#include "linux/strace-priv.h"
#include "mmu/page.h"
#include "mmu/user.h"

/* ---- threads ---------------------------------------------------------------------------------------------------------------------- */

#define CLONE_PIDFD		0x1000ul
#define CLONE_SETTLS		0x80000ul
#define CLONE_PARENT_SETTID	0x100000ul
#define CLONE_CHILD_CLEARTID	0x200000ul
#define CLONE_CHILD_SETTID	0x1000000ul

static void put_clone_flags(struct strace_line *l, uint64_t flags, unsigned signo)
{
	if (flags || !signo)
		strace_put_flags(l, &strace_clone_names, flags);
	if (signo) {
		strace_put(l, flags ? "|" : "");
		strace_put_signal(l, signo);
	}
}

/* clone(2)'s registers are written with names, the stack first. */
static void put_clone(struct strace_line *l, unsigned i)
{
	(void)i;
	strace_put(l, "child_stack=");
	strace_put_address(l, (uint64_t)l->args[1]);
	strace_put(l, ", flags=");
	put_clone_flags(l, (uint64_t)l->args[0] & ~0xfful, (unsigned)l->args[0] & 0xff);
}
STRACE_IN(clone);

static void put_clone_more(struct strace_line *l, unsigned i)
{
	uint64_t flags = (uint64_t)l->args[0];
	const char *comma = "";
	int32_t tid;

	(void)i;
	if (flags & (CLONE_PARENT_SETTID | CLONE_PIDFD)) {
		strace_put(l, flags & CLONE_PARENT_SETTID ? "parent_tid=" : "pidfd=");
		if (strace_fetch_out(l, &tid, (uint64_t)l->args[2], sizeof(tid)))
			strace_put(l, "[%d]", tid);
		comma = ", ";
	}
	if (flags & CLONE_SETTLS) {
		strace_put(l, "%stls=%#lx", comma, (unsigned long)l->args[ARCH_CLONE_ARG_TLS]);
		comma = ", ";
	}
	if (flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) {
		strace_put(l, "%schild_tidptr=", comma);
		strace_put_address(l, (uint64_t)l->args[ARCH_CLONE_ARG_CHILD_TID]);
	}
}
STRACE_OUT(clone_more);

/* struct clone_args, clone(2). */
struct clone_arguments {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

static void put_named(struct strace_line *l, const char *name, uint64_t address)
{
	strace_put(l, ", %s=", name);
	strace_put_address(l, address);
}

static void put_clone3(struct strace_line *l, unsigned i)
{
	struct clone_arguments c;
	int32_t tid;

	if ((uint64_t)l->args[1] < sizeof(c)) {
		strace_put_address(l, (uint64_t)l->args[i]);
		return;
	}
	if (!strace_fetch(l, &c, (uint64_t)l->args[i], sizeof(c)))
		return;
	strace_put(l, "{flags=");
	strace_put_flags(l, &strace_clone_names, c.flags);
	if (c.flags & CLONE_PIDFD)
		put_named(l, "pidfd", c.pidfd);
	if (c.flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
		put_named(l, "child_tid", c.child_tid);
	if (c.flags & CLONE_PARENT_SETTID)
		put_named(l, "parent_tid", c.parent_tid);
	strace_put(l, ", exit_signal=");
	strace_put_signal(l, c.exit_signal);
	put_named(l, "stack", c.stack);
	strace_put(l, c.stack_size ? ", stack_size=%#lx" : ", stack_size=%lu", (unsigned long)c.stack_size);
	if (c.flags & CLONE_SETTLS)
		put_named(l, "tls", c.tls);
	strace_put(l, "}");
	if (!strace_has_failed(l) && (c.flags & CLONE_PARENT_SETTID) && !copy_from_user(&tid, (const void *)c.parent_tid, sizeof(tid)))
		strace_put(l, " => {parent_tid=[%d]}", tid);
}
STRACE_OUT(clone3);

static void put_robust_head(struct strace_line *l, const void *head)
{
	strace_put(l, "[");
	strace_put_address(l, *(const uint64_t *)head);
	strace_put(l, "]");
}
STRACE_OBJECT_OUT(robust_head_out, uint64_t, put_robust_head);

static void put_robust_len(struct strace_line *l, const void *len)
{
	strace_put(l, "[%lu]", (unsigned long)*(const uint64_t *)len);
}
STRACE_OBJECT_OUT(robust_len_out, uint64_t, put_robust_len);

/* ---- futex -------------------------------------------------------------------------------------------------------------------------- */

enum {
	WAIT, WAKE, FD, REQUEUE, CMP_REQUEUE, WAKE_OP, LOCK_PI, UNLOCK_PI, TRYLOCK_PI, WAIT_BITSET, WAKE_BITSET, WAIT_REQUEUE_PI, CMP_REQUEUE_PI, LOCK_PI2, NR_FUTEX_OPS,
};

static void put_futex_op(struct strace_line *l, unsigned i)
{
	static const char *const names[] = {
		"WAIT", "WAKE", "FD", "REQUEUE", "CMP_REQUEUE", "WAKE_OP", "LOCK_PI", "UNLOCK_PI", "TRYLOCK_PI", "WAIT_BITSET", "WAKE_BITSET", "WAIT_REQUEUE_PI",
		"CMP_REQUEUE_PI", "LOCK_PI2",
	};
	uint32_t op = (uint32_t)l->args[i], command = op & 127;

	if (command < ARRAY_SIZE(names))
		strace_put(l, "FUTEX_%s%s", names[command], op & 128 ? "_PRIVATE" : "");
	else
		strace_put(l, "%#x /* FUTEX_??? */", op & ~256u);
	if (op & 256)
		strace_put(l, "|FUTEX_CLOCK_REALTIME");
}
STRACE_IN(futex_op);

/* futex(2), FUTEX_WAKE_OP: op 4 bits, comparison 4, operand 12, value to compare with 12. */
static void put_wake_op(struct strace_line *l, uint32_t v)
{
	static const char *const ops[] = { "SET", "ADD", "OR", "ANDN", "XOR" }, *const comparisons[] = { "EQ", "NE", "LT", "LE", "GT", "GE" };
	unsigned op = v >> 28 & 7, comparison = v >> 24 & 15;

	if (v >> 28 & 8)
		strace_put(l, "FUTEX_OP_OPARG_SHIFT<<28|");
	if (op < ARRAY_SIZE(ops))
		strace_put(l, "FUTEX_OP_%s<<28", ops[op]);
	else
		strace_put(l, "%#x<<28 /* FUTEX_OP_??? */", op);
	strace_put(l, v >> 12 & 0xfff ? "|%#x<<12" : "|%u<<12", v >> 12 & 0xfff);
	if (comparison < ARRAY_SIZE(comparisons))
		strace_put(l, "|FUTEX_OP_CMP_%s<<24", comparisons[comparison]);
	else
		strace_put(l, "|%#x<<24 /* FUTEX_OP_CMP_??? */", comparison);
	strace_put(l, v & 0xfff ? "|%#x" : "|%u", v & 0xfff);
}

static void put_futex_timeout(struct strace_line *l, uint64_t at)
{
	int64_t t[2];

	if (strace_fetch(l, t, at, sizeof(t)))
		strace_put_timespec(l, t, "nsec");
}

static void put_bitset(struct strace_line *l, uint32_t bits)
{
	if (bits == UINT32_MAX)
		strace_put(l, "FUTEX_BITSET_MATCH_ANY");
	else
		strace_put(l, bits ? "%#x" : "%u", bits);
}

/* Arguments 2 to 5: val, timeout or val2, uaddr2, val3. Which there are depends on the operation. */
static void put_futex_arg(struct strace_line *l, unsigned i)
{
	static const uint8_t which[NR_FUTEX_OPS + 1] = {	/* bits: which arguments are shown */
		[WAIT] = 0xc, [WAKE] = 0x4, [FD] = 0x4, [REQUEUE] = 0x1c, [CMP_REQUEUE] = 0x3c, [WAKE_OP] = 0x3c, [LOCK_PI] = 0x8, [WAIT_BITSET] = 0x2c,
		[WAKE_BITSET] = 0x24, [WAIT_REQUEUE_PI] = 0x1c, [CMP_REQUEUE_PI] = 0x3c, [LOCK_PI2] = 0x8, [NR_FUTEX_OPS] = 0x3c,
	};
	unsigned op = MIN((unsigned)l->args[1] & 127, (unsigned)NR_FUTEX_OPS);
	uint64_t v = i == 2 || i == 5 ? (uint32_t)l->args[i] : (uint64_t)l->args[i];

	if (!(which[op] >> i & 1))
		return;
	if (op == NR_FUTEX_OPS && i >= 3)
		strace_put(l, v ? "%#lx" : i == 5 ? "%lu" : "NULL", (unsigned long)v);
	else if (i == 3 && (op == WAIT || op == LOCK_PI || op == WAIT_BITSET || op == WAIT_REQUEUE_PI || op == LOCK_PI2))
		put_futex_timeout(l, v);
	else if (i == 4)
		strace_put_address(l, v);
	else if (i == 5 && (op == WAIT_BITSET || op == WAKE_BITSET))
		put_bitset(l, (uint32_t)v);
	else if (i == 5 && op == WAKE_OP)
		put_wake_op(l, (uint32_t)v);
	else
		strace_put(l, "%u", (uint32_t)v);
}
STRACE_IN(futex_arg);

static void put_waiter(struct strace_line *l, const void *element)
{
	static const struct strace_name list[] = { { 2, "FUTEX_32" }, { 128, "FUTEX_PRIVATE_FLAG" }, { 0, NULL } };
	static const struct strace_names flags = { "FUTEX_???", list };
	const uint64_t *w = element;

	strace_put(l, w[0] ? "{val=%#lx, uaddr=" : "{val=%lu, uaddr=", (unsigned long)w[0]);
	strace_put_address(l, w[1]);
	strace_put(l, ", flags=");
	strace_put_flags(l, &flags, (uint32_t)w[2]);
	strace_put(l, "}");
}

static void put_futex_waitv(struct strace_line *l, unsigned i)
{
	strace_put_list(l, (uint64_t)l->args[i], (uint32_t)l->args[1], 24, put_waiter);
}
STRACE_IN(futex_waitv);

/* ---- programs ----------------------------------------------------------------------------------------------------------------------- */

static void put_strings(struct strace_line *l, unsigned i)
{
	uint64_t at = (uint64_t)l->args[i], string;

	for (unsigned nr = 0;; nr++) {
		if (!at || copy_from_user(&string, (const void *)(at + 8ul * nr), sizeof(string))) {
			if (!nr) {
				strace_put_address(l, at);
				return;
			}
			break;
		}
		if (!nr)
			strace_put(l, "[");
		if (!string)
			break;
		if (nr)
			strace_put(l, ", ");
		if (nr == STRACE_LIST_MAX) {
			strace_put(l, "...");
			break;
		}
		strace_put_string(l, string, STRACE_LIST_MAX);
	}
	strace_put(l, "]");
}
STRACE_IN(strings);

static void put_environment(struct strace_line *l, unsigned i)
{
	uint64_t at = (uint64_t)l->args[i], string = 1;
	unsigned nr = 0;

	strace_put_address(l, at);
	if (!at)
		return;
	while (nr < 100000 && !copy_from_user(&string, (const void *)(at + 8ul * nr), sizeof(string)) && string)
		nr++;
	if (nr || !string)
		strace_put(l, " /* %u var%s%s */", nr, nr == 1 ? "" : "s", string ? ", unterminated" : "");
}
STRACE_IN(environment);

/* There are no children: nothing is ever written. */
static void put_wait_status(struct strace_line *l, const void *status)
{
	strace_put(l, "[%#x]", *(const uint32_t *)status);
}
STRACE_OBJECT_OUT(wait_status_out, uint32_t, put_wait_status);

/* ---- limits and figures ---------------------------------------------------------------------------------------------------------------- */

static void put_limit(struct strace_line *l, uint64_t limit)
{
	if (limit == UINT64_MAX)
		strace_put(l, "RLIM64_INFINITY");
	else if (limit > 1024 && limit % 1024 == 0)
		strace_put(l, "%lu*1024", (unsigned long)limit / 1024);
	else
		strace_put(l, "%lu", (unsigned long)limit);
}

static void put_limits(struct strace_line *l, const void *limits)
{
	const uint64_t *limit = limits;

	strace_put(l, "{rlim_cur=");
	put_limit(l, limit[0]);
	strace_put(l, ", rlim_max=");
	put_limit(l, limit[1]);
	strace_put(l, "}");
}

STRACE_OBJECT_IN(rlimit_in, uint64_t[2], put_limits);
STRACE_OBJECT_OUT(rlimit_out, uint64_t[2], put_limits);

static void put_rusage(struct strace_line *l, const void *usage)
{
	const int64_t *t = usage;

	strace_put(l, "{ru_utime=");
	strace_put_timespec(l, t, "usec");
	strace_put(l, ", ru_stime=");
	strace_put_timespec(l, t + 2, "usec");
	strace_put(l, ", ...}");
}
STRACE_OBJECT_OUT(rusage_out, int64_t[4], put_rusage);

/* struct sysinfo, sysinfo(2). */
struct sysinfo_k {
	int64_t uptime;
	uint64_t loads[3], total, free, shared, buffer, total_swap, free_swap;
	uint16_t procs, pad[3];
	uint64_t total_high, free_high;
	uint32_t unit;
};

static void put_sysinfo_out(struct strace_line *l, unsigned i)
{
	struct sysinfo_k s;

	if (!strace_fetch_out(l, &s, (uint64_t)l->args[i], sizeof(s)))
		return;
	strace_put(l, "{uptime=%ld, loads=[%lu, %lu, %lu], totalram=%lu, freeram=%lu, ", (long)s.uptime, (unsigned long)s.loads[0], (unsigned long)s.loads[1],
		   (unsigned long)s.loads[2], (unsigned long)s.total, (unsigned long)s.free);
	strace_put(l, "sharedram=%lu, bufferram=%lu, totalswap=%lu, freeswap=%lu, ", (unsigned long)s.shared, (unsigned long)s.buffer, (unsigned long)s.total_swap,
		   (unsigned long)s.free_swap);
	strace_put(l, "procs=%u, totalhigh=%lu, freehigh=%lu, mem_unit=%u}", s.procs, (unsigned long)s.total_high, (unsigned long)s.free_high, s.unit);
}
STRACE_OUT(sysinfo_out);

static void put_uname_out(struct strace_line *l, unsigned i)
{
	char names[2][65];

	if (!strace_fetch_out(l, names, (uint64_t)l->args[i], sizeof(names)))
		return;
	strace_put(l, "{sysname=");
	strace_put_quoted(l, names[0], strnlen(names[0], 64));
	strace_put(l, ", nodename=");
	strace_put_quoted(l, names[1], strnlen(names[1], 64));
	strace_put(l, ", ...}");
}
STRACE_OUT(uname_out);

static void put_mincore_out(struct strace_line *l, unsigned i)
{
	uint64_t nr = ((uint64_t)l->args[1] + PAGE_SIZE - 1) / PAGE_SIZE;
	uint8_t vec[STRACE_LIST_MAX];
	size_t n = MIN(nr, (uint64_t)STRACE_LIST_MAX);

	if (!strace_fetch_out(l, vec, (uint64_t)l->args[i], n))
		return;
	for (size_t k = 0; k < n; k++)
		strace_put(l, "%s%u", k ? ", " : "[", vec[k] & 1);
	strace_put(l, n ? nr > n ? ", ...]" : "]" : "[]");
}
STRACE_OUT(mincore_out);

/* mremap's new address counts only where a flag says so. */
static void put_mremap_address(struct strace_line *l, unsigned i)
{
	if (l->args[3] & 6)
		strace_put_address(l, (uint64_t)l->args[i]);
}
STRACE_IN(mremap_address);

/* ---- capabilities ------------------------------------------------------------------------------------------------------------------------- */

static void put_cap_header(struct strace_line *l, unsigned i)
{
	static const struct strace_name list[] = {
		{ 0x19980330, "_LINUX_CAPABILITY_VERSION_1" }, { 0x20071026, "_LINUX_CAPABILITY_VERSION_2" }, { 0x20080522, "_LINUX_CAPABILITY_VERSION_3" }, { 0, NULL },
	};
	static const struct strace_names versions = { "_LINUX_CAPABILITY_VERSION_???", list };
	uint32_t head[2];

	if (!strace_fetch(l, head, (uint64_t)l->args[i], sizeof(head)))
		return;
	strace_put(l, "{version=");
	strace_put_choice(l, &versions, head[0]);
	strace_put(l, ", pid=%d}", (int)head[1]);
}
STRACE_IN(cap_header);

static void put_caps(struct strace_line *l, const char *name, uint64_t caps)
{
	const char *bar = "";

	strace_put(l, "%s=%s", name, caps ? "" : "0");
	for (unsigned i = 0; i < 64; i++) {
		const char *cap = strace_name_of(&strace_capabilities, i);

		if (!(caps >> i & 1) || !cap)
			continue;
		strace_put(l, "%s1<<%s", bar, cap);
		bar = "|";
		caps &= ~(1ul << i);
	}
	if (caps)
		strace_put(l, "%s%#lx", bar, (unsigned long)caps);
}

/* Two structs from version 2 on: low halves, high halves. */
static void put_cap_data(struct strace_line *l, uint64_t at)
{
	uint32_t head = 0, d[6] = { 0 };
	bool has_two = !copy_from_user(&head, (const void *)l->args[0], sizeof(head)) && head != 0x19980330;

	if (!strace_fetch(l, d, at, has_two ? 24 : 12))
		return;
	put_caps(l, "{effective", d[0] | (uint64_t)d[3] << 32);
	put_caps(l, ", permitted", d[1] | (uint64_t)d[4] << 32);
	put_caps(l, ", inheritable", d[2] | (uint64_t)d[5] << 32);
	strace_put(l, "}");
}

static void put_cap_data_in(struct strace_line *l, unsigned i)
{
	put_cap_data(l, (uint64_t)l->args[i]);
}
STRACE_IN(cap_data_in);

static void put_cap_data_out(struct strace_line *l, unsigned i)
{
	if (strace_has_failed(l))
		strace_put_address(l, (uint64_t)l->args[i]);
	else
		put_cap_data(l, (uint64_t)l->args[i]);
}
STRACE_OUT(cap_data_out);

/* ---- the scheduler ------------------------------------------------------------------------------------------------------------------------- */

static void put_cpus(struct strace_line *l, uint64_t at, uint64_t len)
{
	uint64_t set[16] = { 0 };
	uint64_t n = MIN(len, (uint64_t)sizeof(set));

	if (strace_fetch(l, set, at, n))
		strace_put_descriptors(l, set, (unsigned)n * 8);
}

static void put_cpu_set_in(struct strace_line *l, unsigned i)
{
	put_cpus(l, (uint64_t)l->args[i], (uint64_t)l->args[1]);
}
STRACE_IN(cpu_set_in);

static void put_cpu_set_out(struct strace_line *l, unsigned i)
{
	if (strace_has_failed(l))
		strace_put_address(l, (uint64_t)l->args[i]);
	else
		put_cpus(l, (uint64_t)l->args[i], (uint64_t)l->result);
}
STRACE_OUT(cpu_set_out);

/* ---- the kernel's log ------------------------------------------------------------------------------------------------------------------------ */

static void put_syslog_type(struct strace_line *l, unsigned i)
{
	static const char *const names[] = {
		"CLOSE", "OPEN", "READ", "READ_ALL", "READ_CLEAR", "CLEAR", "CONSOLE_OFF", "CONSOLE_ON", "CONSOLE_LEVEL", "SIZE_UNREAD", "SIZE_BUFFER",
	};
	uint32_t v = (uint32_t)l->args[i];

	strace_put(l, "%u /* SYSLOG_ACTION_%s */", v, v < ARRAY_SIZE(names) ? names[v] : "???");
}
STRACE_IN(syslog_type);

static void put_syslog_arg(struct strace_line *l, unsigned i)
{
	uint32_t type = (uint32_t)l->args[0];
	bool has_buffer = (type >= 2 && type <= 4) || type == 8 || type > 10;

	if (has_buffer && i == 1 && type <= 4 && !strace_has_failed(l))
		strace_put_bytes(l, (uint64_t)l->args[i], (uint64_t)l->result);
	else if (has_buffer && i == 1)
		strace_put_address(l, (uint64_t)l->args[i]);
	else if (has_buffer)
		strace_put(l, "%d", (int)l->args[i]);
}
STRACE_OUT(syslog_arg);
