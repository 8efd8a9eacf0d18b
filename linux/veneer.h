/* SPDX-License-Identifier: MIT
 *
 * Call sites rewritten to branches (design section 5): the portable half. See veneer.c; the machine's half is <arch/veneer.h>.
 */
#pragma once

#include "libc/types.h"

struct frame;

/* After an svc exception with the call in f: rewrite the site if that is allowed and possible. */
void veneer_patch(struct frame *f);
/*
 * Pages in [start, start + len) are about to move: put the calls back, and rewrite none before veneer_move_end(). They may be text, though not executable just now. Context:
 * thread, no lock held.
 */
void veneer_move_begin(vaddr_t start, size_t len);
void veneer_move_end(void);
/* A new program: its address space has no veneers. */
void veneer_reset(void);
void veneer_stats(uint64_t *patched, uint64_t *unreachable);
/* If f->pc lies in a veneer, move it (and the registers) to the site of the call or behind it. Before anybody is shown the frame. */
void veneer_hide(struct frame *f);
