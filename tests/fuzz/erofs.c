/* SPDX-License-Identifier: MIT
 *
 * Arbitrary bytes as a root image: open it, walk it a few levels deep, read and map what is there. Must neither crash nor loop.
 *
 * The checksum of the super block is switched off so that mutations get past it.
 */
/* sources: fs/erofs.c fs/erofs-dir.c fs/erofs-z.c libc/crc32c.c libc/lz4.c tests/host/fake-special.c */
#include <stdlib.h>
#include <string.h>

#include "fs/erofs.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "libc/print.h"

#define MAX_NODES	200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_file(struct erofs *e, const struct erofs_inode *in)
{
	static uint8_t buf[3 * 4096];
	uint64_t off[] = { 0, 4095, in->size / 2, in->size - 1, in->size > sizeof(buf) ? in->size - sizeof(buf) : 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
		struct erofs_extent x;

		(void)!erofs_read(e, in, off[i], buf, sizeof(buf));
		if (off[i] < in->size && !erofs_map(e, in, off[i], &x) && x.data && x.len)
			buf[0] ^= (uint8_t)(x.data[0] ^ x.data[x.len - 1]);
		if (erofs_page_in_place(e, in, off[i] >> PAGE_SHIFT))
			buf[0] ^= *(const uint8_t *)erofs_page_in_place(e, in, off[i] >> PAGE_SHIFT);
	}
}

static void walk(struct erofs *e, uint64_t nid, unsigned depth, unsigned *budget)
{
	struct erofs_dirent d = { 0 };
	struct erofs_inode in;
	uint64_t found, last = 0;

	if (!*budget || erofs_get_inode(e, nid, &in))
		return;
	--*budget;
	if ((in.mode & S_IFMT) != S_IFDIR) {
		if ((in.mode & S_IFMT) == S_IFREG || (in.mode & S_IFMT) == S_IFLNK)
			read_file(e, &in);
		return;
	}
	while (*budget && !erofs_dir_next(e, &in, d.next, &d)) {
		if (d.next <= last)
			abort();	/* no progress */
		last = d.next;
		if (!depth)
			break;
		if (!erofs_lookup(e, &in, d.name, d.len, &found))
			walk(e, found, depth - 1, budget);
		walk(e, d.nid, depth - 1, budget);
	}
	(void)!erofs_lookup(e, &in, "usr", 3, &found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned budget = MAX_NODES;
	struct erofs *e;
	uint8_t *image;

	/* Exactly as long as the input, so that ASan sees a read beyond it; page aligned for the in-place path. */
	if (posix_memalign((void **)&image, 4096, size ? size : 1))
		return 0;
	memcpy(image, data, size);
	if (size > 1024 + 12)
		image[1024 + 8] &= (uint8_t)~1u;
	if (!erofs_open(image, size, &e)) {
		walk(e, erofs_root(e), 4, &budget);
		erofs_close(e);
	}
	free(image);
	return 0;
}
