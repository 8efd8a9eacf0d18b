/* SPDX-License-Identifier: MIT
 *
 * The kernel image. Linked at KERNEL_BASE.
 *	arm64	a Linux Image, loaded anywhere (4 KiB aligned; boot loaders align to 2 MiB). The file ends after .data; the header's image_size covers .bss, the
 *		early translation tables and the boot stack.
 *	x86-64	an ELF file, loaded at KERNEL_PHYS, entered by its PVH note (Xen public/elfnote.h, XEN_ELFNOTE_PHYS32_ENTRY) at pvh_entry
 */
#include <arch/layout.h>

/* Every linker set is named here: one that is not is a link error (orphan), which is meant. */
#define SET(n) set_##n : ALIGN(8) { __start_set_##n = .; KEEP(*(set_##n)) __stop_set_##n = .; } :ro

#ifdef KERNEL_PHYS
#define LOAD_ADDRESS	AT(KERNEL_PHYS)		/* the sections after it keep the distance */
#define NOTE_HEADER	note PT_NOTE FLAGS(4);
/* Name "Xen", type 18, 8 bytes of physical address. */
#define NOTE \
	.note.pvh : ALIGN(4) { \
		LONG(4) LONG(8) LONG(18) LONG(0x6e6558) QUAD(pvh_entry - KERNEL_BASE + KERNEL_PHYS) \
	} :ro :note
#else
#define LOAD_ADDRESS
#define NOTE_HEADER
#define NOTE
#endif

ENTRY(_text)
PHDRS { rx PT_LOAD FLAGS(5); ro PT_LOAD FLAGS(4); rw PT_LOAD FLAGS(6); NOTE_HEADER }
SECTIONS
{
	. = KERNEL_BASE;
	_text = .;
	.text : LOAD_ADDRESS {
		KEEP(*(.head.text))
		KEEP(*(.text.entry))
		. = ALIGN(2048);
		KEEP(*(.text.vectors))
		*(.text .text.*)
	} :rx
	. = ALIGN(4096);
	_text_end = .;
	NOTE
	.rodata : { *(.rodata .rodata.*) } :ro
	.extable : ALIGN(4) { __extable_start = .; KEEP(*(.extable)) __extable_end = .; } :ro
	.trace_sites : ALIGN(4) { __trace_sites_start = .; KEEP(*(.trace_sites)) __trace_sites_end = .; } :ro
	SET(init_hooks)
	SET(pseudo_files)
	SET(pseudo_links)
	SET(pseudo_dirs)
	SET(pseudo_tables)
	SET(fs_types)
	SET(net_protos)
	SET(virtio_drivers)
	SET(percpu_defs)
	SET(special_types)
	SET(dev_nodes)
	/* libfdt.a from Debian is PIC: a few entries, filled in at link time. */
	.got : { *(.got .got.plt) } :ro
	. = ALIGN(4096);
	_rodata_end = .;
	.data : { *(.data .data.*) . = ALIGN(8); } :rw
	_file_end = .;
	.bss (NOLOAD) : ALIGN(64) {
		_bss = .;
		*(.bss .bss.*) *(COMMON)
		. = ALIGN(64);
		_bss_end = .;
		/* Written before the MMU is on; not part of what is zeroed after. */
		. = ALIGN(4096);
		*(.early_tables)
		/* A guard page, then the stack in the upper half of an aligned slot (see mmu/page.h, kstack_alloc). */
		. = ALIGN(32768) + 16384;
		arch_boot_stack = .;
		. += 16384;
		arch_boot_stack_top = .;
	} :rw
	_end = .;
	_image_size = ABSOLUTE(_end - _text);

	ASSERT(_end - _text <= 0x400000, "the early map covers 4 MiB")
#ifdef IMAGE_IS_BIG	/* a build for tests */
	ASSERT(_file_end - _text < 0x300000, "the image shall stay below 3 MiB")
#else
	ASSERT(_file_end - _text < 0x100000, "the image shall stay below 1 MiB")
#endif

	.dead : { *(.igot.plt .iplt .plt .rela.*) } :rw
	ASSERT(SIZEOF(.dead) == 0, "unexpected relocations")
	.debug_info 0 : { *(.debug_info) } :NONE
	.debug_abbrev 0 : { *(.debug_abbrev) }
	.debug_aranges 0 : { *(.debug_aranges) }
	.debug_line 0 : { *(.debug_line) }
	.debug_line_str 0 : { *(.debug_line_str) }
	.debug_str 0 : { *(.debug_str) }
	.debug_loclists 0 : { *(.debug_loclists) }
	.debug_rnglists 0 : { *(.debug_rnglists) }
	.debug_frame 0 : { *(.debug_frame) }
	.symtab 0 : { *(.symtab) }
	.strtab 0 : { *(.strtab) }
	.shstrtab 0 : { *(.shstrtab) }
	/DISCARD/ : { *(.comment) *(.note*) *(.eh_frame) *(.ARM.attributes) }
}
