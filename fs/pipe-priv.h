/* SPDX-License-Identifier: MIT
 *
 * The inside of a pipe, shared by fs/pipe.c (read, write, open) and fs/splice.c (pages that move by reference).
 *
 * A pipe is a ring of buffers, each at most one page:
 *
 *	buf[tail & mask] .. buf[(head - 1) & mask]	in use, oldest first
 *	head - tail <= nr_slots				capacity in pages: what F_SETPIPE_SZ sets
 *
 * A page that the pipe allocated may take later bytes behind its end (can_merge); one that came by splice belongs to others too and is only read.
 */
#pragma once

#include "sched/sleeper.h"
#include "libc/atomic.h"
#include "libc/types.h"
#include "sched/mutex.h"
#include "sched/waitq.h"

#define PIPE_DEFAULT_SLOTS	16u
#define PIPE_FEW_SLOTS		2u	/* of a user who has many: pipe_user_soft */

struct file;

struct pipe_buf {
	uint8_t *page;		/* linear-map address of the page; a reference (page_put) */
	uint16_t off;
	uint16_t len;		/* > 0 */
	bool can_merge;		/* the page is the pipe's own, nobody else has a reference */
	bool is_packet;		/* O_DIRECT: read ends with it */
};

/* Created by pipe_create() or the first open of a FIFO; freed when the last file on it is released. */
struct pipe {
	struct mutex lock;
	struct sleeper reader, writer;	/* the first who sleeps in read, in write */
	struct waitq rd;	/* readable, or the last writer has gone */
	struct waitq wr;	/* room, or the last reader has gone */
	struct pipe_buf *bufs;	/* [lock] nr_slots of them */
	uint32_t nr_slots;	/* [lock] power of two */
	uint32_t tells_reads;	/* [lock] writers that want a signal of each read: fs/async.h */
	uint32_t head, tail;	/* [lock] written also atomically: looked at by sleepers */
	uint8_t *spare;		/* [lock] a page kept for the next write */
	uint32_t nr_readers, nr_writers;	/* [lock], looked at by sleepers: files that may read, write */
	uint32_t reader_opens, writer_opens;	/* [lock], looked at by sleepers: opens so far */
	uint32_t nr_files;	/* [a] references; of a FIFO changed under fifo_lock */
	struct pipe **slot;	/* [I] FIFO: the inode's pointer here */
	uint64_t ino;		/* [I] */
	uint32_t nr_charged;	/* [lock] slots that pipe_user_slots counts */
	struct anon_attr *attr;	/* fs/anon-attr.h */
	struct pipe_buf inline_bufs[PIPE_DEFAULT_SLOTS];
};

struct pipe *file_pipe(const struct file *f);	/* NULL: not a pipe */

static inline bool pipe_is_empty(const struct pipe *p)
{
	return atomic_load(&p->head, RELAXED) == atomic_load(&p->tail, RELAXED);
}

static inline bool pipe_is_full(const struct pipe *p)
{
	return atomic_load(&p->head, RELAXED) - atomic_load(&p->tail, RELAXED) >= atomic_load(&p->nr_slots, RELAXED);
}

static inline struct pipe_buf *pipe_buf_at(struct pipe *p, uint32_t i)
{
	return &p->bufs[i & (p->nr_slots - 1)];
}

/* All with lock held. */
bool pipe_push_page(struct pipe *p, uint8_t *page, unsigned off, unsigned len, bool can_merge);	/* takes the reference; false: full */
void pipe_pop(struct pipe *p);				/* the oldest buffer, its page given back */
void pipe_drop(struct pipe *p);				/* the oldest buffer, its page being somebody else's now */
uint8_t *pipe_page_alloc(struct pipe *p);		/* NULL: no memory */

/* Wait until there is something to read (1), no writer is left (0), or -EAGAIN, -EINTR. And for room (1); -EPIPE. Without lock. */
int pipe_wait_readable(struct pipe *p, bool is_nonblock);
int pipe_wait_writable(struct pipe *p, bool is_nonblock);
void pipe_wake_readers(struct pipe *p);
void pipe_wake_writers(struct pipe *p);
