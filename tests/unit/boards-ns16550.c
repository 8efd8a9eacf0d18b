/* SPDX-License-Identifier: MIT
 *
 * The 16550 driver on registers in plain memory: what it writes where, at both widths and distances, and what it does with input that
 * nobody takes. (No machine of QEMU's arm64 ones has such a UART in memory.)
 */
/* sources: boards/ns16550.c boards/uart.c tests/host/fake-special.c */
#include "boards/uart.h"
#include "sched/irq.h"
#include "tests/host/special.h"

static uint8_t regs[64];
static void (*handler)(void *ctx);
static void *handler_ctx;
static char input[64];
static size_t input_len, input_room;
static unsigned nr_writable;

void (*log_sink)(const char *text, size_t len);

int irq_register(int irq, enum irq_trigger trigger, const char *name, void (*h)(void *ctx), void *ctx, struct irq **out)
{
	(void)name;
	CHECK_EQ(irq, 33);
	CHECK_EQ(trigger, IRQ_EDGE);
	handler = h;
	handler_ctx = ctx;
	*out = NULL;
	return 0;
}

int console_port_register(struct console_port *p)
{
	(void)p;
	return 0;
}

/* Each byte read empties the receiver: memory does not do that by itself. */
size_t console_port_input(struct console_port *p, const void *buf, size_t len)
{
	size_t n = len < input_room ? len : input_room;

	(void)p;
	memcpy(input + input_len, buf, n);
	input_len += n;
	input_room -= n;
	return n;
}

void console_port_writable(struct console_port *p)
{
	(void)p;
	nr_writable++;
}

static void test_width(unsigned shift, unsigned width)
{
	struct uart u = { .regs = regs, .irq = 33, .is_edge = true, .reg_shift = shift, .io_width = width };

	memset(regs, 0, sizeof(regs));
	regs[1 << shift] = 0xff;		/* IER */
	CHECK_EQ(ns16550_init(&u), 0);
	CHECK_EQ(regs[1 << shift], 0);
	CHECK_EQ(regs[2 << shift], 1);		/* FCR: FIFOs on */
	regs[5 << shift] = 0x20;		/* LSR: THRE */
	log_sink("ab", 2);
	CHECK_EQ(regs[0], 'b');
	regs[5 << shift] = 0;			/* nobody takes it: dropped; then somebody does */
	log_sink("cd", 2);
	log_sink("cd", 2);
	CHECK_EQ(regs[0], 'b');
	regs[5 << shift] = 0x20;
	log_sink("e", 1);
	CHECK_EQ(regs[0], 'e');
	ns16550_start(&u);
	CHECK_EQ(regs[1 << shift], 1);		/* IER: receive */
	CHECK_EQ(u.port.write(&u.port, "xyz", 3), 3);
	CHECK_EQ(regs[0], 'z');
	regs[5 << shift] = 0;			/* full: nothing is taken, the interrupt says when */
	CHECK_EQ(u.port.write(&u.port, "q", 1), 0);
	CHECK_EQ(regs[1 << shift], 3);
	regs[5 << shift] = 0x20;
	nr_writable = 0;
	handler(handler_ctx);
	CHECK_EQ(nr_writable, 1);
	CHECK_EQ(regs[1 << shift], 1);
}

static void test_throttle(void)
{
	struct uart u = { .pending_len = 5, .pending = "hello" };

	input_len = 0;
	input_room = 2;
	CHECK(!uart_offer(&u));
	CHECK(uart_is_full(&u));
	input_room = 1;
	CHECK(!uart_unthrottle(&u));
	input_room = 9;
	CHECK(uart_unthrottle(&u));
	CHECK_EQ(input_len, 5);
	CHECK_EQ(memcmp(input, "hello", 5), 0);
	CHECK(!uart_unthrottle(&u));		/* nothing pending: not ours */
}

int main(void)
{
	test_width(0, 1);
	test_width(2, 4);
	test_throttle();
	return 0;
}
