// SPDX-License-Identifier: MIT
/*
 * Numbers, names, strings and lists, as strace(1) writes them, and the kinds of arguments that are only that.
 */
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/strace-priv.h"
#include "mmu/user.h"

void strace_put(struct strace_line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, STRACE_LINE - l->len, fmt, ap);
	va_end(ap);
	l->len = MIN(l->len + (size_t)n, (size_t)STRACE_LINE - 1);
}

void strace_put_address(struct strace_line *l, uint64_t address)
{
	if (address)
		strace_put(l, "%#lx", (unsigned long)address);
	else
		strace_put(l, "NULL");
}

/* strace's PRINT_VAL_X: 0 without 0x. */
static void put_hex_number(struct strace_line *l, uint64_t v)
{
	strace_put(l, v ? "%#lx" : "%lu", (unsigned long)v);
}

const char *strace_name_of(const struct strace_names *names, uint64_t value)
{
	for (const struct strace_name *n = names->list; n->name; n++)
		if (n->value == value)
			return n->name;
	return NULL;
}

void strace_put_choice(struct strace_line *l, const struct strace_names *names, uint64_t value)
{
	const char *name = strace_name_of(names, value);

	if (name) {
		strace_put(l, "%s", name);
		return;
	}
	put_hex_number(l, value);
	if (names->unknown)
		strace_put(l, " /* %s */", names->unknown);
}

void strace_put_flags(struct strace_line *l, const struct strace_names *names, uint64_t value)
{
	const char *bar = "", *zero = value ? NULL : strace_name_of(names, 0);

	if (!value) {
		strace_put(l, "%s", zero ? zero : "0");
		return;
	}
	for (const struct strace_name *n = names->list; n->name; n++) {
		if (!n->value || (value & n->value) != n->value)
			continue;
		strace_put(l, "%s%s", bar, n->name);
		value &= ~n->value;
		bar = "|";
	}
	if (!value)
		return;
	strace_put(l, "%s%#lx", bar, (unsigned long)value);
	if (!bar[0] && names->unknown)
		strace_put(l, " /* %s */", names->unknown);
}

/* ---- strings --------------------------------------------------------------------------------------------------------------- */

/* next: the byte after it, or -1. */
static void put_char(struct strace_line *l, unsigned char c, int next)
{
	static const char escapes[] = { ['\t'] = 't', ['\n'] = 'n', ['\v'] = 'v', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\' };

	if (c < sizeof(escapes) && escapes[c])
		strace_put(l, "\\%c", escapes[c]);
	else if (c >= ' ' && c < 127)
		strace_put(l, "%c", c);
	else
		strace_put(l, next >= '0' && next <= '7' ? "\\%03o" : "\\%o", c);
}

static void put_chars(struct strace_line *l, const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_char(l, bytes[i], i + 1 < n ? bytes[i + 1] : -1);
}

void strace_put_quoted(struct strace_line *l, const void *bytes, size_t len)
{
	strace_put(l, "\"");
	put_chars(l, bytes, MIN(len, (size_t)STRACE_LIST_MAX));
	strace_put(l, len > STRACE_LIST_MAX ? "\"..." : "\"");
}

void strace_put_bytes(struct strace_line *l, uint64_t address, uint64_t len)
{
	unsigned char bytes[STRACE_LIST_MAX];

	if (!address || !len)
		strace_put(l, address ? "\"\"" : "NULL");
	else if (strace_fetch(l, bytes, address, MIN(len, (uint64_t)STRACE_LIST_MAX)))
		strace_put_quoted(l, bytes, len);
}

void strace_put_hex_bytes(struct strace_line *l, uint64_t address, uint64_t len)
{
	unsigned char bytes[STRACE_LIST_MAX];
	size_t n = MIN(len, (uint64_t)STRACE_LIST_MAX);

	if (!strace_fetch(l, bytes, address, n))
		return;
	strace_put(l, "\"");
	for (size_t i = 0; i < n; i++)
		strace_put(l, "\\x%02x", bytes[i]);
	strace_put(l, len > n ? "\"..." : "\"");
}

void strace_put_string(struct strace_line *l, uint64_t address, size_t max)
{
	unsigned char part[64];
	size_t begin = l->len, done = 0, want;
	ssize_t n;

	if (!address) {
		strace_put(l, "NULL");
		return;
	}
	strace_put(l, "\"");
	for (;;) {
		want = MIN(max - done, sizeof(part) - 1);
		n = strncpy_from_user((char *)part, (const char *)(address + done), want + 1);
		if (n == -ENAMETOOLONG) {
			put_chars(l, part, want);
			done += want;
			if (done < max)
				continue;
			strace_put(l, "\"...");
			return;
		}
		if (n < 0) {
			l->len = begin;
			strace_put_address(l, address);
			return;
		}
		put_chars(l, part, (size_t)n);
		strace_put(l, "\"");
		return;
	}
}

/* ---- memory of the application ------------------------------------------------------------------------------------------------ */

bool strace_fetch(struct strace_line *l, void *dst, uint64_t address, size_t len)
{
	if (address && !copy_from_user(dst, (const void *)address, len))
		return true;
	strace_put_address(l, address);
	return false;
}

bool strace_fetch_out(struct strace_line *l, void *dst, uint64_t address, size_t len)
{
	if (!strace_has_failed(l))
		return strace_fetch(l, dst, address, len);
	strace_put_address(l, address);
	return false;
}

void strace_put_list(struct strace_line *l, uint64_t address, uint64_t nr, size_t size, void (*put)(struct strace_line *l, const void *element))
{
	uint64_t element[16];

	if (!address || size > sizeof(element)) {
		strace_put_address(l, address);
		return;
	}
	if (!nr) {
		strace_put(l, "[]");
		return;
	}
	for (uint64_t i = 0; i < nr; i++) {
		if (i == STRACE_LIST_MAX) {
			strace_put(l, ", ...");
			break;
		}
		if (copy_from_user(element, (const void *)(address + i * size), size)) {
			if (!i) {
				strace_put_address(l, address);
				return;
			}
			strace_put(l, ", ... /* %#lx */", (unsigned long)(address + i * size));
			break;
		}
		strace_put(l, i ? ", " : "[");
		put(l, element);
	}
	strace_put(l, "]");
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------------- */

/* Numbers of asm-generic/errno.h, messages of glibc. */
static const char *const errors[] = {
	[1] = "EPERM (Operation not permitted)", [2] = "ENOENT (No such file or directory)", [3] = "ESRCH (No such process)",
	[4] = "EINTR (Interrupted system call)", [5] = "EIO (Input/output error)", [6] = "ENXIO (No such device or address)",
	[7] = "E2BIG (Argument list too long)", [8] = "ENOEXEC (Exec format error)", [9] = "EBADF (Bad file descriptor)",
	[10] = "ECHILD (No child processes)", [11] = "EAGAIN (Resource temporarily unavailable)", [12] = "ENOMEM (Cannot allocate memory)",
	[13] = "EACCES (Permission denied)", [14] = "EFAULT (Bad address)", [15] = "ENOTBLK (Block device required)",
	[16] = "EBUSY (Device or resource busy)", [17] = "EEXIST (File exists)", [18] = "EXDEV (Invalid cross-device link)",
	[19] = "ENODEV (No such device)", [20] = "ENOTDIR (Not a directory)", [21] = "EISDIR (Is a directory)", [22] = "EINVAL (Invalid argument)",
	[23] = "ENFILE (Too many open files in system)", [24] = "EMFILE (Too many open files)", [25] = "ENOTTY (Inappropriate ioctl for device)",
	[26] = "ETXTBSY (Text file busy)", [27] = "EFBIG (File too large)", [28] = "ENOSPC (No space left on device)", [29] = "ESPIPE (Illegal seek)",
	[30] = "EROFS (Read-only file system)", [31] = "EMLINK (Too many links)", [32] = "EPIPE (Broken pipe)",
	[33] = "EDOM (Numerical argument out of domain)", [34] = "ERANGE (Numerical result out of range)", [35] = "EDEADLK (Resource deadlock avoided)",
	[36] = "ENAMETOOLONG (File name too long)", [37] = "ENOLCK (No locks available)", [38] = "ENOSYS (Function not implemented)",
	[39] = "ENOTEMPTY (Directory not empty)", [40] = "ELOOP (Too many levels of symbolic links)", [42] = "ENOMSG (No message of desired type)",
	[43] = "EIDRM (Identifier removed)", [61] = "ENODATA (No data available)", [62] = "ETIME (Timer expired)",
	[71] = "EPROTO (Protocol error)", [74] = "EBADMSG (Bad message)", [75] = "EOVERFLOW (Value too large for defined data type)",
	[84] = "EILSEQ (Invalid or incomplete multibyte or wide character)", [87] = "EUSERS (Too many users)",
	[88] = "ENOTSOCK (Socket operation on non-socket)", [89] = "EDESTADDRREQ (Destination address required)", [90] = "EMSGSIZE (Message too long)",
	[91] = "EPROTOTYPE (Protocol wrong type for socket)", [92] = "ENOPROTOOPT (Protocol not available)", [93] = "EPROTONOSUPPORT (Protocol not supported)",
	[94] = "ESOCKTNOSUPPORT (Socket type not supported)", [95] = "EOPNOTSUPP (Operation not supported)", [96] = "EPFNOSUPPORT (Protocol family not supported)",
	[97] = "EAFNOSUPPORT (Address family not supported by protocol)", [98] = "EADDRINUSE (Address already in use)",
	[99] = "EADDRNOTAVAIL (Cannot assign requested address)", [100] = "ENETDOWN (Network is down)", [101] = "ENETUNREACH (Network is unreachable)",
	[102] = "ENETRESET (Network dropped connection on reset)", [103] = "ECONNABORTED (Software caused connection abort)",
	[104] = "ECONNRESET (Connection reset by peer)", [105] = "ENOBUFS (No buffer space available)", [106] = "EISCONN (Transport endpoint is already connected)",
	[107] = "ENOTCONN (Transport endpoint is not connected)", [108] = "ESHUTDOWN (Cannot send after transport endpoint shutdown)",
	[109] = "ETOOMANYREFS (Too many references: cannot splice)", [110] = "ETIMEDOUT (Connection timed out)", [111] = "ECONNREFUSED (Connection refused)",
	[112] = "EHOSTDOWN (Host is down)", [113] = "EHOSTUNREACH (No route to host)", [114] = "EALREADY (Operation already in progress)",
	[115] = "EINPROGRESS (Operation now in progress)", [116] = "ESTALE (Stale file handle)", [122] = "EDQUOT (Disk quota exceeded)",
	[125] = "ECANCELED (Operation canceled)", [130] = "EOWNERDEAD (Owner died)", [131] = "ENOTRECOVERABLE (State not recoverable)",
};

void strace_put_errno(struct strace_line *l, int error)
{
	if (error > 0 && error < (int)ARRAY_SIZE(errors) && errors[error])
		strace_put(l, "%s", errors[error]);
	else
		strace_put(l, "(errno %d)", error);
}

void strace_put_error_name(struct strace_line *l, int error)
{
	const char *text = error > 0 && error < (int)ARRAY_SIZE(errors) ? errors[error] : NULL;

	if (text)
		strace_put(l, "%.*s", (int)(strchr(text, ' ') - text), text);
	else
		strace_put(l, "%d", error);
}

/* ---- kinds ------------------------------------------------------------------------------------------------------------------------ */

static void put_int(struct strace_line *l, unsigned i)
{
	strace_put(l, "%d", (int)l->args[i]);
}
STRACE_IN(int);
const struct strace_kind strace_kind_id = { .put = put_int };

static void put_unsigned(struct strace_line *l, unsigned i)
{
	strace_put(l, "%u", (unsigned)l->args[i]);
}
STRACE_IN(unsigned);

static void put_long(struct strace_line *l, unsigned i)
{
	strace_put(l, "%ld", l->args[i]);
}
STRACE_IN(long);

static void put_ulong(struct strace_line *l, unsigned i)
{
	strace_put(l, "%lu", (unsigned long)l->args[i]);
}
STRACE_IN(ulong);

static void put_hex(struct strace_line *l, unsigned i)
{
	put_hex_number(l, (uint64_t)l->args[i]);
}
STRACE_IN(hex);

static void put_hex32(struct strace_line *l, unsigned i)
{
	put_hex_number(l, (uint32_t)l->args[i]);
}
STRACE_IN(hex32);

/* A file mode: at least three digits. */
static void put_octal(struct strace_line *l, unsigned i)
{
	strace_put(l, "%#03o", (unsigned)l->args[i] & 07777);
}
STRACE_IN(octal);

static void put_pointer(struct strace_line *l, unsigned i)
{
	strace_put_address(l, (uint64_t)l->args[i]);
}
STRACE_IN(pointer);

static void put_path(struct strace_line *l, unsigned i)
{
	strace_put_string(l, (uint64_t)l->args[i], STRACE_PATH_MAX);
}
STRACE_IN(path);

static void put_string(struct strace_line *l, unsigned i)
{
	strace_put_string(l, (uint64_t)l->args[i], STRACE_LIST_MAX);
}
STRACE_IN(string);

/* A buffer whose length is the next argument. */
static void put_bytes_next(struct strace_line *l, unsigned i)
{
	strace_put_bytes(l, (uint64_t)l->args[i], i < 5 ? (uint64_t)l->args[i + 1] : 0);
}
STRACE_IN(bytes_next);

/* A buffer that has result bytes. */
static void put_bytes_out(struct strace_line *l, unsigned i)
{
	if (strace_has_failed(l))
		strace_put_address(l, (uint64_t)l->args[i]);
	else
		strace_put_bytes(l, (uint64_t)l->args[i], (uint64_t)l->result);
}
STRACE_OUT(bytes_out);

/* A string that ends with its 0: getcwd. */
static void put_bytes_out_string(struct strace_line *l, unsigned i)
{
	if (strace_has_failed(l))
		strace_put_address(l, (uint64_t)l->args[i]);
	else
		strace_put_string(l, (uint64_t)l->args[i], STRACE_PATH_MAX);
}
STRACE_OUT(bytes_out_string);

static void put_random_out(struct strace_line *l, unsigned i)
{
	if (strace_has_failed(l))
		strace_put_address(l, (uint64_t)l->args[i]);
	else
		strace_put_hex_bytes(l, (uint64_t)l->args[i], (uint64_t)l->result);
}
STRACE_OUT(random_out);

static void put_int_object(struct strace_line *l, const void *object)
{
	strace_put(l, "[%d]", *(const int32_t *)object);
}
STRACE_OBJECT_IN(int_at, int32_t, put_int_object);
STRACE_OBJECT_OUT(int_out, int32_t, put_int_object);

static void put_unsigned_object(struct strace_line *l, const void *object)
{
	strace_put(l, "[%u]", *(const uint32_t *)object);
}
STRACE_OBJECT_OUT(uint_out, uint32_t, put_unsigned_object);

static void put_one_id(struct strace_line *l, const void *element)
{
	strace_put(l, "%u", *(const uint32_t *)element);
}

static void put_ids_in(struct strace_line *l, unsigned i)
{
	strace_put_list(l, (uint64_t)l->args[i], (uint32_t)l->args[0], sizeof(uint32_t), put_one_id);
}
STRACE_IN(ids_in);

/* getgroups(0, ...) only asks how many there are. */
static void put_ids_out(struct strace_line *l, unsigned i)
{
	if (strace_has_failed(l) || !l->args[0])
		strace_put_address(l, (uint64_t)l->args[i]);
	else
		strace_put_list(l, (uint64_t)l->args[i], (uint64_t)l->result, sizeof(uint32_t), put_one_id);
}
STRACE_OUT(ids_out);

/* An argument that an earlier one has written. */
static void put_nothing(struct strace_line *l, unsigned i)
{
	(void)l, (void)i;
}
STRACE_IN(nothing);

/* ---- results ------------------------------------------------------------------------------------------------------------------------- */

void strace_result_address(struct strace_line *l)
{
	put_hex_number(l, (uint64_t)l->result);
}

void strace_result_hex(struct strace_line *l)
{
	put_hex_number(l, (uint64_t)l->result);
}

void strace_result_octal(struct strace_line *l)
{
	strace_put(l, "%#lo", (unsigned long)l->result);
}
