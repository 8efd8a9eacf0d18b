/* SPDX-License-Identifier: MIT
 *
 * The terminal: line discipline and ioctls of termios(3), ioctl_tty(2). Input bytes are edited, echoed and turned into signals as they come
 * (tty_line_input, in the driver's thread); reads take finished lines, or with ICANON off what VMIN and VTIME say; output gets its newlines.
 *
 * Not here: parity, flow control by modem lines, delays, TOSTOP (there is one job), packet mode.
 */
#include "fs/file.h"
#include "fs/tty-priv.h"
#include "fs/uio.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/user.h"
#include "sched/clock.h"

#define SIGINT		2
#define SIGQUIT		3
#define SIGTSTP		20
#define SIGWINCH	28
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define BEL		7u
#define DEL		127u

struct terminal terminal = {
	.started = WAITQ_INIT(terminal.started),
	.termios = {
		.iflag = ICRNL | IXON | IUTF8,
		.oflag = OPOST | ONLCR,
		.cflag = B38400 | CS8 | CREAD,
		.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.cc = { [VINTR] = 3, [VQUIT] = 28, [VERASE] = DEL, [VKILL] = 21, [VEOF] = 4, [VMIN] = 1, [VSTART] = 17, [VSTOP] = 19,
			[VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15, [VWERASE] = 23, [VLNEXT] = 22 },
		.ispeed = 38400,
		.ospeed = 38400,
	},
	.rows = 24,
	.cols = 80,
	.pgrp = 1,
	.session = 1,
};

static bool has_lflag(uint32_t flag)
{
	return terminal.termios.lflag & flag;
}

/* 0 in cc[] means: no such character. */
static bool is_cc(uint8_t c, unsigned index)
{
	return c && terminal.termios.cc[index] == c;
}

static bool is_continuation(uint8_t c)
{
	return terminal.termios.iflag & IUTF8 && (c & 0xc0) == 0x80;
}

/* ---- echo; all with terminal.lock held ---------------------------------------------------------------------------- */

static void advance_column(uint8_t c)
{
	uint32_t column = atomic_load(&terminal.column, RELAXED);

	if (c == '\r' || c == '\n')
		column = 0;
	else if (c == '\b')
		column -= column != 0;
	else if (c == '\t')
		column = (column | 7) + 1;
	else if (c >= ' ' && c != DEL && !is_continuation(c))
		column++;
	atomic_store(&terminal.column, column, RELAXED);
}

static void echo_raw(uint8_t c)
{
	if (terminal.nr_echo >= TTY_ECHO_SIZE)
		return;
	advance_column(c);
	terminal.echo[terminal.nr_echo] = c;
	atomic_store(&terminal.nr_echo, terminal.nr_echo + 1, RELAXED);
}

static void echo_newline(void)
{
	if ((terminal.termios.oflag & (OPOST | ONLCR)) == (OPOST | ONLCR))
		echo_raw('\r');
	echo_raw('\n');
	atomic_store(&terminal.column, 0u, RELAXED);
}

static bool is_shown_as_caret(uint8_t c)
{
	return has_lflag(ECHOCTL) && (c < ' ' || c == DEL) && c != '\t' && c != '\n';
}

static void echo_char(uint8_t c)
{
	if (c == '\n') {
		echo_newline();
	} else if (is_shown_as_caret(c)) {
		echo_raw('^');
		echo_raw(c ^ 0x40);
	} else {
		echo_raw(c);
	}
}

/* ---- editing; t->lock and terminal.lock held ---------------------------------------------------------------------- */

static uint8_t ring_at(const struct tty *t, uint32_t position)
{
	return t->in.data[position % TTY_IN_SIZE];
}

static bool ring_bit(const uint8_t *bits, uint32_t position)
{
	uint32_t i = position % TTY_IN_SIZE;

	return bits[i / 8] & 1u << i % 8;
}

static void ring_set_bit(uint8_t *bits, uint32_t position)
{
	uint32_t i = position % TTY_IN_SIZE;

	bits[i / 8] |= (uint8_t)(1u << i % 8);
}

/* Columns that the unfinished line up to position takes on the screen. */
static uint32_t line_width(const struct tty *t, uint32_t end)
{
	uint32_t column = terminal.line_column;

	for (uint32_t i = t->in.canon; i != end; i++) {
		uint8_t c = ring_at(t, i);

		if (c == '\t')
			column = (column | 7) + 1;
		else if (is_shown_as_caret(c))
			column += 2;
		else if (c >= ' ' && !is_continuation(c))
			column++;
	}
	return column - terminal.line_column;
}

/* Remove the last character (with its UTF-8 continuation bytes) of the unfinished line. */
static void erase_char(struct tty *t)
{
	uint32_t head = t->in.head, width;

	if (head == t->in.canon)
		return;
	do {
		head--;
	} while (head != t->in.canon && is_continuation(ring_at(t, head)));
	width = line_width(t, t->in.head) - line_width(t, head);
	atomic_store(&t->in.head, head, RELAXED);
	if (!has_lflag(ECHO))
		return;
	if (!has_lflag(ECHOE)) {
		echo_char(terminal.termios.cc[VERASE]);
		return;
	}
	while (width--) {
		echo_raw('\b');
		echo_raw(' ');
		echo_raw('\b');
	}
}

static bool is_word_char(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static void erase_word(struct tty *t)
{
	bool has_seen_word = false;

	while (t->in.head != t->in.canon) {
		bool is_word = is_word_char(ring_at(t, t->in.head - 1));

		if (has_seen_word && !is_word)
			break;
		has_seen_word |= is_word;
		erase_char(t);
	}
}

static void kill_line(struct tty *t)
{
	if (has_lflag(ECHO) && !(has_lflag(ECHOKE) && has_lflag(ECHOE) && has_lflag(ECHOK))) {
		atomic_store(&t->in.head, t->in.canon, RELAXED);
		echo_char(terminal.termios.cc[VKILL]);
		if (has_lflag(ECHOK))
			echo_newline();
		return;
	}
	while (t->in.head != t->in.canon)
		erase_char(t);
}

static void reprint_line(struct tty *t)
{
	echo_char(terminal.termios.cc[VREPRINT]);
	echo_newline();
	for (uint32_t i = t->in.canon; i != t->in.head; i++)
		echo_char(ring_at(t, i));
}

/* ---- input; t->lock and terminal.lock held ------------------------------------------------------------------------ */

static void flush_input(struct tty *t)
{
	atomic_store(&t->in.tail, t->in.head, RELAXED);
	atomic_store(&t->in.canon, t->in.head, RELAXED);
}

static void set_stopped(uint32_t is_stopped)
{
	if (atomic_exchange(&terminal.is_stopped, is_stopped, ACQ_REL) && !is_stopped)	/* acq_rel: needs none; the wake orders */
		waitq_wake_all(&terminal.started, FILE_POLLOUT | FILE_POLLWRNORM);
}

/* Characters with a function in both modes. True: consumed. */
static bool input_special(struct tty *t, uint8_t c)
{
	int sig = 0;

	if (terminal.termios.iflag & IXON) {
		if (is_cc(c, VSTART) || is_cc(c, VSTOP)) {
			set_stopped(!is_cc(c, VSTART));
			return true;
		}
		if (terminal.termios.iflag & IXANY)
			set_stopped(0);
	}
	if (!has_lflag(ISIG))
		return false;
	if (is_cc(c, VINTR))
		sig = SIGINT;
	else if (is_cc(c, VQUIT))
		sig = SIGQUIT;
	else if (is_cc(c, VSUSP))
		sig = SIGTSTP;
	if (!sig)
		return false;
	if (!has_lflag(NOFLSH))
		flush_input(t);
	set_stopped(0);
	if (has_lflag(ECHO))
		echo_char(c);
	terminal.signals |= 1u << sig;
	return true;
}

/* End of a line: readers may have all of it. */
static void input_finish_line(struct tty *t, uint8_t c, bool is_eof)
{
	if (!tty_ring_put(t, c))
		return;
	ring_set_bit(t->in.is_delimiter, t->in.head - 1);
	if (is_eof)
		ring_set_bit(t->in.is_eof, t->in.head - 1);
	atomic_store(&t->in.canon, t->in.head, RELAXED);
}

static bool input_edit(struct tty *t, uint8_t c)
{
	bool is_extended = has_lflag(IEXTEN);

	if (is_cc(c, VERASE)) {
		erase_char(t);
	} else if (is_cc(c, VKILL)) {
		kill_line(t);
	} else if (is_extended && is_cc(c, VWERASE)) {
		erase_word(t);
	} else if (is_extended && is_cc(c, VLNEXT)) {
		terminal.is_literal = true;
		if (has_lflag(ECHO) && has_lflag(ECHOCTL)) {
			echo_raw('^');
			echo_raw('\b');
		}
	} else if (is_extended && is_cc(c, VREPRINT)) {
		if (has_lflag(ECHO))
			reprint_line(t);
	} else if (c == '\n') {
		if (has_lflag(ECHO) || has_lflag(ECHONL))
			echo_newline();
		input_finish_line(t, c, false);
	} else if (is_cc(c, VEOF)) {
		input_finish_line(t, c, true);
	} else if (is_cc(c, VEOL) || (is_extended && is_cc(c, VEOL2))) {
		if (has_lflag(ECHO))
			echo_char(c);
		input_finish_line(t, c, false);
	} else {
		return false;
	}
	return true;
}

/* False: no room, and the mode is one where the byte can wait. */
static bool input_plain(struct tty *t, uint8_t c)
{
	uint32_t used = t->in.head - t->in.tail;

	if (!has_lflag(ICANON) && used == TTY_IN_SIZE)
		return false;
	if (has_lflag(ICANON) && used >= TTY_IN_SIZE - 1) {
		/* Room for the newline must stay; the line can only be ended or edited. */
		if (terminal.termios.iflag & IMAXBEL)
			echo_raw(BEL);
		return true;
	}
	if (t->in.head == t->in.canon)
		terminal.line_column = atomic_load(&terminal.column, RELAXED);
	tty_ring_put(t, c);
	if (has_lflag(ECHO))
		echo_char(c);
	return true;
}

static bool input_byte(struct tty *t, uint8_t c)
{
	uint32_t iflag = terminal.termios.iflag;

	if (iflag & ISTRIP)
		c &= 0x7f;
	if (terminal.is_literal) {
		terminal.is_literal = false;
		return input_plain(t, c);
	}
	if (input_special(t, c))
		return true;
	if (c == '\r') {
		if (iflag & IGNCR)
			return true;
		if (iflag & ICRNL)
			c = '\n';
	} else if (c == '\n' && iflag & INLCR) {
		c = '\r';
	}
	if (has_lflag(ICANON) && input_edit(t, c))
		return true;
	return input_plain(t, c);
}

size_t tty_line_input(struct tty *t, const uint8_t *buf, size_t len)
{
	size_t n = 0;

	mutex_lock(&terminal.lock);
	while (n < len && input_byte(t, buf[n]))
		n++;
	mutex_unlock(&terminal.lock);
	return n;
}

void tty_line_deliver(struct tty *t)
{
	uint32_t signals;

	(void)t;
	mutex_lock(&terminal.lock);
	signals = terminal.signals;
	terminal.signals = 0;
	mutex_unlock(&terminal.lock);
	tty_flush_echo();
	for (int sig = 1; signals && tty_signal_hook; sig++) {
		if (signals & 1u << sig)
			tty_signal_hook(sig);
		signals &= ~(1u << sig);
	}
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool is_canonical(void)
{
	return READ_ONCE(terminal.termios.lflag) & ICANON;
}

static uint32_t nr_available(struct tty *t)
{
	uint32_t tail = atomic_load(&t->in.tail, RELAXED);

	return (is_canonical() ? atomic_load(&t->in.canon, RELAXED) : atomic_load(&t->in.head, RELAXED)) - tail;
}

static bool is_hung_up(struct tty *t)
{
	return atomic_load(&t->is_hung_up, RELAXED);
}

bool tty_line_is_readable(struct tty *t)
{
	uint8_t min = READ_ONCE(terminal.termios.cc[VMIN]), time = READ_ONCE(terminal.termios.cc[VTIME]);

	return nr_available(t) >= (!is_canonical() && min && !time ? min : 1u);
}

/* t->lock held; a line is there. Bytes moved: 0 for a lone EOF character. */
static ssize_t read_line(struct tty *t, struct uio *u)
{
	uint32_t end = t->in.tail;
	bool is_eof = false;
	ssize_t error;
	size_t n;

	while (end != t->in.canon && !ring_bit(t->in.is_delimiter, end))
		end++;
	if (end != t->in.canon) {
		is_eof = ring_bit(t->in.is_eof, end);
		end += !is_eof;
	}
	n = tty_ring_copy_out(t, u, end - t->in.tail, &error);
	if (is_eof && t->in.tail == end)
		atomic_store(&t->in.tail, t->in.tail + 1, RELAXED);
	return n ? (ssize_t)n : error;
}

static ssize_t read_canonical(struct tty *t, struct uio *u, bool is_nonblock)
{
	bool has_slept = false;
	ssize_t n;
	int r;

	for (;;) {
		mutex_lock(&t->lock);
		if (!is_canonical() || nr_available(t)) {
			n = nr_available(t) ? read_line(t, u) : 0;
			mutex_unlock(&t->lock);
			tty_unthrottle(t);
			if (has_slept && nr_available(t))
				waitq_pass_on(&t->readable, POLL_IN);	/* another line */
			return n;
		}
		mutex_unlock(&t->lock);
		if (is_hung_up(t))
			return 0;
		if (is_nonblock)
			return -EAGAIN;
		r = waitq_wait_exclusive(&t->readable, "tty-read", POLL_IN, nr_available(t) || is_hung_up(t) || !is_canonical(), NSEC_NEVER,
					 WAIT_INTERRUPTIBLE);
		if (r)
			return r;
		has_slept = true;
	}
}

/* Wait for at least want bytes; VTIME between bytes. 0, -EAGAIN, -EINTR, -ETIMEDOUT. */
static int wait_raw(struct tty *t, uint32_t want, nsec_t timeout, bool is_nonblock)
{
	uint32_t have = nr_available(t);
	int r = 0;

	while (!r && have < want && !is_hung_up(t) && !is_canonical()) {
		nsec_t deadline = timeout ? clock_monotonic() + timeout : NSEC_NEVER;

		if (is_nonblock)
			return -EAGAIN;
		/* With VTIME wake at each byte, to start the time again. */
		r = waitq_wait_until(&t->readable, "tty-read", POLL_IN,
				     nr_available(t) >= (timeout ? have + 1 : want) || is_hung_up(t) || is_canonical(), deadline, WAIT_INTERRUPTIBLE);
		have = nr_available(t);
	}
	return r;
}

static ssize_t read_raw(struct tty *t, struct uio *u, bool is_nonblock)
{
	uint32_t min = READ_ONCE(terminal.termios.cc[VMIN]);
	nsec_t timeout = READ_ONCE(terminal.termios.cc[VTIME]) * (NSEC_PER_SEC / 10);
	uint32_t want = (uint32_t)MIN((size_t)min, u->left);
	ssize_t error;
	size_t n;
	int r = 0;

	if (!nr_available(t) && (min || timeout))
		r = wait_raw(t, 1, min ? 0 : timeout, is_nonblock);	/* the first byte; with VMIN its time is not limited */
	if (!r && want > 1 && !is_nonblock)
		r = wait_raw(t, want, timeout, false);
	mutex_lock(&t->lock);
	n = tty_ring_copy_out(t, u, u->left, &error);
	mutex_unlock(&t->lock);
	tty_unthrottle(t);
	if (n)
		return (ssize_t)n;
	if (error)
		return error;
	return r == -ETIMEDOUT ? 0 : r;
}

ssize_t tty_line_read(struct tty *t, struct uio *u, bool is_nonblock)
{
	return is_canonical() ? read_canonical(t, u, is_nonblock) : read_raw(t, u, is_nonblock);
}

/* ---- output ----------------------------------------------------------------------------------------------------- */

bool tty_line_has_opost(void)
{
	return READ_ONCE(terminal.termios.oflag) & OPOST;
}

size_t tty_line_output(const uint8_t *buf, size_t len, uint8_t *out, size_t size, size_t *used)
{
	uint32_t oflag = READ_ONCE(terminal.termios.oflag);
	size_t n = 0, i;

	for (i = 0; i < len && n + 8 <= size; i++) {
		uint8_t c = buf[i];

		if (c == '\r' && oflag & OCRNL)
			c = '\n';
		if (c == '\r' && oflag & ONOCR && !atomic_load(&terminal.column, RELAXED))
			continue;
		if (c == '\t' && (oflag & TABDLY) == XTABS) {
			do {
				out[n++] = ' ';
				advance_column(' ');
			} while (atomic_load(&terminal.column, RELAXED) & 7);
			continue;
		}
		if (c == '\n' && oflag & ONLCR)
			out[n++] = '\r';
		out[n++] = c;
		advance_column(c);
	}
	*used = i;
	return n;
}

/* ---- ioctls ----------------------------------------------------------------------------------------------------- */

#define TCGETS		0x5401u
#define TCSETS		0x5402u
#define TCSETSW		0x5403u
#define TCSETSF		0x5404u
#define TCSBRK		0x5409u
#define TCXONC		0x540au
#define TCFLSH		0x540bu
#define TIOCSCTTY	0x540eu
#define TIOCGPGRP	0x540fu
#define TIOCSPGRP	0x5410u
#define TIOCOUTQ	0x5411u
#define TIOCGWINSZ	0x5413u
#define TIOCSWINSZ	0x5414u
#define FIONREAD	0x541bu
#define TIOCNOTTY	0x5422u
#define TIOCGETD	0x5424u
#define TCSBRKP		0x5425u
#define TIOCGSID	0x5429u
#define TCGETS2		0x802c542au
#define TCSETS2		0x402c542bu
#define TCSETSW2	0x402c542cu
#define TCSETSF2	0x402c542du
#define TERMIOS_SIZE	36u		/* struct termios: without the speeds */

struct winsize {
	uint16_t rows, cols, xpixel, ypixel;
};

enum set_when { SET_NOW, SET_DRAIN, SET_FLUSH };

static long ioctl_get_termios(unsigned long arg, size_t size)
{
	struct tty_termios copy;

	mutex_lock(&terminal.lock);
	copy = terminal.termios;
	mutex_unlock(&terminal.lock);
	return copy_to_user((void __user *)arg, &copy, size);
}

static long ioctl_set_termios(struct tty *in, struct tty *out, unsigned long arg, size_t size, enum set_when when)
{
	struct tty_termios copy;
	bool has_switched;
	int r = 0;

	mutex_lock(&terminal.lock);
	copy = terminal.termios;
	mutex_unlock(&terminal.lock);
	if (copy_from_user(&copy, (const void __user *)arg, size))
		return -EFAULT;
	if (when != SET_NOW)
		r = tty_output_drain(out, WAIT_INTERRUPTIBLE);
	if (r)
		return r;
	mutex_lock(&in->lock);
	mutex_lock(&terminal.lock);
	if (when == SET_FLUSH)
		flush_input(in);
	has_switched = (terminal.termios.lflag ^ copy.lflag) & ICANON;
	terminal.termios = copy;
	if (has_switched) {
		/* What is there: one line for canonical readers, plain bytes for others. */
		memset(in->in.is_delimiter, 0, sizeof(in->in.is_delimiter));
		memset(in->in.is_eof, 0, sizeof(in->in.is_eof));
		if (copy.lflag & ICANON && in->in.head != in->in.tail) {
			ring_set_bit(in->in.is_delimiter, in->in.head - 1);
			atomic_store(&in->in.canon, in->in.head, RELAXED);
		} else {
			atomic_store(&in->in.canon, in->in.tail, RELAXED);
		}
	}
	if (!(copy.iflag & IXON))
		set_stopped(0);
	mutex_unlock(&terminal.lock);
	mutex_unlock(&in->lock);
	waitq_wake_all(&in->readable, 0);	/* readers look again under the new rules */
	return 0;
}

static long ioctl_set_winsize(unsigned long arg)
{
	struct winsize w;
	bool has_changed;

	if (copy_from_user(&w, (const void __user *)arg, sizeof(w)))
		return -EFAULT;
	mutex_lock(&terminal.lock);
	has_changed = w.rows != terminal.rows || w.cols != terminal.cols;
	terminal.rows = w.rows;
	terminal.cols = w.cols;
	terminal.xpixel = w.xpixel;
	terminal.ypixel = w.ypixel;
	mutex_unlock(&terminal.lock);
	if (has_changed && tty_signal_hook)
		tty_signal_hook(SIGWINCH);
	return 0;
}

static long ioctl_get_winsize(unsigned long arg)
{
	struct winsize w;

	mutex_lock(&terminal.lock);
	w = (struct winsize){ terminal.rows, terminal.cols, terminal.xpixel, terminal.ypixel };
	mutex_unlock(&terminal.lock);
	return copy_to_user((void __user *)arg, &w, sizeof(w));
}

static long ioctl_flush(struct tty *in, unsigned long queue)
{
	if (queue > 2)
		return -EINVAL;
	if (queue != 1) {	/* TCIFLUSH 0, TCIOFLUSH 2 */
		mutex_lock(&in->lock);
		flush_input(in);
		mutex_unlock(&in->lock);
		tty_unthrottle(in);
	}
	return 0;
}

/* TCOOFF 0, TCOON 1; TCIOFF, TCION send characters to a device: nothing to do here. */
static long ioctl_flow(unsigned long action)
{
	if (action > 3)
		return -EINVAL;
	if (action < 2)
		set_stopped(action == 0);
	return 0;
}

static long ioctl_set_pgrp(unsigned long arg)
{
	uint32_t pgrp;
	int r = user_load32((const uint32_t __user *)arg, &pgrp);

	if (r)
		return r;
	if ((int)pgrp < 0)
		return -EINVAL;
	atomic_store(&terminal.pgrp, (int)pgrp, RELAXED);
	return 0;
}

long tty_line_ioctl(struct tty *in, struct tty *out, unsigned cmd, unsigned long arg)
{
	switch (cmd) {
	case TCGETS:
		return ioctl_get_termios(arg, TERMIOS_SIZE);
	case TCGETS2:
		return ioctl_get_termios(arg, sizeof(struct tty_termios));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return ioctl_set_termios(in, out, arg, TERMIOS_SIZE, (enum set_when)(cmd - TCSETS));
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return ioctl_set_termios(in, out, arg, sizeof(struct tty_termios), (enum set_when)(cmd - TCSETS2));
	case TCSBRK:
	case TCSBRKP:
		return tty_output_drain(out, WAIT_INTERRUPTIBLE);
	case TCXONC:
		return ioctl_flow(arg);
	case TCFLSH:
		return ioctl_flush(in, arg);
	case TIOCGWINSZ:
		return ioctl_get_winsize(arg);
	case TIOCSWINSZ:
		return ioctl_set_winsize(arg);
	case TIOCGPGRP:
		return user_store32((uint32_t __user *)arg, (uint32_t)atomic_load(&terminal.pgrp, RELAXED));
	case TIOCSPGRP:
		return ioctl_set_pgrp(arg);
	case TIOCGSID:
		return user_store32((uint32_t __user *)arg, (uint32_t)atomic_load(&terminal.session, RELAXED));
	case TIOCSCTTY:
	case TIOCNOTTY:
		return 0;
	case FIONREAD:
		return user_store32((uint32_t __user *)arg, nr_available(in));
	case TIOCOUTQ:
	case TIOCGETD:
		return user_store32((uint32_t __user *)arg, 0);
	default:
		return -ENOTTY;
	}
}

void tty_set_winsize(unsigned cols, unsigned rows)
{
	mutex_lock(&terminal.lock);
	terminal.cols = (uint16_t)cols;
	terminal.rows = (uint16_t)rows;
	mutex_unlock(&terminal.lock);
}
