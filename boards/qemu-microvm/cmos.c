/* SPDX-License-Identifier: MIT
 *
 * The clock of a PC (Motorola MC146818A data sheet; ACPI 6.5 5.2.9 for the century). It is set to UTC, as Linux hosts do.
 */
#include "boards/qemu-microvm/pc.h"

#include <arch/io.h>

#define CMOS_INDEX	0x70
#define CMOS_DATA	0x71
enum { SECONDS = 0, MINUTES = 2, HOURS = 4, DAY = 7, MONTH = 8, YEAR = 9, STATUS_A = 10, STATUS_B = 11, CENTURY = 0x32 };
#define A_UPDATING	0x80u
#define B_24_HOURS	2u
#define B_BINARY	4u
#define HOURS_PM	0x80u
#define TRIES		100000u

static uint8_t read_register(uint8_t reg)
{
	io_write8(CMOS_INDEX, reg);
	return io_read8(CMOS_DATA);
}

static unsigned value(uint8_t v, uint8_t b)
{
	return b & B_BINARY ? v : (v >> 4) * 10u + (v & 15u);
}

/* Days since 1970-01-01 in the Gregorian calendar; years are counted from March. */
static uint64_t days(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return (uint64_t)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

uint64_t cmos_seconds(void)
{
	uint8_t b, raw[6];
	unsigned hour, year, century;

	if (read_register(STATUS_A) == 0xff)
		return 0;	/* no such chip */
	/* The registers stand still for 244 us at least once the chip does not say that it is updating them. */
	for (unsigned i = 0; i < TRIES && read_register(STATUS_A) & A_UPDATING; i++)
		;
	raw[0] = read_register(SECONDS);
	raw[1] = read_register(MINUTES);
	raw[2] = read_register(HOURS);
	raw[3] = read_register(DAY);
	raw[4] = read_register(MONTH);
	raw[5] = read_register(YEAR);
	century = read_register(CENTURY);
	b = read_register(STATUS_B);
	hour = value(raw[2] & (uint8_t)~HOURS_PM, b);
	if (!(b & B_24_HOURS))
		hour = hour % 12 + (raw[2] & HOURS_PM ? 12 : 0);
	century = value((uint8_t)century, b);
	year = (century >= 19 && century <= 29 ? century : 20) * 100 + value(raw[5], b);
	if (value(raw[4], b) - 1 > 11 || value(raw[3], b) - 1 > 30 || year < 1970)
		return 0;
	return ((days(year, value(raw[4], b), value(raw[3], b)) * 24 + hour) * 60 + value(raw[1], b)) * 60 + value(raw[0], b);
}
