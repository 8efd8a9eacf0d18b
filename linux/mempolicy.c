// SPDX-License-Identifier: MIT
/*
 * Memory policies on a machine with one node: set_mempolicy(2), get_mempolicy(2), mbind(2), set_mempolicy_home_node(2), migrate_pages(2), move_pages(2).
 *
 * All memory is on node 0, so that a policy changes nothing. It is checked as Linux checks it and kept, to be told: a thread's in its task, an area's in six bits of the
 * area's flags (of the nodes that a policy with flags was given, an area remembers node 0 only).
 */
#include "fs/cred.h"
#include "linux/process.h"
#include "linux/sys-util.h"
#include "linux/syscalls.h"
#include "mmu/aspace.h"
#include "mmu/page.h"

/* set_mempolicy(2). */
enum { MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE, MPOL_LOCAL, MPOL_PREFERRED_MANY, NR_MODES };
#define MPOL_F_STATIC_NODES	(1u << 15)
#define MPOL_F_RELATIVE_NODES	(1u << 14)
#define MPOL_F_NUMA_BALANCING	(1u << 13)
#define MODE_FLAGS_SHIFT	13u
#define MODE_FLAGS		(7u << MODE_FLAGS_SHIFT)
#define NODE_FLAGS		(MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)
/* get_mempolicy(2). */
#define MPOL_F_NODE		1l
#define MPOL_F_ADDR		2l
#define MPOL_F_MEMS_ALLOWED	4l
/* mbind(2), move_pages(2). */
#define MPOL_MF_STRICT		1l
#define MPOL_MF_MOVE		2l
#define MPOL_MF_MOVE_ALL	4l

#define MAX_NODES		1024u	/* whose bits are understood; there is node 0 */

struct policy {
	unsigned mode, flags;
	uint64_t nodes;			/* the first 64 */
	bool has_others;		/* nodes beyond */
};

static bool has_no_nodes(const struct policy *p)
{
	return !p->nodes && !p->has_others;
}

/* The nodes of a mask of max_node - 1 bits; none without a mask. -EFAULT, -EINVAL. */
static int read_nodes(long mask, long max_node, struct policy *out)
{
	uint64_t nr = (uint64_t)max_node - 1, word;

	out->nodes = 0;
	out->has_others = false;
	if (!nr || !mask)
		return 0;
	if (nr > PAGE_SIZE * 8)
		return -EINVAL;
	/* From the end, as Linux looks at it. */
	for (uint64_t i = DIV_ROUND_UP(nr, 64); i-- > 0;) {
		if (user_load64((const uint64_t *)mask + i, &word))
			return -EFAULT;
		if (i == nr / 64)
			word &= (1ull << nr % 64) - 1;
		if (word && i >= MAX_NODES / 64)
			return -EINVAL;
		if (i)
			out->has_others |= word != 0;
		else
			out->nodes = word;
	}
	return 0;
}

/* Mode and flags from one word. */
static int read_mode(long word, struct policy *out)
{
	out->flags = (unsigned)word & MODE_FLAGS;
	out->mode = (unsigned)word & ~MODE_FLAGS;
	if (out->mode >= NR_MODES || (out->flags & NODE_FLAGS) == NODE_FLAGS)
		return -EINVAL;
	return out->flags & MPOL_F_NUMA_BALANCING && out->mode != MPOL_BIND ? -EINVAL : 0;
}

/* Whether such a policy can be; one that prefers no node is a local one. */
static int check_policy(struct policy *p)
{
	if (p->mode == MPOL_PREFERRED && has_no_nodes(p) && !(p->flags & NODE_FLAGS))
		p->mode = MPOL_LOCAL;
	switch (p->mode) {
	case MPOL_DEFAULT:
		p->flags = 0;
		return has_no_nodes(p) ? 0 : -EINVAL;
	case MPOL_LOCAL:
		return has_no_nodes(p) && !(p->flags & NODE_FLAGS) ? 0 : -EINVAL;
	default:
		/* Relative ones are counted round: any is node 0. */
		return (p->flags & MPOL_F_RELATIVE_NODES ? !has_no_nodes(p) : p->nodes & 1) ? 0 : -EINVAL;
	}
}

static int read_policy(long mode, long mask, long max_node, struct policy *out)
{
	int r = read_mode(mode, out);

	return r ? r : read_nodes(mask, max_node, out);
}

long sys_set_mempolicy(long mode, long mask, long max_node)
{
	struct task *t = task_current();
	struct policy p;
	int r = read_policy((int)mode, mask, max_node, &p);

	if (!r)
		r = check_policy(&p);
	if (r)
		return r;
	t->mempolicy = p.mode | p.flags;
	t->mempolicy_nodes = p.nodes;
	return 0;
}

/* ---- of areas ------------------------------------------------------------------------------------------------------------ */

static unsigned pack(const struct policy *p)
{
	return (p->mode | p->flags >> MODE_FLAGS_SHIFT << 3) << VM_POLICY_SHIFT;
}

static void unpack(unsigned flags, struct policy *out)
{
	unsigned bits = (flags & VM_POLICY_MASK) >> VM_POLICY_SHIFT;

	*out = (struct policy){ .mode = bits & 7, .flags = bits >> 3 << MODE_FLAGS_SHIFT, .nodes = 1 };
}

/* The whole pages of a range: 0 with *end, or -EINVAL. */
static int page_range(long start, long len, vaddr_t *end)
{
	*end = (vaddr_t)start + ALIGN_UP((uint64_t)len, PAGE_SIZE);
	return start & (long)(PAGE_SIZE - 1) || *end < (vaddr_t)start ? -EINVAL : 0;
}

long sys_mbind(long start, long len, long mode, long mask, long max_node, long flags)
{
	struct policy p;
	vaddr_t end;
	int r = read_policy((int)mode, mask, max_node, &p);

	if (r)
		return r;
	if (flags & ~(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if (flags & MPOL_MF_MOVE_ALL && !capable(CAP_SYS_NICE))
		return -EPERM;
	r = page_range(start, len, &end);
	if (r || end == (vaddr_t)start)
		return r;
	r = check_policy(&p);
	if (r)
		return r;
	return aspace_set_policy(process_current()->aspace, (vaddr_t)start, end, pack(&p));
}

struct home_range {
	vaddr_t start, end;
	int result;
};

static bool look_for_home(const struct vm_area_info *info, void *arg)
{
	struct home_range *h = arg;
	struct policy p;

	if (info->end <= h->start || info->start >= h->end)
		return info->start < h->end;
	unpack(info->flags, &p);
	if (p.mode == MPOL_DEFAULT)
		return true;
	h->result = p.mode == MPOL_BIND || p.mode == MPOL_PREFERRED_MANY ? 0 : -EOPNOTSUPP;
	return !h->result;
}

long sys_set_mempolicy_home_node(long start, long len, long node, long flags)
{
	struct home_range h = { .start = (vaddr_t)start, .result = -ENOENT };
	int r;

	if (start & (long)(PAGE_SIZE - 1) || flags || node)
		return -EINVAL;
	r = page_range(start, len, &h.end);
	if (r || h.start == h.end)
		return r;
	aspace_for_each(process_current()->aspace, look_for_home, &h);
	return h.result;
}

/* ---- asking -------------------------------------------------------------------------------------------------------------- */

/* As Linux gives them out: one word, and zeros up to what was asked for. */
static int write_nodes(long mask, uint64_t max_node, uint64_t nodes)
{
	uint64_t bytes = ALIGN_UP(max_node - 1, 64) / 8;

	if (bytes > PAGE_SIZE)
		return -EINVAL;
	if (bytes > 8 && zero_user((void *)(mask + 8), bytes - 8))
		return -EFAULT;
	return bytes ? user_store64((uint64_t *)mask, nodes) : 0;
}

/* The policy of the area at addr. is_present: whether its page is there, faulted in if need be. */
static int policy_at(vaddr_t addr, bool wants_page, struct policy *out)
{
	struct aspace *as = process_current()->aspace;
	struct vm_area_info info;
	uint64_t word;

	if (!aspace_lookup(as, addr, &info))
		return -EFAULT;
	unpack(info.flags, out);
	return wants_page ? user_load64((const uint64_t *)ALIGN_DOWN(addr, 8ul), &word) : 0;
}

long sys_get_mempolicy(long mode, long mask, long max_node, long addr, long flags)
{
	struct task *t = task_current();
	struct policy p = { .mode = t->mempolicy & ~MODE_FLAGS, .flags = t->mempolicy & MODE_FLAGS, .nodes = t->mempolicy_nodes };
	uint32_t told;
	int r = 0;

	if ((mask && !max_node) || flags & ~(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (flags & MPOL_F_MEMS_ALLOWED) {
		if (flags != MPOL_F_MEMS_ALLOWED)
			return -EINVAL;
		p = (struct policy){ .mode = MPOL_BIND, .nodes = 1 };
		told = 0;
	} else {
		if (flags & MPOL_F_ADDR)
			r = policy_at((vaddr_t)addr, flags & MPOL_F_NODE, &p);
		else if (addr || (flags & MPOL_F_NODE && p.mode != MPOL_INTERLEAVE))
			r = -EINVAL;
		if (r)
			return r;
		told = flags & MPOL_F_NODE ? 0 : p.mode | p.flags;
	}
	if (mode && user_store32((uint32_t *)mode, told))
		return -EFAULT;
	if (!mask)
		return 0;
	if (p.mode == MPOL_DEFAULT || p.mode == MPOL_LOCAL)
		p.nodes = 0;
	else if (!p.flags)
		p.nodes &= 1;		/* with flags they are told as they were given */
	return write_nodes(mask, (uint64_t)max_node, p.nodes);
}

/* ---- moving pages -------------------------------------------------------------------------------------------------------- */

/* 0: there is such a thread, and so this process is meant. */
static int check_pid(long pid)
{
	struct task *t = pid ? task_find((int)pid) : NULL;

	if (t)
		task_put(t);
	return !pid || t ? 0 : -ESRCH;
}

long sys_migrate_pages(long pid, long max_node, long from, long to)
{
	struct policy old, new;
	int r = read_nodes(from, max_node, &old);

	if (!r)
		r = read_nodes(to, max_node, &new);
	if (!r)
		r = check_pid(pid);
	if (r)
		return r;
	if ((new.nodes & ~1ull || new.has_others) && !capable(CAP_SYS_NICE))
		return -EPERM;
	return new.nodes & 1 ? 0 : -EINVAL;
}

/* The node of the page at addr, or -EFAULT, -ENOENT: it is not there. */
static int node_of(vaddr_t addr)
{
	struct aspace *as = process_current()->aspace;
	struct vm_area_info info;
	uint8_t is_present;

	if (!aspace_lookup(as, addr, &info) || aspace_mincore(as, ALIGN_DOWN(addr, PAGE_SIZE), PAGE_SIZE, &is_present))
		return -EFAULT;
	if (is_present)
		return 0;
	return info.object ? -ENOENT : -EFAULT;
}

long sys_move_pages(long pid, long nr, long pages, long nodes, long status, long flags)
{
	int r;

	if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if (flags & MPOL_MF_MOVE_ALL && !capable(CAP_SYS_NICE))
		return -EPERM;
	r = check_pid(pid);
	for (unsigned long i = 0; !r && i < (unsigned long)nr; i++) {
		uint32_t node = 0;
		uint64_t addr;

		if (user_load64((const uint64_t *)pages + i, &addr) || (nodes && user_load32((const uint32_t *)nodes + i, &node)))
			return -EFAULT;
		if (node)
			return -ENODEV;
		r = user_store32((uint32_t *)status + i, (uint32_t)node_of((vaddr_t)addr));
	}
	return r;
}
