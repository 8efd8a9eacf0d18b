/* SPDX-License-Identifier: MIT
 *
 * What a panic report needs of the machine. Context: any.
 */
#pragma once

#include "libc/types.h"

struct frame;

/* [a] The exception that is the reason for a panic; NULL if code called panic(). */
extern const struct frame *arch_panic_frame;

/* Print the registers of f through log_raw(). */
void arch_frame_print(const struct frame *f);

/*
 * Return addresses by frame records, from f (NULL: the caller), innermost first; at most max. Never faults: reads only the stack that
 * the records start on. *outer, unless outer is NULL: the address of the record after the last one, such as the application's under that of a system call; 0 for none.
 */
unsigned arch_backtrace(const struct frame *f, vaddr_t *pcs, unsigned max, vaddr_t *outer);
