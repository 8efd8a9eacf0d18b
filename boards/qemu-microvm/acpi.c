/* SPDX-License-Identifier: MIT
 *
 * See firmware.h. ACPI 6.5 chapter 5. No AML is run; one name is looked for in it (_S5).
 */
#include "boards/qemu-microvm/firmware.h"

#include "libc/string.h"

#define BIOS_AREA		0xe0000u	/* 5.2.5.1 */
#define BIOS_AREA_LEN		0x20000u
#define MAX_TABLE		0x100000u	/* more is damage */

/* 5.2.12: types of entries of the MADT */
#define MADT_LOCAL_APIC		0u
#define MADT_IO_APIC		1u
#define MADT_OVERRIDE		2u
#define MADT_LOCAL_X2APIC	9u
#define CPU_ENABLED		1u
#define MADT_ENTRIES		44u
#define POLARITY_LOW		3u
/* 5.2.9: fields of the FADT */
#define FADT_DSDT		40u
#define FADT_PM1A_CONTROL	64u
#define FADT_FLAGS		112u
#define FADT_SLEEP_CONTROL	244u		/* a generic address: space, width, offset, size, 8 bytes of address */
#define FADT_HW_REDUCED		(1u << 20)

struct __attribute__((packed)) header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
};
_Static_assert(sizeof(struct header) == 36, "5.2.6");

/* 5.2.5.3 */
struct __attribute__((packed)) rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

void pc_firmware_init(struct pc_firmware *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < PC_NR_ISA_IRQS; i++)
		out->isa_irq[i].gsi = i;
}

bool pc_firmware_add_cpu(struct pc_firmware *out, uint32_t apic_id)
{
	if (out->nr_cpus == PC_MAX_CPUS) {
		out->is_truncated = true;
		return false;
	}
	out->apic_id[out->nr_cpus++] = apic_id;
	return true;
}

bool pc_checksum_is_good(const void *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)p)[i]);
	return sum == 0;
}

/* A whole table, its length in *len; NULL: damaged, or another one. */
static const uint8_t *get_table(pc_map_t map, uint64_t pa, const char *signature, size_t *len)
{
	const struct header *h = pa ? map(pa, sizeof(*h)) : NULL;

	if (!h || memcmp(h->signature, signature, 4) != 0)
		return NULL;
	*len = h->length;
	if (*len < sizeof(*h) || *len > MAX_TABLE)
		return NULL;
	h = map(pa, *len);
	return h && pc_checksum_is_good(h, *len) ? (const uint8_t *)h : NULL;
}

static uint64_t find_rsdp(pc_map_t map)
{
	const uint8_t *p = map(BIOS_AREA, BIOS_AREA_LEN);

	for (size_t at = 0; p && at < BIOS_AREA_LEN; at += 16)
		if (memcmp(p + at, "RSD PTR ", 8) == 0 && pc_checksum_is_good(p + at, 20))
			return BIOS_AREA + at;
	return 0;
}

static void add_ioapic(const uint8_t *p, struct pc_firmware *out)
{
	if (out->nr_ioapics == PC_MAX_IOAPICS) {
		out->is_truncated = true;
		return;
	}
	out->ioapic[out->nr_ioapics].base = get32(p + 4);
	out->ioapic[out->nr_ioapics].gsi_base = get32(p + 8);
	out->nr_ioapics++;
}

static void parse_madt(const uint8_t *t, size_t len, struct pc_firmware *out)
{
	for (size_t at = MADT_ENTRIES; at + 2 <= len && t[at + 1] >= 2 && at + t[at + 1] <= len; at += t[at + 1]) {
		const uint8_t *p = t + at;

		if (p[0] == MADT_LOCAL_APIC && p[1] >= 8 && get32(p + 4) & CPU_ENABLED) {
			pc_firmware_add_cpu(out, p[3]);
		} else if (p[0] == MADT_LOCAL_X2APIC && p[1] >= 16 && get32(p + 8) & CPU_ENABLED) {
			pc_firmware_add_cpu(out, get32(p + 4));
		} else if (p[0] == MADT_IO_APIC && p[1] >= 12) {
			add_ioapic(p, out);
		} else if (p[0] == MADT_OVERRIDE && p[1] >= 10 && p[3] < PC_NR_ISA_IRQS) {
			out->isa_irq[p[3]].gsi = get32(p + 4);
			out->isa_irq[p[3]].is_active_low = (get16(p + 8) & 3) == POLARITY_LOW;
		}
	}
}

/* "_S5_" PackageOp length count SLP_TYPa (7.4.2, 20.2.5.4): a byte constant, or the opcodes for 0 and 1. */
static void parse_s5(const uint8_t *t, size_t len, struct pc_firmware *out)
{
	for (size_t at = sizeof(struct header); at + 16 <= len; at++) {
		const uint8_t *p = t + at + 4;

		if (memcmp(t + at, "_S5_", 4) != 0 || *p++ != 0x12)
			continue;
		p += (*p >> 6) + 2;	/* PkgLength: one byte and up to 3 more; NumElements */
		if (p < t + len - 1) {
			out->s5_type = *p == 0x0a ? p[1] : *p;
			out->has_s5 = true;
			return;
		}
	}
}

static void parse_fadt(pc_map_t map, const uint8_t *t, size_t len, struct pc_firmware *out)
{
	const uint8_t *dsdt;

	if (len < FADT_FLAGS + 4)
		return;
	if (!(get32(t + FADT_FLAGS) & FADT_HW_REDUCED))
		out->pm1a_control = (uint16_t)get32(t + FADT_PM1A_CONTROL);
	else if (len >= FADT_SLEEP_CONTROL + 12 && t[FADT_SLEEP_CONTROL] == 0)
		out->sleep_control = get64(t + FADT_SLEEP_CONTROL + 4);
	dsdt = get_table(map, get32(t + FADT_DSDT), "DSDT", &len);
	if (dsdt)
		parse_s5(dsdt, len, out);
}

bool acpi_parse(pc_map_t map, uint64_t rsdp_address, struct pc_firmware *out)
{
	uint64_t at = rsdp_address ? rsdp_address : find_rsdp(map);
	const struct rsdp *rsdp = at ? map(at, sizeof(*rsdp)) : NULL;
	const uint8_t *list, *t;
	bool is_wide;
	size_t len, size;

	pc_firmware_init(out);
	if (!rsdp || memcmp(rsdp->signature, "RSD PTR ", 8) != 0 || !pc_checksum_is_good(rsdp, 20))
		return false;
	is_wide = rsdp->revision >= 2 && rsdp->xsdt;
	at = is_wide ? rsdp->xsdt : rsdp->rsdt;
	list = get_table(map, at, is_wide ? "XSDT" : "RSDT", &size);
	if (!list)
		return false;
	for (size_t i = sizeof(struct header); i + (is_wide ? 8 : 4) <= size; i += is_wide ? 8 : 4) {
		uint64_t pa = is_wide ? get64(list + i) : get32(list + i);

		if ((t = get_table(map, pa, "APIC", &len)))
			parse_madt(t, len, out);
		else if ((t = get_table(map, pa, "FACP", &len)))
			parse_fadt(map, t, len, out);
	}
	return out->nr_cpus && out->nr_ioapics;
}
