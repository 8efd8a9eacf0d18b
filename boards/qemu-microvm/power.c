/* SPDX-License-Identifier: MIT
 *
 * Leaving the machine.
 */
#include <arch/barrier.h>
#include <arch/boot.h>
#include <arch/io.h>
#include <arch/reset.h>

#include "boards/qemu-microvm/pc.h"
#include "libc/string.h"

#define DEBUGCON_PORT		0xe9	/* QEMU isa-debugcon: gets the status, all 8 bits of it */
#define DEBUG_EXIT_PORT		0xf4	/* QEMU isa-debug-exit: ends QEMU with (value << 1) | 1 */
#define KEYBOARD_CONTROL	0x64
#define KEYBOARD_RESET		0xfe	/* Firecracker ends by it */
/* ACPI 4.8.3.2.1 PM1 Control, 4.8.3.7 Sleep Control */
#define PM1_SLP_TYP_SHIFT	10
#define PM1_SLP_EN		(1u << 13)
#define SLEEP_TYP_SHIFT		2
#define SLEEP_EN		(1u << 5)

static struct {
	uint8_t *sleep_control;	/* [I] NULL: none */
	uint16_t pm1a_control;	/* [I] 0: none */
	uint8_t s5_type;	/* [I] */
} power;

void power_init(const struct pc_firmware *f)
{
	if (!f->has_s5)
		return;
	power.s5_type = f->s5_type;
	power.pm1a_control = f->pm1a_control;
	if (f->sleep_control)
		power.sleep_control = mmu_map_device(f->sleep_control, 1);
}

void board_leave(const char *method, int status)
{
	if (strcmp(method, "isa-debug-exit") != 0)
		return;
	io_write8(DEBUGCON_PORT, (uint8_t)status);
	io_write8(DEBUG_EXIT_PORT, (uint8_t)status);
}

void board_power_off(void)
{
	if (power.sleep_control)
		mmio_write8(power.sleep_control, (uint8_t)(power.s5_type << SLEEP_TYP_SHIFT | SLEEP_EN));
	if (power.pm1a_control)
		io_write16(power.pm1a_control, (uint16_t)(power.s5_type << PM1_SLP_TYP_SHIFT | PM1_SLP_EN));
	io_write8(KEYBOARD_CONTROL, KEYBOARD_RESET);
	arch_reset();
}
