/* SPDX-License-Identifier: MIT
 *
 * Checks of ELF headers. Pure functions: tested and fuzzed on the host (tests/unit/linux-elf.c, tests/fuzz/elf.c).
 *
 * Invariants of an accepted image: segments ascend and do not overlap in pages' worth of file mapping, lie between the first page and top, and
 * offset and address agree modulo the page size; hi - lo does not overflow.
 */
#include "linux/elf.h"

#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/aspace.h"

const char *elf_machine_name(unsigned machine)
{
	switch (machine) {
	case EM_386:
		return "i386";
	case EM_ARM:
		return "32-bit ARM";
	case EM_X86_64:
		return "x86-64";
	case EM_AARCH64:
		return "arm64";
	case EM_RISCV:
		return "RISC-V";
	default:
		return "another architecture";
	}
}

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -ENOEXEC;
}

int elf_check_header(const void *bytes, size_t len, uint64_t file_size, unsigned machine, struct elf_header *out, const char **why)
{
	struct elf_header *h = out;

	if (len < 4 || memcmp(bytes, "\177ELF", 4) != 0)
		return refuse(why, "it is neither an ELF file nor a #! script");
	if (len < sizeof(*h))
		return refuse(why, "the ELF file is truncated (shorter than its header): copy it again");
	memcpy(h, bytes, sizeof(*h));
	if (h->e_ident[4] != ELFCLASS64)
		return refuse(why, "it is a 32-bit program: a 64-bit one is needed");
	if (h->e_ident[5] != ELFDATA2LSB)
		return refuse(why, "it is a big-endian program: a little-endian one is needed");
	if (h->e_machine != machine)
		return refuse(why, "it was built for a different processor");
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return refuse(why, "it is not a program (an object file or a core dump)");
	if (h->e_phentsize != sizeof(struct elf_phdr) || h->e_phnum == 0)
		return refuse(why, "it has no program headers of the right size");
	if (h->e_phnum > ELF_MAX_PHDRS)
		return refuse(why, "it has more than 128 program headers");
	if (h->e_phoff > file_size || file_size - h->e_phoff < (uint64_t)h->e_phnum * sizeof(struct elf_phdr))
		return refuse(why, "the ELF file is truncated (its program headers are missing): copy it again");
	return 0;
}

static int check_segment(const struct elf_phdr *p, uint64_t file_size, vaddr_t top, const char **why)
{
	if (p->p_filesz > p->p_memsz)
		return refuse(why, "a segment is bigger in the file than in memory");
	if (p->p_vaddr >= top || p->p_memsz > top - p->p_vaddr || p->p_vaddr + p->p_memsz > top - PAGE_SIZE)
		return refuse(why, "a segment lies outside the address space");
	if (p->p_offset > file_size || p->p_filesz > file_size - p->p_offset)
		return refuse(why, "the ELF file is truncated (a segment ends after the file): copy it again");
	if (p->p_filesz && (p->p_offset ^ p->p_vaddr) % PAGE_SIZE)
		return refuse(why, "a segment's offset and address disagree modulo 4096");
	if (p->p_align && (p->p_align & (p->p_align - 1)))
		return refuse(why, "a segment's alignment is not a power of two");
	return 0;
}

static unsigned segment_prot(uint32_t flags)
{
	return (flags & PF_R ? VM_READ : 0) | (flags & PF_W ? VM_WRITE : 0) | (flags & PF_X ? VM_EXEC : 0);
}

/* Append a PT_LOAD. Segments may share a page (the end of one, the start of the next): the later one then owns it, as with Linux. */
static int add_segment(struct elf_image *img, const struct elf_phdr *p, uint64_t file_size, vaddr_t top, const char **why)
{
	struct elf_segment *s;
	int r;

	if (p->p_memsz == 0)
		return 0;
	r = check_segment(p, file_size, top, why);
	if (r)
		return r;
	if (img->nr_segments == ELF_MAX_SEGMENTS)
		return refuse(why, "it has more than 32 segments to load");
	s = &img->segment[img->nr_segments];
	if (img->nr_segments && p->p_vaddr < s[-1].start + s[-1].memsz)
		return refuse(why, "its segments overlap or are not in order");
	*s = (struct elf_segment){ p->p_vaddr, p->p_filesz, p->p_memsz, p->p_offset, segment_prot(p->p_flags) };
	if (img->nr_segments++ == 0)
		img->lo = ALIGN_DOWN(p->p_vaddr, PAGE_SIZE);
	img->hi = ALIGN_UP(p->p_vaddr + p->p_memsz, PAGE_SIZE);
	if (p->p_align > img->align && p->p_align <= BLOCK_SIZE * 512)
		img->align = p->p_align;
	return 0;
}

/* AT_PHDR: PT_PHDR need not exist; the headers are where the segment that holds their file offset puts them. */
static vaddr_t find_phdrs(const struct elf_image *img, uint64_t phoff, uint64_t size)
{
	for (unsigned i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (phoff >= s->off && phoff - s->off < s->filesz && s->filesz - (phoff - s->off) >= size)
			return s->start + (phoff - s->off);
	}
	return 0;
}

int elf_parse(const struct elf_header *h, const struct elf_phdr *ph, uint64_t file_size, vaddr_t top, struct elf_image *out,
	      const char **why)
{
	struct elf_image *img = out;
	int r;

	memset(img, 0, sizeof(*img));
	img->is_dyn = h->e_type == ET_DYN;
	img->entry = h->e_entry;
	img->nr_phdrs = h->e_phnum;
	img->align = PAGE_SIZE;
	for (unsigned i = 0; i < h->e_phnum; i++) {
		const struct elf_phdr *p = &ph[i];

		if (p->p_type == PT_LOAD) {
			r = add_segment(img, p, file_size, top, why);
			if (r)
				return r;
		} else if (p->p_type == PT_INTERP && !img->interp_len) {
			if (p->p_filesz < 2 || p->p_filesz > ELF_INTERP_MAX || p->p_offset > file_size ||
			    p->p_filesz > file_size - p->p_offset)
				return refuse(why, "the name of its interpreter is missing or too long");
			img->interp_off = p->p_offset;
			img->interp_len = (uint32_t)p->p_filesz;
		} else if (p->p_type == PT_GNU_STACK) {
			img->wants_exec_stack = p->p_flags & PF_X;
		}
	}
	if (!img->nr_segments)
		return refuse(why, "it has nothing to load");
	if (!img->is_dyn && img->lo < PAGE_SIZE)
		return refuse(why, "it wants to be loaded at address 0");
	if (img->entry < img->lo || img->entry >= img->hi)
		return refuse(why, "its entry point lies outside its segments");
	img->phdr = find_phdrs(img, h->e_phoff, (uint64_t)h->e_phnum * sizeof(*ph));
	return 0;
}
