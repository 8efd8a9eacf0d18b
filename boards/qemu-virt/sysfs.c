/* SPDX-License-Identifier: MIT
 *
 * What /proc and /sys show of this machine alone: its model and the identity of its CPUs.
 */
#include "fs/procfs.h"

#define CPU_ID		"/sys/devices/system/cpu/%/regs/identification/"
#define MODEL		"linux,dummy-virt"

/* Of the CPU that reads: they are all alike. */
static int show_midr(struct text *t, struct pseudo_args *a)
{
	uint64_t v;

	(void)a;
	asm("mrs %0, midr_el1" : "=r"(v));
	text_printf(t, "0x%016lx\n", (unsigned long)v);
	return 0;
}
PSEUDO_FILE(midr, CPU_ID "midr_el1", 0444, show_midr, NULL);

static int show_revidr(struct text *t, struct pseudo_args *a)
{
	uint64_t v;

	(void)a;
	asm("mrs %0, revidr_el1" : "=r"(v));
	text_printf(t, "0x%016lx\n", (unsigned long)v);
	return 0;
}
PSEUDO_FILE(revidr, CPU_ID "revidr_el1", 0444, show_revidr, NULL);

static int show_model(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_append(t, MODEL, sizeof(MODEL));	/* with its end, as in the device tree */
	return 0;
}

static const struct pseudo_file rows[] = {
	{ .path = "model", .mode = 0444, .show = show_model, .size = sizeof(MODEL) },
	{ .path = "compatible", .mode = 0444, .show = show_model, .size = sizeof(MODEL) },
};
PSEUDO_TABLE(device_tree, "/sys/firmware/devicetree/base", rows);
PSEUDO_LINK_TO(device_tree, "/proc/device-tree", "/sys/firmware/devicetree/base");
