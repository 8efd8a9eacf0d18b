/* SPDX-License-Identifier: MIT
 *
 * COM1: a 16550 in I/O ports.
 */
#include <arch/io.h>

#include "boards/qemu-microvm/pc.h"
#include "boards/uart.h"

#define COM1_PORT	0x3f8
#define COM1_IRQ	4
#define LSR		5
#define NO_DEVICE	0xff	/* what an empty bus reads */

static struct uart console;

static uint8_t com1_read(unsigned reg)
{
	return io_read8((uint16_t)(COM1_PORT + reg));
}

static void com1_write(unsigned reg, uint8_t value)
{
	io_write8((uint16_t)(COM1_PORT + reg), value);
}

void console_init_log(void)
{
	if (com1_read(LSR) == NO_DEVICE)
		return;
	console = (struct uart){ .irq = COM1_IRQ, .is_edge = true, .port_read = com1_read, .port_write = com1_write };
	ns16550_init(&console);
}

const char *board_console_name(void)
{
	return "ns16550";
}

bool board_init_console(void)
{
	if (!console.port_read)
		return false;
	console.irq = isa_irq(COM1_IRQ);
	ns16550_start(&console);
	return true;
}
