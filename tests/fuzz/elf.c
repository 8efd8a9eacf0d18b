/* SPDX-License-Identifier: MIT
 *
 * Arbitrary bytes as a program: header, program headers, #! line. What is accepted must keep the promises of linux/elf.h, on which elf_load() relies.
 */
/* sources: linux/elf.c linux/script.c */
#include <stdlib.h>
#include <string.h>

#include "linux/elf.h"
#include "linux/exec.h"
#include "libc/errno.h"

#define TOP	(1ull << 48)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int cond)
{
	if (!cond)
		abort();
}

static void check_image(const struct elf_image *img, uint64_t file_size)
{
	vaddr_t prev_end = 0;

	require(img->nr_segments >= 1 && img->nr_segments <= ELF_MAX_SEGMENTS);
	require(img->lo % PAGE_SIZE == 0 && img->hi % PAGE_SIZE == 0 && img->lo < img->hi && img->hi <= TOP);
	require(img->entry >= img->lo && img->entry < img->hi);
	require(img->align >= PAGE_SIZE && (img->align & (img->align - 1)) == 0);
	require(img->interp_len <= ELF_INTERP_MAX && img->interp_off + img->interp_len <= file_size);
	for (unsigned i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];

		require(s->start >= prev_end && s->start >= img->lo && s->start + s->memsz <= img->hi);
		require(s->filesz <= s->memsz && s->off + s->filesz <= file_size && s->off <= file_size);
		require(!s->filesz || s->off % PAGE_SIZE == s->start % PAGE_SIZE);
		prev_end = s->start + s->memsz;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char interp[SCRIPT_LINE_MAX], arg[SCRIPT_LINE_MAX];
	struct elf_phdr *ph;
	struct elf_image img;
	struct elf_header h;
	const char *why = NULL;
	char head[SCRIPT_LINE_MAX];
	size_t n = size < sizeof(head) ? size : sizeof(head);
	int r;

	memcpy(head, data, n);
	r = script_parse(head, n, interp, arg);
	require(r <= 0 || (strlen(interp) > 0 && strlen(interp) < SCRIPT_LINE_MAX && strlen(arg) < SCRIPT_LINE_MAX));
	if (elf_check_header(data, size, size, EM_AARCH64, &h, &why)) {
		require(why != NULL);
		return 0;
	}
	ph = malloc(h.e_phnum * sizeof(*ph));
	memcpy(ph, data + h.e_phoff, h.e_phnum * sizeof(*ph));
	if (elf_parse(&h, ph, size, TOP, &img, &why) == 0)
		check_image(&img, size);
	else
		require(why != NULL);
	free(ph);
	return 0;
}
