/* SPDX-License-Identifier: MIT
 *
 * Tables of a PC's firmware as boards/qemu-microvm reads them, made here: ACPI in the shapes of QEMU microvm and q35, an MP table in that of qboot and Firecracker, damaged
 * ones. And virtio-mmio devices on the command line.
 */
/* sources: boards/qemu-microvm/acpi.c boards/qemu-microvm/mp-table.c boards/qemu-microvm/cmdline.c tests/host/fake-special.c */
#include <stdlib.h>

#include "boards/qemu-microvm/pc.h"
#include "tests/host/special.h"

#define MEMORY	0x110000u

static uint8_t *memory;
static struct pc_firmware fw;

static const void *map(uint64_t pa, size_t len)
{
	return pa && pa < MEMORY && len <= MEMORY - pa ? memory + pa : NULL;
}

static void clear(void)
{
	free(memory);
	memory = calloc(1, MEMORY);
	CHECK(memory);
}

static void put(uint64_t pa, uint64_t v, unsigned size)
{
	memcpy(memory + pa, &v, size);
}

static void fix_checksum(uint64_t pa, size_t len, size_t at)
{
	uint8_t sum = 0;

	memory[pa + at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + memory[pa + i]);
	memory[pa + at] = (uint8_t)-sum;
}

/* ---- ACPI -------------------------------------------------------------------------------------------------------- */

static void table(uint64_t pa, const char *signature, uint32_t len)
{
	memcpy(memory + pa, signature, 4);
	put(pa + 4, len, 4);
	fix_checksum(pa, len, 9);
}

#define RSDP	0xe0010u
#define LIST	0x100000u
#define MADT	0x101000u
#define FADT	0x102000u
#define DSDT	0x103000u

static void make_acpi(bool is_wide)
{
	uint64_t p = MADT + 44;

	clear();
	memcpy(memory + RSDP, "RSD PTR ", 8);
	memory[RSDP + 15] = is_wide ? 2 : 0;
	put(RSDP + (is_wide ? 24 : 16), LIST, is_wide ? 8 : 4);
	fix_checksum(RSDP, 20, 8);
	put(LIST + 36, FADT, is_wide ? 8 : 4);
	put(LIST + 36 + (is_wide ? 8 : 4), MADT, is_wide ? 8 : 4);
	table(LIST, is_wide ? "XSDT" : "RSDT", is_wide ? 52 : 44);
	/* CPUs 0 and 1, a disabled one, one with a wide id, an I/O APIC, IRQ 0 is GSI 2, IRQ 9 level and active low. */
	for (unsigned i = 0; i < 3; i++, p += 8) {
		put(p, 0x0800 | i << 16 | i << 24, 4);
		put(p + 4, i < 2, 4);
	}
	put(p, 0x1009, 2);
	put(p + 4, 300, 4);
	put(p + 8, 1, 4);
	p += 16;
	put(p, 0x0c01, 2);
	put(p + 4, 0xfec00000, 4);
	put(p + 8, 0, 4);
	p += 12;
	put(p, 0x0a02, 2);
	memory[p + 3] = 0;
	put(p + 4, 2, 4);
	p += 10;
	put(p, 0x0a02, 2);
	memory[p + 3] = 9;
	put(p + 4, 9, 4);
	put(p + 8, 0xf, 2);
	p += 10;
	table(MADT, "APIC", (uint32_t)(p - MADT));
}

static void test_acpi(void)
{
	for (int is_wide = 0; is_wide < 2; is_wide++) {
		for (int is_named = 0; is_named < 2; is_named++) {
			make_acpi(is_wide);
			CHECK(acpi_parse(map, is_named ? RSDP : 0, &fw));
			CHECK_EQ(fw.nr_cpus, 3);
			CHECK(fw.apic_id[0] == 0 && fw.apic_id[1] == 1 && fw.apic_id[2] == 300);
			CHECK_EQ(fw.nr_ioapics, 1);
			CHECK_EQ(fw.ioapic[0].base, 0xfec00000);
			CHECK(fw.isa_irq[0].gsi == 2 && fw.isa_irq[4].gsi == 4 && fw.isa_irq[9].gsi == 9);
			CHECK(fw.isa_irq[9].is_active_low && !fw.isa_irq[0].is_active_low);
			CHECK(!fw.has_s5 && !fw.is_truncated);
		}
	}
}

static void test_s5(void)
{
	static const uint8_t q35[] = { '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00 };
	static const uint8_t microvm[] = { '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a, 0x05, 0x00, 0x00, 0x00 };

	make_acpi(true);
	put(FADT + 40, DSDT, 4);
	put(FADT + 64, 0x604, 4);
	table(FADT, "FACP", 244);
	memcpy(memory + DSDT + 50, q35, sizeof(q35));
	table(DSDT, "DSDT", 100);
	CHECK(acpi_parse(map, 0, &fw));
	CHECK(fw.has_s5 && fw.s5_type == 0 && fw.pm1a_control == 0x604 && !fw.sleep_control);

	put(FADT + 112, 1u << 20, 4);		/* hardware-reduced */
	put(FADT + 248, 0xfea00200, 8);
	table(FADT, "FACP", 276);
	memcpy(memory + DSDT + 50, microvm, sizeof(microvm));
	table(DSDT, "DSDT", 100);
	CHECK(acpi_parse(map, 0, &fw));
	CHECK(fw.has_s5 && fw.s5_type == 5 && !fw.pm1a_control);
	CHECK_EQ(fw.sleep_control, 0xfea00200);
	/* The name as the last word of the table. */
	memset(memory + DSDT + 36, 0, 64);
	memcpy(memory + DSDT + 96, "_S5_", 4);
	table(DSDT, "DSDT", 100);
	CHECK(acpi_parse(map, 0, &fw) && !fw.has_s5);
}

/* Each byte of each table changed in turn: whatever comes out, nothing outside is read (the sanitizer looks). */
static void test_damaged_acpi(void)
{
	static const uint32_t at[] = { RSDP, LIST, MADT };

	for (unsigned t = 0; t < 3; t++) {
		for (unsigned i = 0; i < 110; i++) {
			make_acpi(true);
			memory[at[t] + i] ^= 0xff;
			if (acpi_parse(map, RSDP, &fw))
				CHECK(fw.nr_cpus <= PC_MAX_CPUS && fw.nr_ioapics <= PC_MAX_IOAPICS);
			make_acpi(true);
			memory[at[t] + i] = 0;
			if (at[t] != RSDP)
				fix_checksum(at[t], *(uint32_t *)(memory + at[t] + 4) & 0xff, 9);
			acpi_parse(map, RSDP, &fw);
		}
	}
	clear();
	CHECK(!acpi_parse(map, 0, &fw));
	CHECK(!acpi_parse(map, MEMORY - 4, &fw));
}

static void test_many_cpus(void)
{
	uint64_t p = MADT + 44;

	make_acpi(true);
	for (unsigned i = 0; i < 600; i++, p += 16) {
		put(p, 0x1009, 2);
		put(p + 4, i, 4);
		put(p + 8, 1, 4);
	}
	put(p, 0x0c01, 2);
	table(MADT, "APIC", (uint32_t)(p + 12 - MADT));
	CHECK(acpi_parse(map, 0, &fw));
	CHECK_EQ(fw.nr_cpus, PC_MAX_CPUS);
	CHECK(fw.is_truncated);
}

/* ---- MP table ---------------------------------------------------------------------------------------------------- */

static void make_mp(uint64_t pointer)
{
	uint64_t t = 0xf8000, p = t + 44;
	unsigned nr = 0;

	clear();
	memcpy(memory + pointer, "_MP_", 4);
	put(pointer + 4, t, 4);
	memory[pointer + 8] = 1;
	memory[pointer + 9] = 4;
	fix_checksum(pointer, 16, 10);
	for (unsigned i = 0; i < 3; i++, p += 20, nr++) {	/* the last one is disabled */
		memory[p + 1] = (uint8_t)i;
		memory[p + 3] = i < 2;
	}
	memory[p] = 1;
	memcpy(memory + p + 2, "PCI   ", 6);
	p += 8, nr++;
	memory[p] = 1;
	memory[p + 1] = 1;
	memcpy(memory + p + 2, "ISA   ", 6);
	p += 8, nr++;
	memory[p] = 2;
	memory[p + 1] = 7;
	memory[p + 3] = 1;
	put(p + 4, 0xfec00000, 4);
	p += 8, nr++;
	for (unsigned i = 0; i < 2; i++, p += 8, nr++) {	/* IRQ 0 of both buses on pin 2 and 5: the ISA one counts */
		memory[p] = 3;
		memory[p + 4] = (uint8_t)(1 - i);
		memory[p + 6] = 7;
		memory[p + 7] = i ? 5 : 2;
	}
	memcpy(memory + t, "PCMP", 4);
	put(t + 4, p - t, 2);
	put(t + 34, pointer == 0x9fc00 ? 0 : nr, 2);	/* qboot says 0 */
	fix_checksum(t, p - t, 7);
}

static void test_mp_table(void)
{
	static const uint32_t at[] = { 0x9fc00, 0x9fff0, 0xf0000, 0xffff0, 0x80010 };

	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		make_mp(at[i]);
		if (at[i] == 0x80010)
			put(0x40e, 0x8000, 2);	/* the extended BIOS data area */
		CHECK(mp_table_parse(map, &fw));
		CHECK_EQ(fw.nr_cpus, 2);
		CHECK(fw.apic_id[0] == 0 && fw.apic_id[1] == 1);
		CHECK_EQ(fw.nr_ioapics, 1);
		CHECK_EQ(fw.ioapic[0].base, 0xfec00000);
		CHECK(fw.isa_irq[0].gsi == 2 && fw.isa_irq[4].gsi == 4);
	}
	for (unsigned i = 0; i < 250; i++) {
		make_mp(0x9fc00);
		memory[0xf8000 + i] ^= 0xff;
		fix_checksum(0xf8000, *(uint16_t *)(memory + 0xf8004), 7);
		mp_table_parse(map, &fw);
	}
	clear();
	CHECK(!mp_table_parse(map, &fw));
}

/* ---- command line ------------------------------------------------------------------------------------------------ */

static struct board b;

static const char *take(const char *text)
{
	static char line[512];

	memset(&b, 0, sizeof(b));
	strcpy(line, text);
	take_virtio_devices(line, &b);
	return line;
}

static void test_devices(void)
{
	CHECK(strcmp(take("quiet -- /bin/p a virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=4K@0xd0000000:5"), "quiet -- /bin/p a") == 0);
	CHECK_EQ(b.nr_virtio_mmio, 2);
	CHECK(b.virtio_mmio[0].size == 512 && b.virtio_mmio[0].base == 0xfeb00e00 && b.virtio_mmio[0].irq == 12 && b.virtio_mmio[0].is_edge);
	CHECK(b.virtio_mmio[1].size == 4096 && b.virtio_mmio[1].base == 0xd0000000 && b.virtio_mmio[1].irq == 5);
	/* In front of the program they are taken and stay; between its arguments they are the program's. */
	CHECK(strcmp(take("virtio_mmio.device=512@4096:3 -- p virtio_mmio.device=1@2:3 x"),
		     "virtio_mmio.device=512@4096:3 -- p virtio_mmio.device=1@2:3 x") == 0);
	CHECK(b.nr_virtio_mmio == 1 && b.virtio_mmio[0].base == 4096);
	CHECK(strcmp(take(""), "") == 0);
	CHECK(strcmp(take("a  "), "a") == 0);
	take("virtio_mmio.device= virtio_mmio.device=512 virtio_mmio.device=512@ virtio_mmio.device=512@0x virtio_mmio.device=512@0x10:");
	CHECK_EQ(b.nr_virtio_mmio, 0);
	take("virtio_mmio.device=1@2:256");
	CHECK_EQ(b.nr_virtio_mmio, 0);
}

int main(void)
{
	test_acpi();
	test_s5();
	test_damaged_acpi();
	test_many_cpus();
	test_mp_table();
	test_devices();
	free(memory);
	return 0;
}
