// SPDX-License-Identifier: MIT
/*
 * Formatting and the log. A conversion is parsed into struct spec, its digits are made backwards in a small buffer, and emit() pads it.
 */
#include "libc/print.h"

#include "libc/string.h"

struct out {
	char *buf;
	size_t size;		/* of buf */
	size_t len;		/* the text so far, also what did not fit */
};

struct spec {
	bool left, plus, space, alt, zero;
	int width, precision;	/* precision -1: none given */
	char length;		/* 'H' hh, 'h', 'l' (and ll z t j), 0 */
};

void (*log_sink)(const char *text, size_t len);

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_repeated(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

/* prefix ("-", "0x"), zeros up to the precision, then the text, within the width. */
static void emit(struct out *o, const struct spec *s, const char *prefix, const char *text, size_t len, int zeros)
{
	int prefix_len = (int)strlen(prefix);
	int pad = s->width - prefix_len - zeros - (int)len;

	if (!s->left)
		put_repeated(o, ' ', pad);
	while (*prefix)
		put(o, *prefix++);
	put_repeated(o, '0', zeros);
	for (size_t i = 0; i < len; i++)
		put(o, text[i]);
	if (s->left)
		put_repeated(o, ' ', pad);
}

static void put_number(struct out *o, const struct spec *s, uint64_t v, unsigned base, bool upper, const char *prefix)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24];
	size_t i = sizeof(text);
	int len, zeros = 0;

	for (; v; v /= base)
		text[--i] = digits[v % base];
	if (i == sizeof(text) && s->precision != 0)
		text[--i] = '0';
	len = (int)(sizeof(text) - i);
	if (s->precision > len)
		zeros = s->precision - len;
	else if (s->zero && !s->left && s->precision < 0)
		zeros = MAX(0, s->width - len - (int)strlen(prefix));
	emit(o, s, prefix, text + i, (size_t)len, zeros);
}

static const char *parse_int(const char *f, int *out, va_list *ap)
{
	if (*f == '*') {
		*out = va_arg(*ap, int);
		return f + 1;
	}
	for (*out = 0; *f >= '0' && *f <= '9'; f++)
		*out = *out * 10 + (*f - '0');
	return f;
}

static const char *parse_spec(const char *f, struct spec *s, va_list *ap)
{
	*s = (struct spec){ .precision = -1 };
	for (;; f++) {
		if (*f == '-')
			s->left = true;
		else if (*f == '+')
			s->plus = true;
		else if (*f == ' ')
			s->space = true;
		else if (*f == '#')
			s->alt = true;
		else if (*f == '0')
			s->zero = true;
		else
			break;
	}
	f = parse_int(f, &s->width, ap);
	if (s->width < 0) {
		s->left = true;
		s->width = -s->width;
	}
	if (*f == '.')
		f = parse_int(f + 1, &s->precision, ap);
	for (; *f == 'h' || *f == 'l' || *f == 'z' || *f == 't' || *f == 'j'; f++)
		s->length = *f != 'h' ? 'l' : s->length == 'h' ? 'H' : 'h';
	return f;
}

static void put_signed(struct out *o, const struct spec *s, va_list *ap)
{
	int64_t v = s->length == 'l' ? va_arg(*ap, long) : va_arg(*ap, int);

	if (s->length == 'h')
		v = (short)v;
	if (s->length == 'H')
		v = (signed char)v;
	put_number(o, s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, false,
		   v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "");
}

static void put_unsigned(struct out *o, const struct spec *s, char conversion, va_list *ap)
{
	uint64_t v = s->length == 'l' ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned);
	unsigned base = conversion == 'u' ? 10 : conversion == 'o' ? 8 : 16;
	const char *prefix = "";

	if (s->length == 'h')
		v = (unsigned short)v;
	if (s->length == 'H')
		v = (unsigned char)v;
	if (s->alt && v)
		prefix = conversion == 'x' ? "0x" : conversion == 'X' ? "0X" : conversion == 'o' ? "0" : "";
	put_number(o, s, v, base, conversion == 'X', prefix);
}

static void put_conversion(struct out *o, const struct spec *s, char conversion, va_list *ap)
{
	const char *text;
	char c;

	switch (conversion) {
	case 'd':
	case 'i':
		put_signed(o, s, ap);
		break;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_unsigned(o, s, conversion, ap);
		break;
	case 'p':
		put_number(o, s, (uintptr_t)va_arg(*ap, void *), 16, false, "0x");
		break;
	case 'c':
		c = (char)va_arg(*ap, int);
		emit(o, s, "", &c, 1, 0);
		break;
	case 's':
		text = va_arg(*ap, const char *);
		if (!text)
			text = "(null)";
		emit(o, s, "", text, strnlen(text, s->precision < 0 ? INT32_MAX : (size_t)s->precision), 0);
		break;
	default:
		put(o, conversion);
	}
}

int samara_vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = { buf, size, 0 };
	struct spec s;
	va_list ap;

	va_copy(ap, args);
	while (*fmt) {
		if (*fmt != '%') {
			put(&o, *fmt++);
			continue;
		}
		fmt = parse_spec(fmt + 1, &s, &ap);
		if (!*fmt)
			break;
		put_conversion(&o, &s, *fmt++, &ap);
	}
	va_end(ap);
	if (size)
		buf[MIN(o.len, size - 1)] = 0;
	return (int)o.len;
}

int samara_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = samara_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

#define LOG_LINE_MAX	512

static void log_text(const char *prefix, const char *end, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX];
	size_t len = samara_strlcpy(line, prefix, sizeof(line));
	int n = samara_vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);

	len = MIN(len + (size_t)n, sizeof(line) - 2);
	len += samara_strlcpy(line + len, end, sizeof(line) - len);
	if (log_sink)
		log_sink(line, len);
}

void log_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_text("samara: ", "\n", fmt, ap);
	va_end(ap);
}

void log_raw(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_text("", "", fmt, ap);
	va_end(ap);
}
