// SPDX-License-Identifier: MIT
/*
 * Scheduling attributes, memory policies, reboot(2).
 */
#include "libc/errno.h"
#include "linux/strace-priv.h"

/* struct sched_attr, sched_setattr(2); the utilization came later. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
#define ATTRIBUTES_OLD	48u
_Static_assert(sizeof(struct attributes) == 56, "struct sched_attr");

static void put_attributes(struct strace_line *l, uint64_t at, uint32_t size)
{
	static const struct strace_name list[] = {
		{ 1, "SCHED_FLAG_RESET_ON_FORK" }, { 2, "SCHED_FLAG_RECLAIM" }, { 4, "SCHED_FLAG_DL_OVERRUN" }, { 8, "SCHED_FLAG_KEEP_POLICY" },
		{ 0x10, "SCHED_FLAG_KEEP_PARAMS" }, { 0x20, "SCHED_FLAG_UTIL_CLAMP_MIN" }, { 0x40, "SCHED_FLAG_UTIL_CLAMP_MAX" }, { 0, NULL },
	};
	static const struct strace_names flags = { "SCHED_FLAG_???", list };
	struct attributes a = { 0 };

	if (size < ATTRIBUTES_OLD) {
		strace_put_address(l, at);
		return;
	}
	if (!strace_fetch(l, &a, at, size < sizeof(a) ? ATTRIBUTES_OLD : sizeof(a)))
		return;
	strace_put(l, "{size=%u, sched_policy=", a.size);
	strace_put_choice(l, &strace_policies, a.policy);
	strace_put(l, ", sched_flags=");
	strace_put_flags(l, &flags, a.flags);
	strace_put(l, ", sched_nice=%d, sched_priority=%u, sched_runtime=%lu, sched_deadline=%lu, sched_period=%lu", a.nice, a.priority, (unsigned long)a.runtime,
		   (unsigned long)a.deadline, (unsigned long)a.period);
	if (size >= sizeof(a))
		strace_put(l, ", sched_util_min=%u, sched_util_max=%u", a.util_min, a.util_max);
	strace_put(l, "}");
}

static void put_sched_attr_in(struct strace_line *l, unsigned i)
{
	uint32_t size;

	if (strace_fetch(l, &size, (uint64_t)l->args[i], sizeof(size)))
		put_attributes(l, (uint64_t)l->args[i], size ? size : ATTRIBUTES_OLD);
}
STRACE_IN(sched_attr_in);

/* Its size is the next argument; the kernel says how much it wrote. */
static void put_sched_attr_out(struct strace_line *l, unsigned i)
{
	uint32_t size;

	if (strace_fetch_out(l, &size, (uint64_t)l->args[i], sizeof(size)))
		put_attributes(l, (uint64_t)l->args[i], MIN(size, (uint32_t)l->args[i + 1]));
}
STRACE_OUT(sched_attr_out);

/* ---- memory policies ---------------------------------------------------------------------------------------------------------------- */

static const struct strace_name policy_list[] = {
	{ 0, "MPOL_DEFAULT" }, { 1, "MPOL_PREFERRED" }, { 2, "MPOL_BIND" }, { 3, "MPOL_INTERLEAVE" }, { 4, "MPOL_LOCAL" }, { 5, "MPOL_PREFERRED_MANY" }, { 0, NULL },
};
static const struct strace_names policies = { "MPOL_???", policy_list };
static const struct strace_name mode_list[] = { { 0x8000, "MPOL_F_STATIC_NODES" }, { 0x4000, "MPOL_F_RELATIVE_NODES" }, { 0x2000, "MPOL_F_NUMA_BALANCING" }, { 0, NULL } };
static const struct strace_names modes = { "MPOL_F_???", mode_list };
static const struct strace_name get_list[] = { { 1, "MPOL_F_NODE" }, { 2, "MPOL_F_ADDR" }, { 4, "MPOL_F_MEMS_ALLOWED" }, { 0, NULL } };
static const struct strace_names get_flags = { "MPOL_F_???", get_list };
static const struct strace_name bind_list[] = { { 1, "MPOL_MF_STRICT" }, { 2, "MPOL_MF_MOVE" }, { 4, "MPOL_MF_MOVE_ALL" }, { 0, NULL } };
static const struct strace_names bind_flags = { "MPOL_MF_???", bind_list };
STRACE_FLAGS(mempolicy_flags, &get_flags);
STRACE_FLAGS(mbind_flags, &bind_flags);

static void put_mempolicy(struct strace_line *l, unsigned i)
{
	uint32_t v = (uint32_t)l->args[i];

	if (!(v & 0xe000)) {
		strace_put_choice(l, &policies, v);
	} else if (strace_name_of(&policies, v & ~0xe000u)) {
		strace_put_choice(l, &policies, v & ~0xe000u);
		strace_put(l, "|");
		strace_put_flags(l, &modes, v & 0xe000);
	} else {
		strace_put_flags(l, &modes, v);
	}
}
STRACE_IN(mempolicy);

static void put_policy(struct strace_line *l, const void *policy)
{
	strace_put(l, "[");
	strace_put_choice(l, &policies, *(const uint32_t *)policy);
	strace_put(l, "]");
}
STRACE_OBJECT_OUT(mempolicy_out, uint32_t, put_policy);

static void put_node_word(struct strace_line *l, const void *element)
{
	strace_put(l, "%016lx", (unsigned long)*(const uint64_t *)element);
}

/* As many bits as the next argument says. */
static void put_nodes(struct strace_line *l, unsigned i)
{
	uint64_t nr = (uint64_t)l->args[i + 1];

	strace_put_list(l, (uint64_t)l->args[i], nr / 64 + (nr % 64 != 0), sizeof(uint64_t), put_node_word);
}
const struct strace_kind strace_kind_nodes_in = { .put = put_nodes };

static void put_nodes_out(struct strace_line *l, unsigned i)
{
	if (strace_has_failed(l))
		strace_put_address(l, (uint64_t)l->args[i]);
	else
		put_nodes(l, i);
}
STRACE_OUT(nodes_out);

/* ---- reboot -------------------------------------------------------------------------------------------------------------------------- */

static const struct strace_name magic1_list[] = { { 0xfee1dead, "LINUX_REBOOT_MAGIC1" }, { 0, NULL } };
static const struct strace_names magics1 = { "LINUX_REBOOT_MAGIC_???", magic1_list };
static const struct strace_name magic2_list[] = {
	{ 672274793, "LINUX_REBOOT_MAGIC2" }, { 85072278, "LINUX_REBOOT_MAGIC2A" }, { 369367448, "LINUX_REBOOT_MAGIC2B" }, { 537993216, "LINUX_REBOOT_MAGIC2C" },
	{ 0, NULL },
};
static const struct strace_names magics2 = { "LINUX_REBOOT_MAGIC_???", magic2_list };
static const struct strace_name command_list[] = {
	{ 0, "LINUX_REBOOT_CMD_CAD_OFF" }, { 0x1234567, "LINUX_REBOOT_CMD_RESTART" }, { 0x45584543, "LINUX_REBOOT_CMD_KEXEC" }, { 0x4321fedc, "LINUX_REBOOT_CMD_POWER_OFF" },
	{ 0x89abcdef, "LINUX_REBOOT_CMD_CAD_ON" }, { 0xa1b2c3d4, "LINUX_REBOOT_CMD_RESTART2" }, { 0xcdef0123, "LINUX_REBOOT_CMD_HALT" },
	{ 0xd000fce2, "LINUX_REBOOT_CMD_SW_SUSPEND" }, { 0, NULL },
};
static const struct strace_names commands = { "LINUX_REBOOT_CMD_???", command_list };
STRACE_CHOICE(reboot_magic1, &magics1);
STRACE_CHOICE(reboot_magic2, &magics2);
STRACE_CHOICE(reboot_command, &commands);
