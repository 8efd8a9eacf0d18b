/* SPDX-License-Identifier: MIT
 *
 * What a PVH boot loader gives (Xen public/arch-x86/hvm/start_info.h, version 1): EBX holds the address of struct hvm_start_info. All addresses are physical.
 */
#pragma once

#include <stdint.h>

#define XEN_HVM_START_MAGIC_VALUE	0x336ec578u
#define XEN_HVM_MEMMAP_TYPE_RAM		1u

struct hvm_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr;
	uint64_t memmap_paddr;		/* from version 1 on */
	uint32_t memmap_entries, reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "as given");

struct hvm_modlist_entry {
	uint64_t paddr, size, cmdline_paddr, reserved;
};

struct hvm_memmap_table_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};
_Static_assert(sizeof(struct hvm_memmap_table_entry) == 24, "as given");
