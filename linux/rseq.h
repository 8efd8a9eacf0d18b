/* SPDX-License-Identifier: MIT
 *
 * Restartable sequences, between the files of linux/. See rseq.c.
 */
#pragma once

struct frame;
struct task;

/* ATTN_RSEQ: bring the area up to date, leave a critical section. */
void rseq_resume(struct frame *f);
/* A signal handler is about to interrupt the code in f. */
void rseq_before_handler(struct frame *f);
/* The area is no more (execve, or it cannot be written). */
void rseq_forget(struct task *t);
