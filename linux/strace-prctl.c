// SPDX-License-Identifier: MIT
/*
 * prctl(2): names of options, how many arguments each has and what they are.
 */
#include "linux/strace-priv.h"

enum {
	PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS = 7, PR_SET_KEEPCAPS, PR_SET_NAME = 15, PR_GET_NAME,
	PR_GET_SECCOMP = 21, PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_GET_TSC, PR_SET_TSC, PR_GET_SECUREBITS, PR_SET_SECUREBITS, PR_SET_TIMERSLACK,
	PR_GET_TIMERSLACK, PR_SET_CHILD_SUBREAPER = 36, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_SET_THP_DISABLE = 41,
	PR_GET_THP_DISABLE, PR_CAP_AMBIENT = 47, PR_SET_VMA = 0x53564d41,
};

static const struct strace_name list[] = {
	{ 1, "PR_SET_PDEATHSIG" }, { 2, "PR_GET_PDEATHSIG" }, { 3, "PR_GET_DUMPABLE" }, { 4, "PR_SET_DUMPABLE" }, { 5, "PR_GET_UNALIGN" }, { 6, "PR_SET_UNALIGN" },
	{ 7, "PR_GET_KEEPCAPS" }, { 8, "PR_SET_KEEPCAPS" }, { 9, "PR_GET_FPEMU" }, { 10, "PR_SET_FPEMU" }, { 11, "PR_GET_FPEXC" }, { 12, "PR_SET_FPEXC" },
	{ 13, "PR_GET_TIMING" }, { 14, "PR_SET_TIMING" }, { 15, "PR_SET_NAME" }, { 16, "PR_GET_NAME" }, { 19, "PR_GET_ENDIAN" }, { 20, "PR_SET_ENDIAN" },
	{ 21, "PR_GET_SECCOMP" }, { 22, "PR_SET_SECCOMP" }, { 23, "PR_CAPBSET_READ" }, { 24, "PR_CAPBSET_DROP" }, { 25, "PR_GET_TSC" }, { 26, "PR_SET_TSC" },
	{ 27, "PR_GET_SECUREBITS" }, { 28, "PR_SET_SECUREBITS" }, { 29, "PR_SET_TIMERSLACK" }, { 30, "PR_GET_TIMERSLACK" }, { 31, "PR_TASK_PERF_EVENTS_DISABLE" },
	{ 32, "PR_TASK_PERF_EVENTS_ENABLE" }, { 33, "PR_MCE_KILL" }, { 34, "PR_MCE_KILL_GET" }, { 35, "PR_SET_MM" }, { 36, "PR_SET_CHILD_SUBREAPER" },
	{ 37, "PR_GET_CHILD_SUBREAPER" }, { 38, "PR_SET_NO_NEW_PRIVS" }, { 39, "PR_GET_NO_NEW_PRIVS" }, { 40, "PR_GET_TID_ADDRESS" }, { 41, "PR_SET_THP_DISABLE" },
	{ 42, "PR_GET_THP_DISABLE" }, { 45, "PR_SET_FP_MODE" }, { 46, "PR_GET_FP_MODE" }, { 47, "PR_CAP_AMBIENT" }, { 50, "PR_SVE_SET_VL" }, { 51, "PR_SVE_GET_VL" },
	{ 52, "PR_GET_SPECULATION_CTRL" }, { 53, "PR_SET_SPECULATION_CTRL" }, { 54, "PR_PAC_RESET_KEYS" }, { 55, "PR_SET_TAGGED_ADDR_CTRL" },
	{ 56, "PR_GET_TAGGED_ADDR_CTRL" }, { 57, "PR_SET_IO_FLUSHER" }, { 58, "PR_GET_IO_FLUSHER" }, { 59, "PR_SET_SYSCALL_USER_DISPATCH" },
	{ 60, "PR_PAC_SET_ENABLED_KEYS" }, { 61, "PR_PAC_GET_ENABLED_KEYS" }, { 62, "PR_SCHED_CORE" }, { PR_SET_VMA, "PR_SET_VMA" }, { 0, NULL },
};
static const struct strace_names options = { "PR_???", list };
STRACE_CHOICE(prctl_option, &options);

static const struct strace_name dump_list[] = { { 0, "SUID_DUMP_DISABLE" }, { 1, "SUID_DUMP_USER" }, { 2, "SUID_DUMP_ROOT" }, { 0, NULL } };
static const struct strace_names dumpables = { "SUID_DUMP_???", dump_list };

/* Those whose arguments are plain numbers: how many there are. */
static unsigned nr_numbers(unsigned option)
{
	switch (option) {
	case PR_GET_DUMPABLE: case PR_GET_KEEPCAPS: case PR_GET_SECCOMP: case PR_GET_TIMERSLACK: case PR_GET_SECUREBITS: case 31: case 32:
		return 0;
	case PR_SET_KEEPCAPS: case PR_SET_TIMERSLACK: case PR_SET_CHILD_SUBREAPER:
		return 1;
	case PR_SET_NO_NEW_PRIVS: case PR_GET_NO_NEW_PRIVS: case PR_SET_THP_DISABLE: case PR_GET_THP_DISABLE:
		return 4;
	default:
		return 5;
	}
}

static void put_ambient(struct strace_line *l, unsigned i)
{
	static const struct strace_name ambient_list[] = {
		{ 1, "PR_CAP_AMBIENT_IS_SET" }, { 2, "PR_CAP_AMBIENT_RAISE" }, { 3, "PR_CAP_AMBIENT_LOWER" }, { 4, "PR_CAP_AMBIENT_CLEAR_ALL" }, { 0, NULL },
	};
	static const struct strace_names ambients = { "PR_CAP_AMBIENT_???", ambient_list };

	if (i == 1)
		strace_put_choice(l, &ambients, (uint64_t)l->args[i]);
	else if (i == 2 && l->args[1] != 4)
		strace_put_choice(l, &strace_capabilities, (uint64_t)l->args[i]);
	else
		strace_put(l, l->args[i] ? "%#lx" : "%lu", (unsigned long)l->args[i]);
}

static void put_vma(struct strace_line *l, unsigned i)
{
	if (i == 1)
		strace_put(l, l->args[1] ? "%#lx /* PR_SET_VMA_??? */" : "PR_SET_VMA_ANON_NAME", (unsigned long)l->args[1]);
	else if (i == 2)
		strace_put(l, "%#lx", (unsigned long)l->args[i]);
	else if (i == 3)
		strace_put(l, "%lu", (unsigned long)l->args[i]);
	else
		strace_put_string(l, (uint64_t)l->args[i], STRACE_LIST_MAX);
}

/* Written after the call: inputs have not changed. */
static void put_prctl_arg(struct strace_line *l, unsigned i)
{
	unsigned option = (unsigned)l->args[0];
	uint64_t v = (uint64_t)l->args[i];
	uint32_t number;

	switch (option) {
	case PR_SET_NAME: case PR_GET_NAME:
		if (i > 1)
			break;
		if (option == PR_GET_NAME && strace_has_failed(l))
			strace_put_address(l, v);
		else
			strace_put_string(l, v, 15);
		break;
	case PR_SET_PDEATHSIG:
		if (i == 1)
			strace_put_signal(l, v);
		break;
	case PR_GET_PDEATHSIG:
		if (i == 1 && strace_fetch_out(l, &number, v, sizeof(number))) {
			strace_put(l, "[");
			strace_put_signal(l, number);
			strace_put(l, "]");
		}
		break;
	case PR_SET_DUMPABLE:
		if (i == 1)
			strace_put_choice(l, &dumpables, v);
		break;
	case PR_CAPBSET_READ: case PR_CAPBSET_DROP:
		if (i == 1)
			strace_put_choice(l, &strace_capabilities, v);
		break;
	case PR_GET_CHILD_SUBREAPER:
		if (i == 1 && strace_fetch_out(l, &number, v, sizeof(number)))
			strace_put(l, "[%u]", number);
		break;
	case PR_CAP_AMBIENT:
		put_ambient(l, i);
		break;
	case PR_SET_VMA:
		put_vma(l, i);
		break;
	default:
		if (nr_numbers(option) == 5)
			strace_put(l, v ? "%#lx" : "%lu", (unsigned long)v);
		else if (i <= nr_numbers(option))
			strace_put(l, "%lu", (unsigned long)v);
	}
}
STRACE_OUT(prctl_arg);

void strace_result_prctl(struct strace_line *l)
{
	strace_put(l, "%ld", l->result);
	if ((unsigned)l->args[0] == PR_GET_DUMPABLE) {
		strace_put(l, " (");
		strace_put_choice(l, &dumpables, (uint64_t)l->result);
		strace_put(l, ")");
	}
}
