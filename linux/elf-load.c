/* SPDX-License-Identifier: MIT
 *
 * Mapping of a checked ELF image: for each segment the file's pages, private; the rest of its last page zeroed; anonymous pages after it.
 *
 *	file:	        |<-- filesz -->|
 *	memory:	  [ page | page | page ...0000 | page of zeros | ... ]
 *		        ^start         ^start+filesz           ^start+memsz
 */
#include "linux/elf.h"

#include "fs/file.h"
#include "libc/errno.h"
#include "mmu/aspace.h"
#include "mmu/user.h"

static int map_file_part(struct aspace *as, struct file *f, const struct elf_segment *s, vaddr_t start, vaddr_t end)
{
	uint64_t off = ALIGN_DOWN(s->off, PAGE_SIZE);
	struct vm_map_request req = {
		.hint = start, .len = end - start, .prot = s->prot, .flags = VM_FIXED, .off = off,
	};
	vaddr_t at;
	int r;

	if (!f->ops->map)
		return -ENODEV;
	r = f->ops->map(f, off, req.len, s->prot, false, &req.object);
	if (r)
		return r;
	r = aspace_map(as, &req, &at);
	req.object->ops->unref(req.object);	/* map()'s reference; the area has its own */
	return r;
}

static int load_segment(struct aspace *as, struct file *f, const struct elf_segment *s, uint64_t bias)
{
	vaddr_t start = ALIGN_DOWN(s->start + bias, PAGE_SIZE);
	vaddr_t file_end = s->start + bias + s->filesz;
	vaddr_t end = ALIGN_UP(s->start + bias + s->memsz, PAGE_SIZE);
	vaddr_t zero_start = s->filesz ? ALIGN_UP(file_end, PAGE_SIZE) : start;
	int r;

	if (s->filesz) {
		r = map_file_part(as, f, s, start, zero_start);
		if (r)
			return r;
	}
	if (end > zero_start) {
		struct vm_map_request req = { .hint = zero_start, .len = end - zero_start, .prot = s->prot, .flags = VM_FIXED };
		vaddr_t at;

		r = aspace_map(as, &req, &at);
		if (r)
			return r;
	}
	/* A read-only segment may end with more memory than file: nobody can count on zeros in it then. */
	if (s->filesz && s->memsz > s->filesz && (s->prot & VM_WRITE) && zero_start > file_end)
		return zero_user((void *)file_end, zero_start - file_end);
	return 0;
}

int elf_load(struct aspace *as, struct file *f, const struct elf_image *img, uint64_t bias)
{
	for (unsigned i = 0; i < img->nr_segments; i++) {
		int r = load_segment(as, f, &img->segment[i], bias);

		if (r)
			return r;
	}
	return 0;
}
