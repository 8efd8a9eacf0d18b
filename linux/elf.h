/* SPDX-License-Identifier: MIT
 *
 * ELF-64 programs and interpreters (System V gABI 4.1 ch. 4 and 5; ELF for the Arm 64-bit Architecture).
 *
 * The file is foreign: elf_parse() believes nothing and changes nothing; what it has let through elf_load() can map without further checks of the
 * numbers. Not looked at: section headers, PT_GNU_PROPERTY.
 */
#pragma once

#include "libc/types.h"

struct aspace;
struct file;

#define EI_NIDENT	16
#define ELFCLASS64	2
#define ELFDATA2LSB	1
#define ET_EXEC		2
#define ET_DYN		3
#define EM_386		3
#define EM_ARM		40
#define EM_X86_64	62
#define EM_AARCH64	183
#define EM_RISCV	243
#define PT_LOAD		1
#define PT_INTERP	3
#define PT_PHDR		6
#define PT_GNU_STACK	0x6474e551
#define PF_X		1u
#define PF_W		2u
#define PF_R		4u

struct elf_header {
	uint8_t e_ident[EI_NIDENT];
	uint16_t e_type, e_machine;
	uint32_t e_version;
	uint64_t e_entry, e_phoff, e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};

struct elf_phdr {
	uint32_t p_type, p_flags;
	uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};

#define ELF_MAX_PHDRS		128
#define ELF_MAX_SEGMENTS	32
#define ELF_INTERP_MAX		256

struct elf_segment {
	vaddr_t start;		/* first byte, before relocation */
	uint64_t filesz, memsz, off;
	unsigned prot;		/* VM_* */
};

/* All addresses before relocation (bias 0). */
struct elf_image {
	bool is_dyn;			/* may be loaded anywhere (ET_DYN) */
	bool wants_exec_stack;		/* PT_GNU_STACK with PF_X; without that header the stack is not executable either */
	vaddr_t entry;
	vaddr_t phdr;			/* where the program headers are in memory; 0: nowhere */
	unsigned nr_phdrs;
	uint64_t interp_off;		/* of the interpreter's name, NUL included; length 0: none */
	uint32_t interp_len;
	vaddr_t lo, hi;			/* pages that the segments cover */
	uint64_t align;			/* largest p_align, at least a page */
	unsigned nr_segments;
	struct elf_segment segment[ELF_MAX_SEGMENTS];
};

/*
 * Check the first bytes of a file (len of them, at least as many as there are up to 64) and say where the program headers are. 0; -ENOEXEC with *why the
 * reason, for people.
 */
int elf_check_header(const void *bytes, size_t len, uint64_t file_size, unsigned machine, struct elf_header *out, const char **why);
/* The program headers, nr = h->e_phnum of them. As above. */
int elf_parse(const struct elf_header *h, const struct elf_phdr *ph, uint64_t file_size, vaddr_t top, struct elf_image *out,
	      const char **why);

/* Name of a machine number, for messages. */
const char *elf_machine_name(unsigned machine);

/*
 * Map the image with all addresses moved by bias, in the current address space as. What was mapped stays on failure: the caller gives up the address space.
 */
int elf_load(struct aspace *as, struct file *f, const struct elf_image *img, uint64_t bias);
