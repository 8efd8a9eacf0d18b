/* SPDX-License-Identifier: MIT
 *
 * Text of settings to values and back (sysctl.h), with the corners of Linux's kernel/sysctl.c that programs can see.
 */
#include "fs/sysctl.h"

#include "fs/uio.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "sched/mutex.h"

#define WRITE_MAX	(PAGE_SIZE - 1)
#define NUMBER_MAX	22		/* a number as long as this is refused, however it goes on */

static struct mutex set_lock;		/* changes of one setting, and strings */

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *skip_spaces(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* One number at *p, as C writes it; *p moves behind it. -EINVAL. */
static int parse_number(const char **p, const char *end, uint64_t *out, bool *is_negative)
{
	const char *s = *p, *start = s, *limit = MIN(end, s + NUMBER_MAX - 1);
	uint64_t value = 0;
	unsigned base = 10;

	*is_negative = limit - s > 1 && *s == '-';
	s += *is_negative;
	if (s == limit || digit_value(*s) > 9)
		return -EINVAL;
	if (*s == '0') {
		base = 8;
		if (limit - s > 2 && (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16) {
			base = 16;
			s += 2;
		}
	}
	for (; s < limit && digit_value(*s) < (int)base; s++)
		if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, (uint64_t)digit_value(*s), &value))
			return -EINVAL;
	if (s - start == NUMBER_MAX - 1 || (s < end && *s != ' ' && *s != '\t' && *s != '\n'))
		return -EINVAL;
	*p = s;
	*out = value;
	return 0;
}

/* 0 and *v is the value, or -EINVAL. */
static int check_number(const struct sysctl *s, uint64_t value, bool is_negative, int64_t *v)
{
	if (s->type != SYSCTL_TYPE_INT && is_negative)
		return -EINVAL;
	if (s->type == SYSCTL_TYPE_ULONG) {
		*v = (int64_t)value;
		return value < (uint64_t)s->min || value > (uint64_t)s->max ? -EINVAL : 0;
	}
	if (value > (s->type == SYSCTL_TYPE_UINT ? UINT32_MAX : is_negative ? (uint64_t)INT32_MAX + 1 : (uint64_t)INT32_MAX))
		return -EINVAL;
	*v = is_negative ? -(int64_t)value : (int64_t)value;
	return *v < s->min || *v > s->max ? -EINVAL : 0;
}

static int64_t load_value(const struct sysctl *s, unsigned i)
{
	switch (s->type) {
	case SYSCTL_TYPE_ULONG:
		return (int64_t)atomic_load((uint64_t *)s->data + i, RELAXED);
	case SYSCTL_TYPE_UINT:
		return atomic_load((uint32_t *)s->data + i, RELAXED);
	default:
		return (int32_t)atomic_load((uint32_t *)s->data + i, RELAXED);
	}
}

static void store_value(const struct sysctl *s, unsigned i, int64_t v)
{
	if (s->type == SYSCTL_TYPE_ULONG)
		atomic_store((uint64_t *)s->data + i, (uint64_t)v, RELAXED);
	else
		atomic_store((uint32_t *)s->data + i, (uint32_t)v, RELAXED);
}

static int get_values(const struct sysctl *s, struct pseudo_args *a, int64_t *v)
{
	if (s->get)
		return s->get(s, a, v);
	for (unsigned i = 0; i < s->nr; i++)
		v[i] = s->data ? load_value(s, i) : 0;
	return 0;
}

/* set_lock held. Bytes of the text that were used, or -errno. */
static ssize_t write_values(const struct sysctl *s, struct pseudo_args *a, const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	int64_t v[SYSCTL_MAX_VALUES];
	unsigned i;
	int r = get_values(s, a, v);

	for (i = 0; !r && i < s->nr; i++) {
		bool is_negative;
		uint64_t value;

		p = skip_spaces(p, end);
		if (p == end)
			break;
		r = parse_number(&p, end, &value, &is_negative);
		if (!r)
			r = check_number(s, value, is_negative, &v[i]);
		/* Numbers before a wrong one count where nobody looks at all of them together. */
		if (!r && !s->set && s->data)
			store_value(s, i, v[i]);
	}
	if (!r && !i)
		r = -EINVAL;
	if (!r && s->set)
		r = s->set(s, a, v);
	if (r)
		return r;
	return s->type == SYSCTL_TYPE_UINT ? (ssize_t)len : skip_spaces(p, end) - text;
}

/* set_lock held. Linux: up to a line's or the text's end; a write that goes on where the last one ended lengthens the value. */
static ssize_t write_string(const struct sysctl *s, const char *text, size_t len, uint64_t pos)
{
	char *value = kzalloc(s->nr);
	size_t n = 0;
	int r = 0;

	if (!value)
		return -ENOMEM;
	if (pos) {
		if (s->get_text)
			s->get_text(s, value, s->nr);
		else
			strlcpy(value, s->data, s->nr);
		n = strlen(value);
	}
	if (pos <= n) {
		n = (size_t)pos;
		for (size_t i = 0; i < len && n < s->nr - 1u && text[i] && text[i] != '\n'; i++)
			value[n++] = text[i];
		value[n] = 0;
		if (s->set_text)
			r = s->set_text(s, value);
		else
			memcpy(s->data, value, s->nr);
	}
	kfree(value);
	return r ? r : (ssize_t)len;
}

ssize_t sysctl_write(const struct sysctl *s, struct pseudo_args *a, struct uio *u, uint64_t *pos)
{
	size_t len = MIN(u->left, WRITE_MAX);
	bool is_string = s->type == SYSCTL_TYPE_STRING;
	char *text;
	ssize_t r;

	if (!u->left)
		return 0;
	text = kmalloc(len + 1);
	if (!text)
		return -ENOMEM;
	r = uio_copy_from(u, text, len);
	if (r > 0 && (is_string || !*pos)) {
		text[r] = 0;
		mutex_lock(&set_lock);
		r = is_string ? write_string(s, text, (size_t)r, *pos) : write_values(s, a, text, (size_t)r);
		mutex_unlock(&set_lock);
	}
	kfree(text);
	if (r > 0)
		*pos += (uint64_t)r;
	return r;
}

static void show_string(const struct sysctl *s, struct text *t)
{
	char *value;

	if (!s->get_text) {
		mutex_lock(&set_lock);
		text_append(t, s->data, strlen(s->data));
		mutex_unlock(&set_lock);
	} else if ((value = kzalloc(s->nr))) {
		s->get_text(s, value, s->nr);
		text_append(t, value, strlen(value));
		kfree(value);
	} else {
		t->has_failed = true;
	}
}

static int show_values(const struct sysctl *s, struct pseudo_args *a, struct text *t)
{
	int64_t v[SYSCTL_MAX_VALUES];
	int r = get_values(s, a, v);

	for (unsigned i = 0; !r && i < s->nr; i++)
		text_printf(t, s->type == SYSCTL_TYPE_ULONG ? "%s%lu" : "%s%ld", i ? "\t" : "", (long)v[i]);
	return r;
}

ssize_t sysctl_read(const struct sysctl *s, struct pseudo_args *a, struct uio *u, uint64_t *pos)
{
	struct text t = { 0 };
	ssize_t r = 0;

	if (!u->left)
		return 0;
	if (s->type == SYSCTL_TYPE_STRING)
		show_string(s, &t);
	else if (!*pos)
		r = show_values(s, a, &t);
	else
		return 0;
	text_append(&t, "\n", 1);
	if (!r && t.has_failed)
		r = -ENOMEM;
	if (!r && *pos < t.len)
		r = uio_copy_to(u, t.data + *pos, t.len - *pos);
	kfree(t.data);
	if (r > 0)
		*pos += (uint64_t)r;
	return r;
}
