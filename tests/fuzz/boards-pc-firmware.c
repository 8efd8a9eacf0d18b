/* SPDX-License-Identifier: MIT
 *
 * Arbitrary bytes as the memory that a PC's firmware left: ACPI and MP tables. Checksums are repaired by the map function for whatever is looked at whole, or nothing would
 * ever be parsed.
 */
/* sources: boards/qemu-microvm/acpi.c boards/qemu-microvm/mp-table.c */
#include <stdlib.h>
#include <string.h>

#include "boards/qemu-microvm/firmware.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *memory;
static size_t memory_size;

/* The BIOS area and the last kilobyte are seen at the start of the input. */
static const void *map(uint64_t pa, size_t len)
{
	uint8_t *p, sum = 0;

	if (pa >= 0x9fc00 && pa < 0x100000)
		pa &= 0xf;
	if (pa >= memory_size || len > memory_size - pa)
		return NULL;
	p = memory + pa;
	if (len > 36 && len < 0x10000) {
		for (size_t i = 0; i < len; i++)
			sum = (uint8_t)(sum + p[i]);
		p[9] = (uint8_t)(p[9] - sum);
	}
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pc_firmware fw;

	if (size < 1024 || size > 0x40000)
		return 0;
	memory = malloc(size);
	memory_size = size;
	memcpy(memory, data, size);
	if (acpi_parse(map, 16, &fw) && (fw.nr_cpus > PC_MAX_CPUS || fw.nr_ioapics > PC_MAX_IOAPICS))
		abort();
	if (mp_table_parse(map, &fw) && (fw.nr_cpus > PC_MAX_CPUS || fw.nr_ioapics > PC_MAX_IOAPICS))
		abort();
	free(memory);
	return 0;
}
