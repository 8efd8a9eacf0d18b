/* SPDX-License-Identifier: MIT
 *
 * Arm PL011 UART (DDI 0183G chapter 3). Speed and format are left as the firmware, or the emulator, set them.
 */
#include <arch/barrier.h>

#include "boards/uart.h"
#include "libc/atomic.h"
#include "libc/print.h"
#include "sched/irq.h"

#define UARTDR		0x00
#define UARTFR		0x18
#define UARTLCR_H	0x2c
#define UARTCR		0x30
#define UARTIFLS	0x34
#define UARTIMSC	0x38
#define UARTMIS		0x40
#define UARTICR		0x44
#define FR_RXFE		(1u << 4)
#define FR_TXFF		(1u << 5)
#define FR_TXFE		(1u << 7)
#define LCR_FEN		(1u << 4)
#define LCR_WLEN8	(3u << 5)
#define CR_UARTEN	(1u << 0)
#define CR_TXE		(1u << 8)
#define CR_RXE		(1u << 9)
#define INT_RX		(1u << 4)
#define INT_TX		(1u << 5)
#define INT_RT		(1u << 6)
#define FIFO_LEN	16	/* revisions before r1p5 */
#define TX_TRIES	200000u	/* then the byte is dropped: a port without a listener must not stop the kernel */

static struct uart *log_uart;

static void sink(const char *text, size_t len)
{
	uint8_t *regs = log_uart->regs;
	unsigned room = 0, tries = 0;

	for (size_t i = 0; i < len; i++) {
		for (; !room && tries < TX_TRIES; tries++) {
			uint32_t fr = mmio_read32(regs + UARTFR);

			room = fr & FR_TXFE ? FIFO_LEN : !(fr & FR_TXFF);
		}
		if (!room)
			return;
		room--;
		mmio_write32(regs + UARTDR, (uint8_t)text[i]);
	}
}

static size_t port_write(struct console_port *p, const void *buf, size_t len)
{
	struct uart *u = p->priv;
	unsigned room = 0;
	size_t n = 0;

	for (; n < len; n++, room--) {
		if (!room) {
			uint32_t fr = mmio_read32(u->regs + UARTFR);

			room = fr & FR_TXFE ? FIFO_LEN : !(fr & FR_TXFF);
			if (!room)
				break;
		}
		mmio_write32(u->regs + UARTDR, ((const uint8_t *)buf)[n]);
	}
	if (!n && len)
		mmio_write32(u->regs + UARTIMSC, INT_TX | (uart_is_full(u) ? 0 : INT_RX | INT_RT));
	return n;
}

static void handler(void *ctx)
{
	struct uart *u = ctx;
	uint32_t status = mmio_read32(u->regs + UARTMIS);

	mmio_write32(u->regs + UARTICR, status);
	while (!uart_is_full(u)) {
		unsigned n = 0;

		while (n < sizeof(u->pending) && !(mmio_read32(u->regs + UARTFR) & FR_RXFE))
			u->pending[n++] = (uint8_t)mmio_read32(u->regs + UARTDR);
		if (!n)
			break;
		u->pending_pos = 0;
		u->pending_len = n;
		mmio_write32(u->regs + UARTIMSC, 0);
		if (!uart_offer(u))
			break;
		mmio_write32(u->regs + UARTIMSC, INT_RX | INT_RT);
	}
	if (status & INT_TX) {
		mmio_write32(u->regs + UARTIMSC, uart_is_full(u) ? 0 : INT_RX | INT_RT);
		console_port_writable(&u->port);
	}
}

static void port_unthrottle(struct console_port *p)
{
	struct uart *u = p->priv;

	if (uart_unthrottle(u))
		mmio_write32(u->regs + UARTIMSC, INT_RX | INT_RT);
}

int pl011_init(struct uart *u)
{
	mmio_write32(u->regs + UARTIMSC, 0);
	mmio_write32(u->regs + UARTCR, CR_UARTEN | CR_TXE | CR_RXE);
	log_uart = u;
	log_sink = sink;
	return 0;
}

void pl011_start(struct uart *u)
{
	u->port = (struct console_port){ .name = "pl011", .write = port_write, .unthrottle = port_unthrottle, .priv = u };
	if (console_port_register(&u->port) || u->irq < 0)
		return;
	if (irq_register(u->irq, u->is_edge ? IRQ_EDGE : IRQ_LEVEL, "pl011", handler, u, &u->handle)) {
		log_line("pl011: no interrupt: no input");
		return;
	}
	/* FIFOs on, an interrupt as soon as they hold 1/8 or the line pauses. */
	mmio_write32(u->regs + UARTIFLS, 0);
	mmio_write32(u->regs + UARTLCR_H, LCR_FEN | LCR_WLEN8);
	mmio_write32(u->regs + UARTIMSC, INT_RX | INT_RT);
}
