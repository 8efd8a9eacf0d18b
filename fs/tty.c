/* SPDX-License-Identifier: MIT
 *
 * Consoles: ports and the files on them. A file is either a plain stream (isatty(3) is false: like a pipe from or to the host) or the terminal, whose line
 * discipline is in fs/tty-line.c.
 *
 * Output: one write(2) at a time has the port (is_output_busy), so that writes of several threads do not mix; waiting for it or for the driver is
 * interruptible. Bytes go to the driver in pieces as large as possible: a small write through a buffer on the stack, a large one through an allocated one.
 *
 * Input: the driver calls console_port_input() from its thread; what does not fit stays with the driver, which is told by unthrottle() when a reader has made
 * room (at half empty).
 */
#include "fs/async.h"
#include "fs/file.h"
#include "fs/special-priv.h"
#include "fs/tty-priv.h"
#include "fs/uio.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/user.h"
#include "sched/sync.h"

#define FIONREAD	0x541bu
#define SMALL_WRITE	512u
#define LARGE_BUFFER	(32u * 1024)
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM)
#define TTY_RDEV	0x501u		/* 5:1, /dev/console */

/* Private part of a file. Created by tty_open_stream(), freed with the file. */
struct tty_stream {
	struct tty *port;	/* [I] */
	unsigned mode;		/* [I] O_ACCMODE that it was opened with */
	bool is_tty;		/* [I] */
};

/* The terminal is one, whatever port a file on it was opened for: reads come from its input; writes to a port that is only input go to its output. */
static struct tty *stream_in(const struct tty_stream *s)
{
	struct tty *in = s->is_tty ? atomic_load(&terminal.in, RELAXED) : NULL;

	return in ? in : s->port;
}

static struct tty *stream_out(const struct tty_stream *s)
{
	struct tty *out = s->is_tty && s->mode == O_RDONLY ? atomic_load(&terminal.out, RELAXED) : NULL;

	return out ? out : s->port;
}

static struct mutex ports_lock;
static struct tty *ports;	/* [ports_lock] */

void (*tty_signal_hook)(int sig);

/* ---- input ------------------------------------------------------------------------------------------------------ */

static uint32_t ring_used(const struct tty_ring *r)
{
	return atomic_load(&r->head, RELAXED) - atomic_load(&r->tail, RELAXED);
}

bool tty_ring_put(struct tty *t, uint8_t c)
{
	struct tty_ring *r = &t->in;
	uint32_t i = r->head % TTY_IN_SIZE;

	if (ring_used(r) == TTY_IN_SIZE)
		return false;
	r->data[i] = c;
	r->is_delimiter[i / 8] &= (uint8_t) ~(1u << i % 8);
	r->is_eof[i / 8] &= (uint8_t) ~(1u << i % 8);
	atomic_store(&r->head, r->head + 1, RELAXED);
	return true;
}

/* t->lock held. Move up to len bytes to u. */
size_t tty_ring_copy_out(struct tty *t, struct uio *u, size_t len, ssize_t *error)
{
	struct tty_ring *r = &t->in;
	size_t done = 0;

	*error = 0;
	len = MIN(len, (size_t)ring_used(r));
	while (done < len && u->left) {
		uint32_t i = r->tail % TTY_IN_SIZE;
		size_t want = MIN(len - done, u->left), part = MIN(want, (size_t)(TTY_IN_SIZE - i));
		ssize_t n = uio_copy_to(u, r->data + i, part);

		if (n < 0) {
			*error = n;
			break;
		}
		atomic_store(&r->tail, r->tail + (uint32_t)n, RELAXED);
		done += (size_t)n;
		if ((size_t)n < part)
			break;
	}
	return done;
}

void tty_unthrottle(struct tty *t)
{
	bool must_tell;

	mutex_lock(&t->lock);
	must_tell = t->is_throttled && ring_used(&t->in) <= TTY_IN_SIZE / 2;
	if (must_tell)
		t->is_throttled = false;
	mutex_unlock(&t->lock);
	if (must_tell && t->port->unthrottle)
		t->port->unthrottle(t->port);
}

static size_t stream_input(struct tty *t, const uint8_t *buf, size_t len)
{
	struct tty_ring *r = &t->in;
	size_t done = 0;

	len = MIN(len, (size_t)(TTY_IN_SIZE - ring_used(r)));
	while (done < len) {
		uint32_t i = r->head % TTY_IN_SIZE;
		size_t part = MIN(len - done, (size_t)(TTY_IN_SIZE - i));

		memcpy(r->data + i, buf + done, part);
		/* release: the bytes before head. Pairs: none needed beyond t->lock, sleepers only look at the count */
		atomic_store(&r->head, r->head + (uint32_t)part, RELEASE);
		done += part;
	}
	return done;
}

size_t console_port_input(struct console_port *p, const void *buf, size_t len)
{
	struct tty *t = p->tty;
	size_t taken;

	if (!t)
		return len;
	mutex_lock(&t->lock);
	if (t->is_terminal)
		taken = tty_line_input(t, buf, len);
	else
		taken = stream_input(t, buf, len);
	atomic_store(&t->is_hung_up, len == 0, RELAXED);
	t->is_throttled = taken < len;
	mutex_unlock(&t->lock);
	if (t->is_terminal)
		tty_line_deliver(t);
	waitq_wake(&t->readable, len ? 1 : (unsigned)-1, len ? POLL_IN : POLL_IN | FILE_POLLHUP);
	return taken;
}

static bool stream_is_readable(struct tty *t)
{
	return ring_used(&t->in) || atomic_load(&t->is_hung_up, RELAXED);
}

static ssize_t stream_read(struct tty *t, struct uio *u, bool is_nonblock)
{
	bool has_slept = false;
	ssize_t error;
	size_t n;
	int r;

	for (;;) {
		mutex_lock(&t->lock);
		n = tty_ring_copy_out(t, u, u->left, &error);
		mutex_unlock(&t->lock);
		if (n) {
			tty_unthrottle(t);
			if (has_slept && stream_is_readable(t))
				waitq_pass_on(&t->readable, POLL_IN);
			return (ssize_t)n;
		}
		if (error || atomic_load(&t->is_hung_up, RELAXED))
			return error;
		if (is_nonblock)
			return -EAGAIN;
		r = waitq_wait_exclusive(&t->readable, "console-read", POLL_IN, stream_is_readable(t), NSEC_NEVER, WAIT_INTERRUPTIBLE);
		if (r)
			return r;
		has_slept = true;
	}
}

static ssize_t tty_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct tty_stream *s = f->private;

	(void)pos;
	if (!u->left)
		return 0;
	return s->is_tty ? tty_line_read(stream_in(s), u, special_is_nonblock(f)) : stream_read(s->port, u, special_is_nonblock(f));
}

/* ---- output ----------------------------------------------------------------------------------------------------- */

static bool output_try_begin(struct tty *t)
{
	uint32_t free = 0;

	/* acquire: what the last owner did to the port. Pairs: output_end */
	return atomic_cas(&t->is_output_busy, &free, 1u, ACQUIRE);
}

static int output_begin(struct tty *t, bool is_nonblock)
{
	if (output_try_begin(t))
		return 0;
	if (is_nonblock)
		return -EAGAIN;
	return waitq_wait_until(&t->writable, "console-lock", 0, output_try_begin(t), NSEC_NEVER, WAIT_INTERRUPTIBLE);
}

static void output_end(struct tty *t)
{
	atomic_store(&t->is_output_busy, 0u, RELEASE);	/* release: the port's state. Pairs: output_try_begin */
	waitq_wake_all(&t->writable, POLL_OUT);
	if (t == atomic_load(&terminal.out, RELAXED))
		tty_flush_echo();
}

void console_port_writable(struct console_port *p)
{
	struct tty *t = p->tty;

	if (!t)
		return;
	atomic_fetch_add(&t->nr_writable, 1u, RELAXED);
	/* The count, then the flag: a writer that sets the flag later sees the count and clears it. Pairs: output_bytes */
	atomic_fence(SEQ_CST);
	atomic_store(&t->is_output_full, 0u, RELAXED);
	waitq_wake_all(&t->writable, POLL_OUT);
}

/* The caller has the output. Bytes the driver took; less than len after -EAGAIN or -EINTR in *error. */
static size_t output_bytes(struct tty *t, const uint8_t *buf, size_t len, bool is_nonblock, int *error)
{
	size_t done = 0;

	*error = 0;
	while (done < len) {
		uint32_t seen = atomic_load(&t->nr_writable, ACQUIRE);
		size_t n = t->port->write(t->port, buf + done, len - done);

		done += n;
		if (n)
			continue;
		atomic_store(&t->is_output_full, 1u, RELAXED);
		atomic_fence(SEQ_CST);	/* is_output_full = 1 before the look at nr_writable. Pairs: tty_port_writable */
		if (atomic_load(&t->nr_writable, RELAXED) != seen) {
			atomic_store(&t->is_output_full, 0u, RELAXED);	/* room came between the two */
			continue;
		}
		*error = is_nonblock ? -EAGAIN
				     : waitq_wait_until(&t->writable, "console-write", 0, atomic_load(&t->nr_writable, RELAXED) != seen, NSEC_NEVER,
							WAIT_INTERRUPTIBLE);
		if (*error)
			break;
	}
	return done;
}

/* The same through OPOST; counts bytes of buf. What was translated is sent even if a signal comes in between: it may not be sent twice. */
static size_t output_cooked(struct tty *t, const uint8_t *buf, size_t len, bool is_nonblock, int *error)
{
	uint8_t out[256];
	size_t done = 0;

	*error = 0;
	while (done < len && !*error) {
		size_t used, n = tty_line_output(buf + done, len - done, out, sizeof(out), &used), sent;

		sent = output_bytes(t, out, n, is_nonblock, error);
		if (!sent && n)
			break;
		while (sent < n) {
			int ignored;
			size_t more = output_bytes(t, out + sent, n - sent, false, &ignored);

			if (!more)
				break;	/* a signal, and no room: the rest of at most 256 bytes is lost */
			sent += more;
		}
		done += used;
	}
	return done;
}

/* All ports of the terminal stop and start together, whatever port the ^Q or the ioctl came by. */
static int output_wait_started(bool is_nonblock)
{
	if (likely(!atomic_load(&terminal.is_stopped, RELAXED)))
		return 0;
	if (is_nonblock)
		return -EAGAIN;
	return waitq_wait_until(&terminal.started, "tty-stopped", 0, !atomic_load(&terminal.is_stopped, RELAXED), NSEC_NEVER, WAIT_INTERRUPTIBLE);
}

static ssize_t tty_write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct tty_stream *s = f->private;
	struct tty *t = stream_out(s);
	bool is_nonblock = special_is_nonblock(f), is_cooked;
	uint8_t small[SMALL_WRITE], *buf = small, *large = NULL;
	size_t size = sizeof(small), total = 0;
	int r = 0;

	(void)pos;
	if (!u->left)
		return 0;
	if (s->is_tty)
		r = output_wait_started(is_nonblock);
	else if (s->mode == O_WRONLY && atomic_load(&t->is_hung_up, RELAXED))
		r = -EPIPE;	/* nobody reads any more */
	if (!r)
		r = output_begin(t, is_nonblock);
	if (r)
		return r;
	if (u->left > sizeof(small)) {
		size = MIN(u->left, (size_t)LARGE_BUFFER);
		large = kmalloc(size);
		buf = large ? large : small;
		size = large ? size : sizeof(small);
	}
	is_cooked = s->is_tty && tty_line_has_opost();
	while (u->left && !r) {
		size_t sent;
		ssize_t n;

		if (s->is_tty && total)
			r = output_wait_started(is_nonblock);
		if (r)
			break;
		n = uio_copy_from(u, buf, MIN(size, u->left));
		if (n < 0) {
			r = (int)n;
			break;
		}
		sent = is_cooked ? output_cooked(t, buf, (size_t)n, is_nonblock, &r) : output_bytes(t, buf, (size_t)n, is_nonblock, &r);
		total += sent;
	}
	output_end(t);
	kfree(large);
	return total ? (ssize_t)total : r;
}

/* Echo goes out when the output is free: here, or by the write that has it, when it ends. */
void tty_flush_echo(void)
{
	struct tty *t = atomic_load(&terminal.out, RELAXED);
	uint8_t buf[TTY_ECHO_SIZE];
	size_t n, sent = 0;

	if (!t)
		return;
	/* seq_cst: nr_echo set, then is_output_busy looked at; the other side clears busy, then looks at nr_echo. Pairs: fence in waitq_wake of output_end */
	atomic_fence(SEQ_CST);
	while (atomic_load(&terminal.nr_echo, RELAXED) && output_try_begin(t)) {
		mutex_lock(&terminal.lock);
		n = terminal.nr_echo;
		memcpy(buf, terminal.echo, n);
		atomic_store(&terminal.nr_echo, 0u, RELAXED);
		mutex_unlock(&terminal.lock);
		while (sent < n) {
			size_t more = t->port->write(t->port, buf + sent, n - sent);

			if (!more)
				break;	/* nobody reads: echo is dropped, as a real terminal's would be */
			sent += more;
		}
		sent = 0;
		atomic_store(&t->is_output_busy, 0u, RELEASE);	/* as output_end, without coming back here */
		waitq_wake_all(&t->writable, POLL_OUT);
	}
}

int tty_output_drain(struct tty *t, unsigned wait_flags)
{
	return t->port->drain ? t->port->drain(t->port, wait_flags) : 0;
}

void tty_drain_all(void)
{
	struct tty *t;

	mutex_lock(&ports_lock);
	t = ports;
	mutex_unlock(&ports_lock);
	for (; t; t = t->next)
		(void)tty_output_drain(t, 0);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static uint32_t tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty_stream *s = f->private;
	struct tty *in = stream_in(s), *out = stream_out(s);
	unsigned mode = atomic_load(&f->flags, RELAXED) & O_ACCMODE;
	uint32_t events = 0;

	if (mode != O_WRONLY) {
		if (pt && (pt->events & POLL_IN || !(pt->events & POLL_OUT)))
			poll_add(pt, &in->readable);
		if (s->is_tty ? tty_line_is_readable(in) : ring_used(&in->in) != 0)
			events |= POLL_IN;
		if (atomic_load(&in->is_hung_up, RELAXED))
			events |= s->is_tty ? POLL_IN | FILE_POLLHUP : FILE_POLLHUP;
	}
	if (mode != O_RDONLY) {
		if (pt && pt->events & POLL_OUT) {
			poll_add(pt, &out->writable);
			if (s->is_tty)
				poll_add(pt, &terminal.started);
		}
		if (!atomic_load(&out->is_output_full, RELAXED) && !(s->is_tty && atomic_load(&terminal.is_stopped, RELAXED)))
			events |= POLL_OUT;
	}
	return events;
}

/* Of a terminal what can be read counts: a line, or a byte in raw mode. */
static int tty_async(struct file *f, uint32_t what)
{
	struct tty_stream *s = f->private;

	if (what & FILE_POLLIN && s->is_tty && !tty_line_is_readable(stream_in(s)) && !atomic_load(&stream_in(s)->is_hung_up, RELAXED))
		return BAND_NONE;
	return file_async_plain(f, what);
}

static long tty_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct tty_stream *s = f->private;

	if (s->is_tty)
		return tty_line_ioctl(stream_in(s), stream_out(s), cmd, arg);
	if (cmd == FIONREAD)
		return user_store32((uint32_t __user *)arg, ring_used(&s->port->in));
	return -ENOTTY;
}

static int tty_stat(struct file *f, struct stat_info *out)
{
	struct tty_stream *s = f->private;

	special_stat(out, s->is_tty ? SPECIAL_IFCHR | 0620 : SPECIAL_IFIFO | 0600, stream_in(s)->ino);
	if (s->is_tty)
		out->rdev = TTY_RDEV;
	if (f->vnode) {
		out->dev = f->vnode->super->dev;
		out->ino = f->vnode->ino;
		out->rdev = f->vnode->rdev;
	}
	return 0;
}

static void tty_release(struct file *f)
{
	kfree(f->private);
}

static const struct file_ops tty_ops = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.async = tty_async,
	.ioctl = tty_ioctl,
	.stat = tty_stat,
	.release = tty_release,
};

int console_port_register(struct console_port *p)
{
	struct tty *t = KNEW(struct tty);

	if (!t)
		return -ENOMEM;
	t->port = p;
	t->ino = special_new_ino();
	waitq_init(&t->readable);
	waitq_init(&t->writable);
	p->tty = t;
	mutex_lock(&ports_lock);
	t->next = ports;
	ports = t;
	mutex_unlock(&ports_lock);
	return 0;
}

static struct tty *port_find(const char *name)
{
	struct tty *t;

	mutex_lock(&ports_lock);
	for (t = ports; t; t = t->next)
		if (!name || !strcmp(t->port->name, name))
			break;
	mutex_unlock(&ports_lock);
	return t;
}

/* t becomes the terminal's input, output or both, as far as those are not known yet. */
static void terminal_attach(struct tty *t, unsigned mode)
{
	if (mode != O_WRONLY && !terminal.in) {
		atomic_store(&terminal.in, t, RELAXED);
		mutex_lock(&t->lock);
		t->is_terminal = true;
		mutex_unlock(&t->lock);
	}
	if (mode != O_RDONLY && !terminal.out)
		atomic_store(&terminal.out, t, RELAXED);
}

/* Of a terminal that comes as several ports each carries one direction, whatever it is opened for. */
static unsigned port_mode(const struct tty *t, unsigned flags)
{
	const char *name = strrchr(t->port->name, '.');

	if (name && !strcmp(name, ".stdin"))
		return O_RDONLY;
	if (name && (!strcmp(name, ".stdout") || !strcmp(name, ".stderr")))
		return O_WRONLY;
	return flags & O_ACCMODE;
}

int tty_open_port(const char *port, bool is_tty, unsigned flags, struct file **out)
{
	struct tty *t = port_find(port);
	struct tty_stream *s;
	struct file *f;

	if (!t)
		return -ENXIO;
	s = KNEW(struct tty_stream);
	if (!s)
		return -ENOMEM;
	s->port = t;
	s->mode = port_mode(t, flags);
	if (is_tty)
		terminal_attach(t, s->mode);
	s->is_tty = is_tty;
	/* A terminal is open for both, as a login leaves it: programs read passwords from descriptor 2. */
	f = file_alloc(&tty_ops, is_tty ? O_RDWR | (flags & O_NONBLOCK) : flags & (O_ACCMODE | O_NONBLOCK | O_APPEND), s);
	if (!f) {
		kfree(s);
		return -ENOMEM;
	}
	f->kind = is_tty ? "tty" : "pipe";
	*out = f;
	return 0;
}
