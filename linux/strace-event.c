// SPDX-License-Identifier: MIT
/*
 * Waiting for descriptors: epoll, poll, select.
 */
#include <arch/abi.h>

#include "libc/errno.h"
#include "linux/strace-priv.h"
#include "mmu/user.h"

#define EPOLL_CTL_DEL	2
#define FDSET_MAX	1024u

/* ---- epoll ------------------------------------------------------------------------------------------------------------------------- */

static void put_epoll_event(struct strace_line *l, const void *element)
{
	const struct abi_epoll_event *e = element;

	strace_put(l, "{events=");
	strace_put_flags(l, &strace_epoll_names, e->events);
	strace_put(l, ", data={u32=%u, u64=%lu}}", (uint32_t)e->data, (unsigned long)e->data);
}

static void put_epoll_event_in(struct strace_line *l, unsigned i)
{
	struct abi_epoll_event e;

	if ((int)l->args[1] == EPOLL_CTL_DEL)
		strace_put_address(l, (uint64_t)l->args[i]);
	else if (strace_fetch(l, &e, (uint64_t)l->args[i], sizeof(e)))
		put_epoll_event(l, &e);
}
STRACE_IN(epoll_event_in);

static void put_epoll_events_out(struct strace_line *l, unsigned i)
{
	if (strace_has_failed(l))
		strace_put_address(l, (uint64_t)l->args[i]);
	else if (!l->result)
		strace_put(l, "[]");
	else
		strace_put_list(l, (uint64_t)l->args[i], (uint64_t)l->result, sizeof(struct abi_epoll_event), put_epoll_event);
}
STRACE_OUT(epoll_events_out);

/* ---- poll -------------------------------------------------------------------------------------------------------------------------- */

struct pollfd_k {
	int32_t fd;
	uint16_t events, revents;
};

static void put_pollfd(struct strace_line *l, const void *element)
{
	const struct pollfd_k *p = element;

	strace_put(l, "{fd=%d", p->fd);
	if (p->fd >= 0) {
		strace_put(l, ", events=");
		strace_put_flags(l, &strace_poll_names, p->events);
	}
	strace_put(l, "}");
}

/* The number of them is the next argument. */
static void put_pollfds_in(struct strace_line *l, unsigned i)
{
	strace_put_list(l, (uint64_t)l->args[i], (uint32_t)l->args[i + 1], sizeof(struct pollfd_k), put_pollfd);
}
STRACE_IN(pollfds_in);

static void put_poll_timeout(struct strace_line *l, unsigned i)
{
	strace_put(l, "%d", (int)l->args[i]);
}
STRACE_IN(poll_timeout);

static void put_ready(struct strace_line *l)
{
	struct pollfd_k p;
	unsigned nr = 0;

	strace_put(l, "[");
	for (uint64_t i = 0; i < (uint32_t)l->args[1]; i++) {
		if (copy_from_user(&p, (const void *)((uint64_t)l->args[0] + i * sizeof(p)), sizeof(p)))
			break;
		if (!p.revents)
			continue;
		if (nr == STRACE_LIST_MAX) {
			strace_put(l, ", ...");
			break;
		}
		strace_put(l, "%s{fd=%d, revents=", nr++ ? ", " : "", p.fd);
		strace_put_flags(l, &strace_poll_names, p.revents);
		strace_put(l, "}");
	}
	strace_put(l, "]");
}

static void put_left(struct strace_line *l, const char *before, uint64_t at, const char *unit)
{
	int64_t t[2];

	if (!at || copy_from_user(t, (const void *)at, sizeof(t)))
		return;
	strace_put(l, "%sleft ", before);
	strace_put_timespec(l, t, unit);
}

/* ppoll's timeout is in memory and becomes what is left of it; poll's is a number. */
void strace_result_poll(struct strace_line *l)
{
	if (!l->result) {
		strace_put(l, "0 (Timeout)");
		return;
	}
	strace_put(l, "%ld (", l->result);
	put_ready(l);
	if (l->nr_args > 3)
		put_left(l, ", ", (uint64_t)l->args[2], "nsec");
	strace_put(l, ")");
}

/* ---- select ------------------------------------------------------------------------------------------------------------------------- */

void strace_put_descriptors(struct strace_line *l, const uint64_t *set, unsigned nr)
{
	const char *space = "";

	strace_put(l, "[");
	for (unsigned fd = 0; fd < nr; fd++) {
		if (!(set[fd / 64] >> fd % 64 & 1))
			continue;
		strace_put(l, "%s%u", space, fd);
		space = " ";
	}
	strace_put(l, "]");
}

static bool read_set(const struct strace_line *l, uint64_t at, uint64_t set[FDSET_MAX / 64], unsigned *nr)
{
	int n = (int)l->args[0];

	*nr = n < 0 ? 0 : MIN((unsigned)n, FDSET_MAX);
	return !copy_from_user(set, (const void *)at, (*nr + 63) / 64 * 8);
}

static void put_fdset(struct strace_line *l, unsigned i)
{
	uint64_t set[FDSET_MAX / 64], at = (uint64_t)l->args[i];
	unsigned nr;

	if (!at || !read_set(l, at, set, &nr))
		strace_put_address(l, at);
	else
		strace_put_descriptors(l, set, nr);
}
STRACE_IN(fdset);

static void put_sigset_pair(struct strace_line *l, unsigned i)
{
	uint64_t pair[2], set;

	if (!strace_fetch(l, pair, (uint64_t)l->args[i], sizeof(pair)))
		return;
	strace_put(l, "{sigmask=");
	if (strace_fetch(l, &set, pair[0], sizeof(set)))
		strace_put_signal_set(l, set);
	strace_put(l, ", sigsetsize=%lu}", (unsigned long)pair[1]);
}
STRACE_IN(sigset_pair);

static bool has_any(const uint64_t *set, unsigned nr)
{
	for (unsigned fd = 0; fd < nr; fd++)
		if (set[fd / 64] >> fd % 64 & 1)
			return true;
	return false;
}

void strace_result_select(struct strace_line *l)
{
	static const char *const names[] = { "in", "out", "except" };
	uint64_t set[FDSET_MAX / 64];
	const char *comma = "";
	unsigned nr;

	if (!l->result) {
		strace_put(l, "0 (Timeout)");
		return;
	}
	strace_put(l, "%ld (", l->result);
	for (unsigned i = 0; i < 3; i++) {
		if (!l->args[i + 1] || !read_set(l, (uint64_t)l->args[i + 1], set, &nr) || !has_any(set, nr))
			continue;
		strace_put(l, "%s%s ", comma, names[i]);
		strace_put_descriptors(l, set, nr);
		comma = ", ";
	}
	put_left(l, comma, (uint64_t)l->args[4], l->nr_args > 5 ? "nsec" : "usec");
	strace_put(l, ")");
}
