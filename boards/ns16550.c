/* SPDX-License-Identifier: MIT
 *
 * 16550-compatible UART in memory, or in I/O ports (National Semiconductor PC16550D data sheet, 8.0 Registers). Speed and format are left as the firmware set them.
 */
#include "boards/uart.h"

#include <arch/barrier.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "sched/irq.h"
#include "sched/thread.h"

enum { RBR_THR = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5 };
#define IER_RX		1u
#define IER_TX		2u
#define FCR_ENABLE	1u
#define MCR_OUT2	8u	/* gates the interrupt on PCs */
#define LSR_DR		1u
#define LSR_THRE	0x20u
#define FIFO_LEN	16
/*
 * Looks at a transmitter that is full, then the text is dropped: a port without a listener must not stop the kernel. An emulator on a busy host takes nothing for a tenth of a
 * second; who has taken nothing for seconds is not waited for again until there is room.
 */
#define TX_TRIES	4000000u
#define TX_TRIES_STUCK	1000u

static struct uart *log_uart;

static uint32_t reg_read(const struct uart *u, unsigned reg)
{
	const uint8_t *p = u->regs + (reg << u->reg_shift);

	if (u->port_read)
		return u->port_read(reg);
	return u->io_width == 4 ? mmio_read32(p) : mmio_read8(p);
}

static void reg_write(const struct uart *u, unsigned reg, uint32_t v)
{
	uint8_t *p = u->regs + (reg << u->reg_shift);

	if (u->port_write)
		u->port_write(reg, (uint8_t)v);
	else if (u->io_width == 4)
		mmio_write32(p, v);
	else
		mmio_write8(p, (uint8_t)v);
}

/* The transmitter is empty: as many bytes as its FIFO has may follow without another look. */
static void sink(const char *text, size_t len)
{
	struct uart *u = log_uart;
	static bool is_stuck;
	unsigned room = 0, tries = 0, max = is_stuck ? TX_TRIES_STUCK : TX_TRIES;

	for (size_t i = 0; i < len; i++) {
		for (; !room && tries < max; tries++)
			if (reg_read(u, LSR) & LSR_THRE)
				room = u->fifo_len;
		is_stuck = !room;
		if (is_stuck)
			return;
		room--;
		reg_write(u, RBR_THR, (uint8_t)text[i]);
	}
}

static size_t port_write(struct console_port *p, const void *buf, size_t len)
{
	struct uart *u = p->priv;
	size_t n = 0;

	while (n < len && (reg_read(u, LSR) & LSR_THRE)) {
		for (unsigned i = 0; i < u->fifo_len && n < len; i++)
			reg_write(u, RBR_THR, ((const uint8_t *)buf)[n++]);
	}
	if (!n && len)
		reg_write(u, IER, IER_TX | (uart_is_full(u) ? 0 : IER_RX));
	return n;
}

static void handler(void *ctx)
{
	struct uart *u = ctx;

	while (!uart_is_full(u)) {
		unsigned n = 0;

		while (n < sizeof(u->pending) && (reg_read(u, LSR) & LSR_DR))
			u->pending[n++] = (uint8_t)reg_read(u, RBR_THR);
		if (!n)
			break;
		u->pending_pos = 0;
		u->pending_len = n;
		if (!uart_offer(u))
			reg_write(u, IER, 0);
	}
	if (reg_read(u, LSR) & LSR_THRE && reg_read(u, IER) & IER_TX) {
		reg_write(u, IER, IER_RX);
		console_port_writable(&u->port);
	}
}

static void port_unthrottle(struct console_port *p)
{
	struct uart *u = p->priv;

	if (uart_unthrottle(u))
		reg_write(u, IER, IER_RX);
}

int ns16550_init(struct uart *u)
{
	if (!u->io_width)
		u->io_width = 1;
	reg_write(u, IER, 0);
	/* Switching the FIFOs on empties them (8.4): if something was received already, the port does without them. */
	u->fifo_len = reg_read(u, LSR) & LSR_DR ? 1 : FIFO_LEN;
	if (u->fifo_len > 1)
		reg_write(u, IIR_FCR, FCR_ENABLE);
	log_uart = u;
	log_sink = sink;
	return 0;
}

void ns16550_start(struct uart *u)
{
	u->port = (struct console_port){ .name = "ns16550", .write = port_write, .unthrottle = port_unthrottle, .priv = u };
	if (console_port_register(&u->port) || u->irq < 0)
		return;
	if (irq_register(u->irq, u->is_edge ? IRQ_EDGE : IRQ_LEVEL, "ns16550", handler, u, &u->handle)) {
		log_line("ns16550: no interrupt: no input");
		return;
	}
	reg_write(u, MCR, reg_read(u, MCR) | MCR_OUT2);
	reg_write(u, IER, IER_RX);
}
