/* SPDX-License-Identifier: MIT
 *
 * Debian's libfdt.a is built with -fstack-protector-strong: it wants a guard value and somewhere to go.
 */
#include "libc/print.h"

extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard = 0x00a5c3e1f00dfeed;	/* a zero byte: strings cannot carry it */
_Noreturn void __stack_chk_fail(void);

void __stack_chk_fail(void)
{
	panic("libfdt: stack smashed");
}
