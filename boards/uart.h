/* SPDX-License-Identifier: MIT
 *
 * Consoles on serial ports: a polled writer for the kernel's log, and a console_port for the program's streams.
 *
 * The polled writer and write() may run at once on several CPUs: lines may mix, nothing else. Interrupts serve input, and output when the
 * transmitter's FIFO is full.
 */
#pragma once

#include "fs/tty.h"
#include "libc/atomic.h"
#include "libc/types.h"

struct irq;

enum { UART_FLOWS, UART_FULL /* the rest of pending waits for unthrottle() */, UART_UNTHROTTLED /* it came meanwhile */ };

struct uart {
	uint8_t *regs;		/* [I] mapped; NULL: in I/O ports */
	int irq;		/* [I] -1: none: no input */
	bool is_edge;		/* [I] */
	unsigned reg_shift;	/* [I] 16550: distance of registers, log2 */
	unsigned io_width;	/* [I] 16550: 1 or 4 bytes */
	unsigned fifo_len;	/* [I] 16550: bytes that an empty transmitter takes */
	/* [I] 16550 in I/O ports, which only boards that have them know how to reach. NULL: registers in memory. */
	uint8_t (*port_read)(unsigned reg);
	void (*port_write)(unsigned reg, uint8_t value);
	struct console_port port;
	struct irq *handle;
	uint32_t throttle;	/* [a] UART_* */
	uint8_t pending[32];	/* [handler, or, while UART_FULL, who calls unthrottle()] read from the device, not taken yet */
	unsigned pending_pos, pending_len;
};

/* 0 or -errno. Context: boot CPU; then log_sink works. */
int ns16550_init(struct uart *u);
int pl011_init(struct uart *u);
/* Register the port with fs/tty.h and its interrupt. Context: thread. */
void ns16550_start(struct uart *u);
void pl011_start(struct uart *u);

/* For drivers: offer what is pending. False: not all was taken; uart_unthrottle() will be called. */
bool uart_offer(struct uart *u);
/* For drivers: the port's unthrottle(). True: all that was pending is taken, let the device interrupt again. */
bool uart_unthrottle(struct uart *u);
static inline bool uart_is_full(struct uart *u)
{
	return atomic_load(&u->throttle, ACQUIRE) == UART_FULL;
}
