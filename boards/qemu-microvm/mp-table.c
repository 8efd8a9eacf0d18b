/* SPDX-License-Identifier: MIT
 *
 * See firmware.h. Intel MultiProcessor Specification 1.4, chapter 4.
 */
#include "boards/qemu-microvm/firmware.h"

#include "libc/string.h"

#define BIOS_AREA		0xf0000u
#define BIOS_AREA_LEN		0x10000u
#define LAST_KB			0x9fc00u
#define EBDA_SEGMENT		0x40eu		/* BIOS data area: segment of the extended one */

#define ENTRY_PROCESSOR		0u
#define ENTRY_BUS		1u
#define ENTRY_IOAPIC		2u
#define ENTRY_IO_INTERRUPT	3u
#define CPU_ENABLED		1u
#define IOAPIC_ENABLED		1u
#define POLARITY_LOW		3u
#define IOAPIC_PINS		24u		/* where a second one begins; the tables do not say */
#define NO_BUS			256u

/* 4.1 */
struct __attribute__((packed)) floating_pointer {
	char signature[4];
	uint32_t table;
	uint8_t length, revision, checksum, feature[5];
};

/* 4.2 */
struct __attribute__((packed)) header {
	char signature[4];
	uint16_t length;
	uint8_t revision, checksum;
	char oem[8], product[12];
	uint32_t oem_table;
	uint16_t oem_length, nr_entries;
	uint32_t local_apic;
	uint16_t extended_length;
	uint8_t extended_checksum, reserved;
};
_Static_assert(sizeof(struct header) == 44, "4.2");

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

/* The table's address, 0: nothing there. */
static uint64_t find_pointer(pc_map_t map, uint64_t start, size_t len)
{
	const uint8_t *p = map(start, len);

	for (size_t at = 0; p && at + sizeof(struct floating_pointer) <= len; at += 16) {
		const struct floating_pointer *f = (const void *)(p + at);

		if (memcmp(f->signature, "_MP_", 4) == 0 && f->length == 1 && pc_checksum_is_good(f, sizeof(*f)))
			return f->table;
	}
	return 0;
}

static void add_ioapic(const uint8_t *p, struct pc_firmware *out)
{
	if (!(p[3] & IOAPIC_ENABLED))
		return;
	if (out->nr_ioapics == PC_MAX_IOAPICS) {
		out->is_truncated = true;
		return;
	}
	out->ioapic[out->nr_ioapics].id = p[1];
	out->ioapic[out->nr_ioapics].base = get32(p + 4);
	out->ioapic[out->nr_ioapics].gsi_base = out->nr_ioapics * IOAPIC_PINS;
	out->nr_ioapics++;
}

/* 4.3.4: where an ISA interrupt arrives. I/O APICs stand before the interrupts (4.3: entries are sorted by type). */
static void add_interrupt(const uint8_t *p, unsigned isa_bus, struct pc_firmware *out)
{
	unsigned irq = p[5];

	if (p[1] != 0 || p[4] != isa_bus || irq >= PC_NR_ISA_IRQS)
		return;
	for (unsigned i = 0; i < out->nr_ioapics; i++)
		if (out->ioapic[i].id == p[6]) {
			out->isa_irq[irq].gsi = out->ioapic[i].gsi_base + p[7];
			out->isa_irq[irq].is_active_low = (p[2] & 3) == POLARITY_LOW;
			return;
		}
}

/* quirk: QEMU's qboot: the header says that there are no entries; the table's length counts, as for Linux. */
static void walk(const uint8_t *p, const uint8_t *end, struct pc_firmware *out)
{
	unsigned isa_bus = NO_BUS;

	while (p < end) {
		size_t len = p[0] == ENTRY_PROCESSOR ? 20 : 8;

		if ((size_t)(end - p) < len)
			return;
		if (p[0] == ENTRY_PROCESSOR && p[3] & CPU_ENABLED)
			pc_firmware_add_cpu(out, p[1]);
		else if (p[0] == ENTRY_BUS && memcmp(p + 2, "ISA   ", 6) == 0)
			isa_bus = p[1];
		else if (p[0] == ENTRY_IOAPIC)
			add_ioapic(p, out);
		else if (p[0] == ENTRY_IO_INTERRUPT)
			add_interrupt(p, isa_bus, out);
		p += len;
	}
}

bool mp_table_parse(pc_map_t map, struct pc_firmware *out)
{
	const uint16_t *segment = map(EBDA_SEGMENT, 2);
	const struct header *h;
	uint64_t table = 0;
	size_t len;

	pc_firmware_init(out);
	if (segment && *segment)
		table = find_pointer(map, (uint64_t)*segment << 4, 1024);
	if (!table)
		table = find_pointer(map, LAST_KB, 1024);
	if (!table)
		table = find_pointer(map, BIOS_AREA, BIOS_AREA_LEN);
	h = table ? map(table, sizeof(*h)) : NULL;
	if (!h || memcmp(h->signature, "PCMP", 4) != 0 || h->length < sizeof(*h))
		return false;
	len = h->length;
	h = map(table, len);
	if (!h || !pc_checksum_is_good(h, len))
		return false;
	walk((const uint8_t *)(h + 1), (const uint8_t *)h + len, out);
	return out->nr_cpus && out->nr_ioapics;
}
