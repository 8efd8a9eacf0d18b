/* SPDX-License-Identifier: MIT
 *
 * The inside of consoles, shared by fs/tty.c (ports, streams, output) and fs/tty-line.c (the terminal: line discipline, ioctls).
 *
 *	driver --console_port_input()--> tty_line_input() [terminal: edit, echo, signals] --> port.in ring --> read(2)
 *	write(2) --> [terminal: OPOST] --> console_port.write()
 *
 * There is one terminal, although its input and its output may be different ports (samara.stdin and samara.stdout of one host terminal).
 */
#pragma once

#include "fs/tty.h"
#include "libc/types.h"
#include "sched/mutex.h"
#include "sched/waitq.h"

#define TTY_IN_SIZE	4096u		/* N_TTY_BUF_SIZE of Linux: longest line in canonical mode */
#define TTY_ECHO_SIZE	512u

/* struct termios2 of Linux, asm-generic/termbits.h; struct termios is its first 36 bytes. */
#define TTY_NCCS	19
struct uio;

struct tty_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line;
	uint8_t cc[TTY_NCCS];
	uint32_t ispeed, ospeed;
};
_Static_assert(sizeof(struct tty_termios) == 44, "struct termios2");

/* Index of cc[], asm-generic/termbits.h. */
enum { VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL, VREPRINT, VDISCARD, VWERASE, VLNEXT, VEOL2 };

/* c_iflag */
#define IGNBRK	0000001u
#define ISTRIP	0000040u
#define INLCR	0000100u
#define IGNCR	0000200u
#define ICRNL	0000400u
#define IXON	0002000u
#define IXANY	0004000u
#define IMAXBEL	0020000u
#define IUTF8	0040000u
/* c_oflag */
#define OPOST	0000001u
#define ONLCR	0000004u
#define OCRNL	0000010u
#define ONOCR	0000020u
#define ONLRET	0000040u
#define TABDLY	0014000u
#define XTABS	0014000u
/* c_cflag */
#define B38400	0000017u
#define CS8	0000060u
#define CREAD	0000200u
/* c_lflag */
#define ISIG	0000001u
#define ICANON	0000002u
#define ECHO	0000010u
#define ECHOE	0000020u
#define ECHOK	0000040u
#define ECHONL	0000100u
#define NOFLSH	0000200u
#define TOSTOP	0000400u
#define ECHOCTL	0001000u
#define ECHOKE	0004000u
#define IEXTEN	0100000u

/* Bytes that wait for a reader. Positions count up for ever; index is position mod TTY_IN_SIZE. */
struct tty_ring {
	uint32_t tail;		/* [tty.lock], looked at by sleepers: next byte to read */
	uint32_t canon;		/* [tty.lock], likewise: end of the last complete line */
	uint32_t head;		/* [tty.lock], likewise: next free */
	uint8_t data[TTY_IN_SIZE];
	uint8_t is_delimiter[TTY_IN_SIZE / 8];	/* canonical mode: the byte ends a line (newline, EOL, EOF) */
	uint8_t is_eof[TTY_IN_SIZE / 8];	/* and is an EOF character, which is not read */
};

/* The state of one port. Created by console_port_register(), never freed. */
struct tty {
	struct console_port *port;	/* [I] */
	struct tty *next;		/* [I] list of all */
	struct mutex lock;		/* input side; before no other but wait queues */
	struct waitq readable, writable;
	struct tty_ring in;
	bool is_terminal;		/* [lock] its input goes through the line discipline */
	uint32_t is_hung_up;		/* [a] input ended: end of file once the ring is empty */
	uint32_t is_throttled;		/* [lock] the driver was told that not all fitted */
	uint32_t is_output_busy;	/* [a] a write is under way; released with a wake of writable */
	uint32_t is_output_full;	/* [a] the driver took nothing; cleared by console_port_writable() */
	uint32_t nr_writable;		/* [a] calls of console_port_writable() */
	uint64_t ino;			/* [I] */
};

/* The terminal. One, static. */
struct terminal {
	struct mutex lock;
	struct tty_termios termios;	/* [lock] */
	uint16_t rows, cols, xpixel, ypixel;	/* [lock] */
	int pgrp, session;		/* [lock] */
	uint32_t column;		/* [a] cursor column as far as known: for tabs and erasing, nothing depends on it */
	uint32_t line_column;		/* [lock] where the line that is typed began */
	uint32_t signals;		/* [lock] bits of signals to send */
	bool is_literal;		/* [lock] VLNEXT was typed */
	uint32_t is_stopped;		/* [a] ^S */
	struct waitq started;		/* writers on all its ports, until it is not stopped any more */
	struct tty *in, *out;		/* [a] */
	/* Echo that waits until the output is free. */
	uint8_t echo[TTY_ECHO_SIZE];	/* [lock] */
	uint32_t nr_echo;		/* [lock], looked at without */
};
extern struct terminal terminal;

/* fs/tty-line.c */
/* t->lock held. Process input; bytes taken. */
size_t tty_line_input(struct tty *t, const uint8_t *buf, size_t len);
ssize_t tty_line_read(struct tty *t, struct uio *u, bool is_nonblock);
bool tty_line_is_readable(struct tty *t);
/* OPOST: translate up to len bytes into out (size bytes); *used: bytes consumed. Length of the output. Caller has t's output. */
size_t tty_line_output(const uint8_t *buf, size_t len, uint8_t *out, size_t size, size_t *used);
bool tty_line_has_opost(void);
long tty_line_ioctl(struct tty *in, struct tty *out, unsigned cmd, unsigned long arg);
/* Send the signals and the echo that input left, without locks held. */
void tty_line_deliver(struct tty *t);

/* fs/tty.c */
/* tty_open_stream() for who gives the file a name of its own (fs/tty-dev.c). */
int tty_open_port(const char *port, bool is_tty, unsigned flags, struct file **out);
bool tty_ring_put(struct tty *t, uint8_t c);		/* t->lock held; false: full */
size_t tty_ring_copy_out(struct tty *t, struct uio *u, size_t len, ssize_t *error);
void tty_unthrottle(struct tty *t);			/* without lock, after bytes were taken */
void tty_flush_echo(void);				/* send echo if the output is free */
int tty_output_drain(struct tty *t, unsigned wait_flags);	/* wait_flags: WAIT_INTERRUPTIBLE or 0. 0 or -EINTR */
