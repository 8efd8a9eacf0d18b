/* SPDX-License-Identifier: MIT
 *
 * Undefined behaviour that the compiler's checks find in a running kernel (make BUILD=ubsan): one line in the log for each place, the first time, and the kernel goes on.
 *
 * The names and the data are the compiler's (gcc's libsanitizer, the same for clang): each piece of data starts with the place in the source. A place that was told
 * has its column replaced, by an exchange, so that of several CPUs one tells it.
 */
#include "libc/atomic.h"
#include "libc/print.h"
#include "libc/types.h"

#define TOLD	(~0u)

struct place {
	const char *file;
	uint32_t line, column;
};

static void tell(struct place *at, const char *what, unsigned long a, unsigned long b)
{
	uint32_t column = atomic_exchange(&at->column, TOLD, RELAXED);

	if (column != TOLD)
		log_line("undefined behaviour at %s:%u:%u: %s (0x%lx, 0x%lx)", at->file, at->line, column, what, a, b);
}

/* Called by compiled code alone: nobody else declares them. */
#define CHECK0(name, what) \
	void __ubsan_handle_##name(void *data); \
	void __ubsan_handle_##name(void *data) \
	{ \
		tell(data, what, 0, 0); \
	}
#define CHECK1(name, what) \
	void __ubsan_handle_##name(void *data, unsigned long a); \
	void __ubsan_handle_##name(void *data, unsigned long a) \
	{ \
		tell(data, what, a, 0); \
	}
#define CHECK2(name, what) \
	void __ubsan_handle_##name(void *data, unsigned long a, unsigned long b); \
	void __ubsan_handle_##name(void *data, unsigned long a, unsigned long b) \
	{ \
		tell(data, what, a, b); \
	}

CHECK2(add_overflow, "a signed addition overflows")
CHECK2(sub_overflow, "a signed subtraction overflows")
CHECK2(mul_overflow, "a signed multiplication overflows")
CHECK1(negate_overflow, "a negation overflows")
CHECK2(divrem_overflow, "a division by 0, or that overflows")
CHECK2(shift_out_of_bounds, "a shift too far, or of a negative number")
CHECK1(out_of_bounds, "an index outside of its array")
CHECK1(load_invalid_value, "a value that its type does not have")
CHECK1(type_mismatch_v1, "a pointer that is no object of its type")
CHECK2(pointer_overflow, "pointer arithmetic overflows")
CHECK1(vla_bound_not_positive, "an array without elements")
CHECK0(nonnull_arg, "NULL where none is allowed")
CHECK0(invalid_builtin, "a builtin is given what it does not take")
CHECK0(builtin_unreachable, "a place that cannot be reached")
CHECK0(missing_return, "a function ends without its value")

/* Divisions by a constant that is checked are calls where else they were multiplications. */
typedef unsigned __int128 u128;
u128 __udivti3(u128 a, u128 b);
u128 __udivti3(u128 a, u128 b)
{
	u128 quotient = 0, rest = 0;

	for (int i = 127; i >= 0; i--) {
		rest = rest << 1 | (a >> i & 1);
		if (rest >= b) {
			rest -= b;
			quotient |= (u128)1 << i;
		}
	}
	return quotient;
}
