/* SPDX-License-Identifier: MIT
 *
 * The virtual address space (48 bits, 4 KiB pages).
 *
 *	0000_0000_0000_0000   the application; page 0 is never mapped
 *	0000_7fff_ffff_ffff
 *
 *	ffff_8000_0000_0000   LINEAR_BASE + physical address: RAM (cached), device registers (uncached)
 *	ffff_c000_0000_0000   KSTACK_BASE: kernel stacks, each with a guard page
 *	ffff_e000_0000_0000   KMAP_BASE: other kernel mappings
 *	ffff_ffff_8010_0000   KERNEL_BASE: the kernel image, loaded at KERNEL_PHYS
 *
 * The application is what runs at addresses whose top bit is 0, or with such a stack pointer: the entry code tells it from the kernel by that (vectors.S).
 *
 * Included by assembly and by the linker script.
 */
#pragma once

#ifdef __ASSEMBLY__
#define LAYOUT_UL(x)	x
#else
#define LAYOUT_UL(x)	x##ul
#endif

#define VA_BITS		48
#define USER_TOP	LAYOUT_UL(0x0000800000000000)
#define LINEAR_BASE	LAYOUT_UL(0xffff800000000000)
#define KSTACK_BASE	LAYOUT_UL(0xffffc00000000000)
#define KMAP_BASE	LAYOUT_UL(0xffffe00000000000)
#define KERNEL_BASE	LAYOUT_UL(0xffffffff80100000)	/* minus KERNEL_PHYS, a multiple of 1 GiB: start.S maps it in blocks */
#define KERNEL_PHYS	LAYOUT_UL(0x100000)
