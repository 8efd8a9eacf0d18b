/* SPDX-License-Identifier: MIT
 *
 * Growing text (procfs.h).
 */
#include "fs/procfs.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"

static bool text_room(struct text *t, size_t more)
{
	size_t capacity = t->capacity ? t->capacity : 512;
	char *p;

	if (t->has_failed)
		return false;
	if (t->len + more <= t->capacity)
		return true;
	while (capacity < t->len + more)
		capacity *= 2;
	p = krealloc(t->data, capacity);
	if (!p) {
		t->has_failed = true;
		return false;
	}
	t->data = p;
	t->capacity = capacity;
	return true;
}

void text_append(struct text *t, const char *s, size_t len)
{
	if (!text_room(t, len))
		return;
	memcpy(t->data + t->len, s, len);
	t->len += len;
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!text_room(t, 128))
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->data + t->len, t->capacity - t->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= t->capacity - t->len) {
		if (!text_room(t, (size_t)n + 1))
			return;
		va_start(ap, fmt);
		n = vsnprintf(t->data + t->len, t->capacity - t->len, fmt, ap);
		va_end(ap);
	}
	t->len += (size_t)n;
}
