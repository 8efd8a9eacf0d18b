/* SPDX-License-Identifier: MIT
 *
 * Argument and environment strings on their way into a new image.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/exec.h"
#include "mmu/heap.h"
#include "mmu/user.h"

static int reserve(struct exec_strings *s, size_t more)
{
	size_t capacity = s->capacity ? s->capacity : 1024;
	char *data;

	if (more > EXEC_STRINGS_MAX || s->len + more > EXEC_STRINGS_MAX)
		return -E2BIG;
	if (s->len + more <= s->capacity)
		return 0;
	while (capacity < s->len + more)
		capacity *= 2;
	data = krealloc(s->data, capacity);
	if (!data)
		return -ENOMEM;
	s->data = data;
	s->capacity = capacity;
	return 0;
}

int exec_strings_add(struct exec_strings *s, const char *text)
{
	size_t len = strlen(text) + 1;
	int r = reserve(s, len);

	if (r)
		return r;
	memcpy(s->data + s->len, text, len);
	s->len += len;
	s->nr++;
	return 0;
}

int exec_strings_replace_first(struct exec_strings *s, const char *const *texts, unsigned nr)
{
	struct exec_strings fresh = { 0 };
	size_t skip = s->nr ? strlen(s->data) + 1 : 0;
	int r = 0;

	for (unsigned i = 0; i < nr && !r; i++)
		r = exec_strings_add(&fresh, texts[i]);
	if (!r)
		r = reserve(&fresh, s->len - skip);
	if (r) {
		exec_strings_free(&fresh);
		return r;
	}
	memcpy(fresh.data + fresh.len, s->data + skip, s->len - skip);
	fresh.len += s->len - skip;
	fresh.nr += s->nr - (s->nr ? 1 : 0);
	exec_strings_free(s);
	*s = fresh;
	return 0;
}

/* One string: copied in growing pieces, as its length is not known before. */
static int add_from_user(struct exec_strings *s, vaddr_t from)
{
	size_t chunk = 256;

	for (;;) {
		ssize_t n;
		int r = reserve(s, chunk);

		if (r)
			return r;
		n = strncpy_from_user(s->data + s->len, (const char *)from, chunk);
		if (n >= 0) {
			s->len += (size_t)n + 1;
			s->nr++;
			return 0;
		}
		if (n != -ENAMETOOLONG)
			return (int)n;
		if (chunk >= EXEC_STRING_MAX)
			return -E2BIG;
		chunk *= 8;
		if (chunk > EXEC_STRING_MAX)
			chunk = EXEC_STRING_MAX;
	}
}

int exec_strings_from_user(struct exec_strings *s, vaddr_t array)
{
	for (; array; array += sizeof(uint64_t)) {
		uint64_t p;
		int r = user_load64((const uint64_t *)array, &p);

		if (r)
			return r;
		if (!p)
			break;
		r = add_from_user(s, p);
		if (r)
			return r;
	}
	return 0;
}

void exec_strings_free(struct exec_strings *s)
{
	kfree(s->data);
	*s = (struct exec_strings){ 0 };
}
