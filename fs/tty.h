/* SPDX-License-Identifier: MIT
 *
 * Consoles: the byte streams that the program's descriptors 0, 1, 2 lead to, and the terminal in front of one. Drivers (UART in boards/, virtio console) implement
 * struct console_port; fs/tty.c turns ports into files: a terminal with line discipline (termios(3)) or a plain stream that is not a tty.
 */
#pragma once

#include "libc/types.h"

struct file;

struct console_port {
	const char *name;			/* "pl011", "samara.stdout" */
	/* Queue or send up to len bytes; number taken, 0 if full (then console_port_writable() will be called). Context: thread, may sleep. */
	size_t (*write)(struct console_port *p, const void *buf, size_t len);
	/* Wait until all is sent; wait_flags as of a wait queue (WAIT_INTERRUPTIBLE): 0, or what a signal makes of the wait. May be NULL. */
	int (*drain)(struct console_port *p, unsigned wait_flags);
	/* The reader has taken bytes: more may be passed to console_port_input(). May be NULL. */
	void (*unthrottle)(struct console_port *p);
	void *priv;
	void *tty;				/* fs/tty.c */
};

/* Known to fs/ from now on; pin. */
int console_port_register(struct console_port *p);
/* Bytes from outside: number taken (the rest is offered again after unthrottle()). len 0: end of file. Context: thread. */
size_t console_port_input(struct console_port *p, const void *buf, size_t len);
void console_port_writable(struct console_port *p);

/* Files for descriptors 0, 1, 2: port names (NULL: the only port); is_tty from the command line. */
int tty_open_stream(const char *port, bool is_tty, unsigned flags, struct file **out);
void tty_set_winsize(unsigned cols, unsigned rows);
/* ^C, ^\, ^Z on a terminal: set by linux/ (sends SIGINT, SIGQUIT, SIGTSTP to the application). */
extern void (*tty_signal_hook)(int sig);
void tty_drain_all(void);
