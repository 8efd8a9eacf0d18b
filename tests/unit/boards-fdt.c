/* SPDX-License-Identifier: MIT
 *
 * The device tree as boards/qemu-virt/fdt.c reads it: trees dumped from QEMU, one in Firecracker's shape made here with libfdt, damaged ones.
 */
/* sources: boards/qemu-virt/fdt.c tests/host/fake-special.c */
/* libs: -isystem build/deps/arm64/usr/include -l:libfdt.so.1 */
#include <libfdt.h>
#include <stdlib.h>

#include "boards/qemu-virt/fdt.h"
#include "tests/host/special.h"

static struct fdt_machine m;

static const char *parse(const void *tree, uint32_t size)
{
	return fdt_parse(tree, size, &m);
}

static char *load(const char *path, uint32_t *size)
{
	FILE *f = fopen(path, "rb");
	char *p = malloc(1 << 20);

	CHECK(f && p);
	*size = (uint32_t)fread(p, 1, 1 << 20, f);
	fclose(f);
	return p;
}

static void test_qemu_v2(void)
{
	uint32_t size;
	char *t = load("tests/fuzz/corpus/boards-fdt/qemu-virt-gicv2.dtb", &size);

	CHECK(!parse(t, size));
	CHECK_EQ(m.nr_banks, 1);
	CHECK_EQ(m.bank[0].base, 0x40000000);
	CHECK_EQ(m.bank[0].size, 64 << 20);
	CHECK_EQ(m.psci, FDT_PSCI_HVC);
	CHECK_EQ(m.gic_version, 2);
	CHECK_EQ(m.nr_gic_regs, 2);
	CHECK_EQ(m.gic_reg[1].base, 0x8010000);
	CHECK_EQ(m.timer.number, 27);
	CHECK_EQ(m.nr_cpus, 1);
	CHECK_EQ(m.nr_uarts, 1);
	CHECK_EQ(m.stdout_uart, 0);
	CHECK_EQ(m.uart[0].kind, FDT_PL011);
	CHECK_EQ(m.uart[0].reg.base, 0x9000000);
	CHECK_EQ(m.uart[0].irq.number, 33);
	CHECK(!m.uart[0].irq.is_edge);
	CHECK_EQ(strcmp(m.uart[0].path, "/pl011@9000000"), 0);
	CHECK_EQ(m.rtc, 0x9010000);
	CHECK_EQ(m.nr_virtio, 32);
	CHECK_EQ(m.virtio[31].reg.base, 0xa003e00);
	CHECK_EQ(m.virtio[31].irq.number, 32 + 0x10 + 31);
	CHECK(m.virtio[31].irq.is_edge);
	CHECK_EQ(strcmp(m.bootargs, "hello -- x"), 0);
	CHECK(m.initrd_start && m.initrd_end > m.initrd_start);
	CHECK_EQ(m.rng_seed_len, 32);
	CHECK(!m.is_truncated);
	free(t);
}

static void test_qemu_v3(void)
{
	uint32_t size;
	char *t = load("tests/fuzz/corpus/boards-fdt/qemu-virt-gicv3-smp4.dtb", &size);

	CHECK(!parse(t, size));
	CHECK_EQ(m.gic_version, 3);
	CHECK_EQ(m.gic_nr_redist_regions, 1);
	CHECK_EQ(m.gic_reg[1].base, 0x80a0000);
	CHECK_EQ(m.nr_cpus, 4);
	CHECK_EQ(m.cpu[3], 3);
	/* Cut off anywhere: an error, never a crash (the sanitizer watches). */
	for (uint32_t n = 0; n < size; n += 13) {
		char *cut = malloc(n + 1);

		memcpy(cut, t, n);
		CHECK(parse(cut, n) != NULL);
		free(cut);
	}
	free(t);
}

static void cells(void *t, const char *name, const uint32_t *v, unsigned nr)
{
	fdt32_t be[16];

	for (unsigned i = 0; i < nr; i++)
		be[i] = cpu_to_fdt32(v[i]);
	CHECK_EQ(fdt_property(t, name, be, (int)(nr * 4)), 0);
}
#define CELLS(t, name, ...) \
	cells(t, name, (const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

/* Two banks, reserved memory, a 16550 reached by an alias, a disabled UART before it, a CPU with a two-level affinity, smc. */
static void *firecracker(void)
{
	void *t = calloc(1, 8192);

	CHECK_EQ(fdt_create(t, 8192), 0);
	CHECK_EQ(fdt_add_reservemap_entry(t, 0x80000000, 0x1000), 0);
	CHECK_EQ(fdt_finish_reservemap(t), 0);
	fdt_begin_node(t, "");
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 2);
	fdt_begin_node(t, "memory@80200000");
	fdt_property_string(t, "device_type", "memory");
	CELLS(t, "reg", 0, 0x80200000, 0, 0x3fe00000, 0x10, 0, 1, 0);
	fdt_end_node(t);
	fdt_begin_node(t, "reserved-memory");
	CELLS(t, "#address-cells", 1);
	CELLS(t, "#size-cells", 1);
	fdt_property(t, "ranges", NULL, 0);
	fdt_begin_node(t, "secure@90000000");
	CELLS(t, "reg", 0x90000000, 0x200000);
	fdt_end_node(t);
	fdt_end_node(t);
	fdt_begin_node(t, "cpus");
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 0);
	fdt_begin_node(t, "cpu@0");
	fdt_property_string(t, "device_type", "cpu");
	CELLS(t, "reg", 1, 0x80000102);
	fdt_end_node(t);
	fdt_end_node(t);
	fdt_begin_node(t, "chosen");
	fdt_property_string(t, "bootargs", "console=ttyS0");
	fdt_property_string(t, "stdout-path", "serial1:115200n8");
	CELLS(t, "linux,initrd-start", 0x88000000);
	CELLS(t, "linux,initrd-end", 0, 0x88100000);
	fdt_end_node(t);
	fdt_begin_node(t, "uart@40001000");
	fdt_property_string(t, "compatible", "ns16550a");
	fdt_property_string(t, "status", "disabled");
	CELLS(t, "reg", 0, 0x40001000, 0, 0x1000);
	fdt_end_node(t);
	fdt_begin_node(t, "soc");
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 2);
	fdt_begin_node(t, "uart@40002000");
	fdt_property(t, "compatible", "vendor,x\0ns16550a", 18);
	CELLS(t, "reg", 0, 0x40002000, 0, 0x1000);
	CELLS(t, "interrupts", 0, 1, 1);
	CELLS(t, "reg-shift", 2);
	CELLS(t, "reg-io-width", 4);
	fdt_end_node(t);
	fdt_begin_node(t, "uart@40003000");
	fdt_property_string(t, "compatible", "ns16550a");
	CELLS(t, "reg", 0, 0x40003000, 0, 0x1000);
	fdt_end_node(t);
	fdt_end_node(t);
	fdt_begin_node(t, "aliases");
	fdt_property_string(t, "serial0", "/soc/uart@40002000");
	fdt_property_string(t, "serial1", "/soc/uart@40003000");
	fdt_end_node(t);
	fdt_begin_node(t, "psci");
	fdt_property_string(t, "compatible", "arm,psci-0.2");
	fdt_property_string(t, "method", "smc");
	fdt_end_node(t);
	fdt_end_node(t);
	CHECK_EQ(fdt_finish(t), 0);
	return t;
}

static void test_firecracker(void)
{
	void *t = firecracker();

	CHECK(!parse(t, 8192));
	CHECK_EQ(m.nr_banks, 2);
	CHECK_EQ(m.bank[1].base, 0x1000000000);
	CHECK_EQ(m.bank[1].size, 0x100000000);
	CHECK_EQ(m.nr_reserved, 2);
	CHECK_EQ(m.reserved[0].base, 0x80000000);
	CHECK_EQ(m.reserved[1].base, 0x90000000);
	CHECK_EQ(m.reserved[1].size, 0x200000);
	CHECK_EQ(m.nr_cpus, 1);
	CHECK_EQ(m.cpu[0], 0x100000102);	/* bit 31 is not affinity */
	CHECK_EQ(m.initrd_start, 0x88000000);
	CHECK_EQ(m.initrd_end, 0x88100000);
	CHECK_EQ(m.nr_uarts, 2);
	CHECK_EQ(m.uart[0].reg_shift, 2);
	CHECK_EQ(m.uart[0].io_width, 4);
	CHECK_EQ(m.uart[0].irq.number, 33);
	CHECK(m.uart[0].irq.is_edge);
	CHECK_EQ(m.uart[1].irq.number, -1);
	CHECK_EQ(m.stdout_uart, 1);
	CHECK_EQ(m.psci, FDT_PSCI_SMC);
	CHECK_EQ(m.gic_version, 0);
	CHECK_EQ(m.timer.number, -1);
	CHECK_EQ(m.rtc, 0);
	free(t);
}

static void test_foreign(void)
{
	char zero[4096] = { 0 };

	CHECK(parse(zero, sizeof(zero)) != NULL);
	CHECK_EQ(strcmp(m.bootargs, ""), 0);
}

int main(void)
{
	test_qemu_v2();
	test_qemu_v3();
	test_firecracker();
	test_foreign();
	return 0;
}
