// SPDX-License-Identifier: MIT
/*
 * The arguments of a call in their order, and its result.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/strace-priv.h"

static unsigned nr_args(const struct strace_line *l)
{
	unsigned n = 0;

	if (!l->format)
		return l->nr_args;
	while (n < ARRAY_SIZE(l->format->args) && l->format->args[n])
		n++;
	return n;
}

void strace_put_begin(struct strace_line *l)
{
	unsigned n = l->format ? nr_args(l) : 0;

	for (unsigned i = 0; i < n; i++)
		if (l->format->args[i]->begin)
			l->format->args[i]->begin(l, i);
}

static void put_object(struct strace_line *l, const struct strace_kind *kind, uint64_t address)
{
	uint64_t object[STRACE_OBJECT_MAX / sizeof(uint64_t)];

	if (kind->is_out ? strace_fetch_out(l, object, address, kind->size) : strace_fetch(l, object, address, kind->size))
		kind->put_object(l, object);
}

static void put_arg(struct strace_line *l, const struct strace_kind *kind, unsigned i)
{
	if (!kind)
		strace_put(l, l->args[i] ? "%#lx" : "%lu", (unsigned long)l->args[i]);
	else if (kind->put)
		kind->put(l, i);
	else if (kind->put_object)
		put_object(l, kind, (uint64_t)l->args[i]);
	else if (kind->is_flags)
		strace_put_flags(l, kind->names, (uint32_t)l->args[i]);
	else
		strace_put_choice(l, kind->names, (uint32_t)l->args[i]);
}

void strace_put_args(struct strace_line *l)
{
	unsigned n = nr_args(l);

	for (; l->next_arg < n; l->next_arg++) {
		const struct strace_kind *kind = l->format ? l->format->args[l->next_arg] : NULL;
		size_t before = l->len, begin;

		if (kind && kind->is_out && !l->has_ended)
			return;
		if (l->next_arg)
			strace_put(l, ", ");
		begin = l->len;
		put_arg(l, kind, l->next_arg);
		if (l->len == begin) {		/* no argument after all */
			l->len = before;
			l->text[before] = 0;
		}
	}
}

static void put_interrupted(struct strace_line *l, int code)
{
	static const struct { int code; const char *text; } codes[] = {
		{ 512, "ERESTARTSYS (To be restarted if SA_RESTART is set)" }, { 513, "ERESTARTNOINTR (To be restarted)" },
		{ 514, "ERESTARTNOHAND (To be restarted if no handler)" }, { 516, "ERESTART_RESTARTBLOCK (Interrupted by signal)" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			strace_put(l, "? %s", codes[i].text);
}

void strace_put_result(struct strace_line *l, int interrupted)
{
	int error = strace_has_failed(l) ? (int)-l->result : 0;

	strace_put(l, " = ");
	if (error >= 512 && error <= 516) {
		put_interrupted(l, error);
	} else if (error == EINTR && interrupted && interrupted != EINTR) {
		put_interrupted(l, interrupted);
	} else if (error) {
		strace_put(l, "-1 ");
		strace_put_errno(l, error);
	} else if (l->format && l->format->put_result) {
		l->format->put_result(l);
	} else {
		strace_put(l, "%ld", l->result);
	}
}
