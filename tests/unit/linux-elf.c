// SPDX-License-Identifier: MIT
/* sources: linux/elf.c */
/* Headers of programs: what is accepted, with which numbers, and what is refused, with which words. */
#include "linux/elf.h"

#include <stdio.h>
#include <string.h>

#include "libc/errno.h"
#include "mmu/aspace.h"

#define TOP	(1ull << 48)

static int failures;

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			printf("line %d: %s\n", __LINE__, #cond); \
			failures++; \
		} \
	} while (0)

static struct elf_header good_header(void)
{
	struct elf_header h = {
		.e_type = ET_DYN, .e_machine = EM_AARCH64, .e_version = 1, .e_entry = 0x1234, .e_phoff = 64, .e_phentsize = 56, .e_phnum = 2,
	};

	memcpy(h.e_ident, "\177ELF\2\1\1", 7);
	return h;
}

static void good_phdrs(struct elf_phdr p[2])
{
	p[0] = (struct elf_phdr){ PT_LOAD, PF_R | PF_X, 0, 0, 0, 0x2345, 0x2345, 0x10000 };
	p[1] = (struct elf_phdr){ PT_LOAD, PF_R | PF_W, 0x2d00, 0x12d00, 0, 0x100, 0x5000, 0x10000 };
}

static int parse(const struct elf_header *h, const struct elf_phdr *p, struct elf_image *img, const char **why)
{
	*why = NULL;
	return elf_parse(h, p, 0x3000, TOP, img, why);
}

static void test_header(void)
{
	struct elf_header h = good_header(), out;
	const char *why = NULL;

	CHECK(elf_check_header(&h, sizeof(h), 0x3000, EM_AARCH64, &out, &why) == 0 && !why);
	CHECK(elf_check_header(&h, 20, 20, EM_AARCH64, &out, &why) == -ENOEXEC && strstr(why, "truncated"));
	CHECK(elf_check_header("#!/x", 4, 4, EM_AARCH64, &out, &why) == -ENOEXEC);
	CHECK(elf_check_header("", 0, 0, EM_AARCH64, &out, &why) == -ENOEXEC);
	CHECK(elf_check_header(&h, sizeof(h), 100, EM_AARCH64, &out, &why) == -ENOEXEC && strstr(why, "truncated"));
	h.e_machine = EM_X86_64;
	CHECK(elf_check_header(&h, sizeof(h), 0x3000, EM_AARCH64, &out, &why) == -ENOEXEC && strstr(why, "processor"));
	h = good_header();
	h.e_ident[4] = 1;
	CHECK(elf_check_header(&h, sizeof(h), 0x3000, EM_AARCH64, &out, &why) == -ENOEXEC && strstr(why, "32-bit"));
	h = good_header();
	h.e_phoff = ~0ull - 10;
	CHECK(elf_check_header(&h, sizeof(h), 0x3000, EM_AARCH64, &out, &why) == -ENOEXEC);
	h = good_header();
	h.e_type = 1;
	CHECK(elf_check_header(&h, sizeof(h), 0x3000, EM_AARCH64, &out, &why) == -ENOEXEC && strstr(why, "not a program"));
	h = good_header();
	h.e_phnum = 0xffff;
	CHECK(elf_check_header(&h, sizeof(h), ~0ull, EM_AARCH64, &out, &why) == -ENOEXEC);
}

static void test_good(void)
{
	struct elf_header h = good_header();
	struct elf_phdr p[2];
	struct elf_image img;
	const char *why;

	good_phdrs(p);
	CHECK(parse(&h, p, &img, &why) == 0);
	CHECK(img.is_dyn && img.entry == 0x1234 && img.nr_segments == 2 && img.nr_phdrs == 2);
	CHECK(img.lo == 0 && img.hi == 0x18000 && img.align == 0x10000);
	CHECK(img.phdr == 64 && img.interp_len == 0);
	CHECK(img.segment[0].prot == (VM_READ | VM_EXEC) && img.segment[1].prot == (VM_READ | VM_WRITE));
	CHECK(img.segment[1].start == 0x12d00 && img.segment[1].filesz == 0x100 && img.segment[1].memsz == 0x5000);
	/* Program headers that no segment holds have no address. */
	h.e_phoff = 0x2f00;
	CHECK(parse(&h, p, &img, &why) == 0 && img.phdr == 0);
}

static void test_interp(void)
{
	struct elf_header h = good_header();
	struct elf_phdr p[3];
	struct elf_image img;
	const char *why;

	good_phdrs(p);
	h.e_phnum = 3;
	p[2] = (struct elf_phdr){ PT_INTERP, PF_R, 0x200, 0x200, 0, 27, 27, 1 };
	CHECK(parse(&h, p, &img, &why) == 0 && img.interp_off == 0x200 && img.interp_len == 27);
	p[2].p_filesz = 1;
	CHECK(parse(&h, p, &img, &why) == -ENOEXEC);
	p[2].p_filesz = 300;
	CHECK(parse(&h, p, &img, &why) == -ENOEXEC);
	p[2].p_filesz = 27;
	p[2].p_offset = 0x2ff0;
	CHECK(parse(&h, p, &img, &why) == -ENOEXEC);
}

/* Each spoils one field of the second segment. */
static void test_hostile(void)
{
	static const struct {
		uint64_t off, vaddr, filesz, memsz, align;
		const char *why;
	} bad[] = {
		{ 0x2d00, 0x12d00, 0x100, 0x10, 0x1000, "bigger in the file" },
		{ 0x2d00, 0x12d00, 0x1000, 0x1000, 0x1000, "truncated" },
		{ ~0ull - 0xff, 0x12d00, 0x1000, 0x1000, 0x1000, "truncated" },
		{ 0x2d00, 0x12d08, 0x100, 0x100, 0x1000, "disagree" },
		{ 0x2d00, 0xffffffffffffed00, 0x100, 0x5000, 0x1000, "outside" },
		{ 0x2d00, 0x12d00, 0x100, ~0ull, 0x1000, "outside" },
		{ 0x2d00, 0xfffffffffd00, 0x100, 0x100, 0x1000, "outside" },
		{ 0x2d00, 0x12d00, 0x100, 0x5000, 0x3000, "power of two" },
		{ 0x0d00, 0x0d00, 0x100, 0x5000, 0x1000, "overlap" },
	};
	struct elf_header h = good_header();
	struct elf_phdr p[2];
	struct elf_image img;
	const char *why;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		good_phdrs(p);
		p[1] = (struct elf_phdr){ PT_LOAD, PF_R, bad[i].off, bad[i].vaddr, 0, bad[i].filesz, bad[i].memsz, bad[i].align };
		if (parse(&h, p, &img, &why) != -ENOEXEC || !why || !strstr(why, bad[i].why)) {
			printf("case %u: %s\n", i, why ? why : "accepted");
			failures++;
		}
	}
	good_phdrs(p);
	h.e_entry = 0x18000;
	CHECK(parse(&h, p, &img, &why) == -ENOEXEC && strstr(why, "entry"));
	h.e_entry = 0x1234;
	h.e_type = ET_EXEC;
	CHECK(parse(&h, p, &img, &why) == -ENOEXEC && strstr(why, "address 0"));
	h.e_type = ET_DYN;
	p[0].p_type = p[1].p_type = 0;
	CHECK(parse(&h, p, &img, &why) == -ENOEXEC && strstr(why, "nothing to load"));
}

int main(void)
{
	test_header();
	test_good();
	test_interp();
	test_hostile();
	return failures != 0;
}
