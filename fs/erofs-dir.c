/* SPDX-License-Identifier: MIT
 *
 * EROFS directories: blocks of entries sorted by name, over the whole directory, so that a lookup is a binary search over blocks by their first names, then inside one.
 *
 *	| nid nameoff type | nid nameoff type | ... | name name name ... |
 *	0                  12                 ^ nameoff of the first = 12 * number of entries
 */
#include "fs/erofs-priv.h"
#include "fs/erofs-reg.h"
#include "fs/vnode.h"
#include "libc/errno.h"

/* One directory block, checked as far as its head goes. */
struct block {
	const uint8_t *data;
	size_t len;
	unsigned nr;			/* entries */
};

static int get_block(struct erofs *e, const struct erofs_inode *dir, uint64_t index, struct block *b)
{
	uint64_t size = 1ull << e->block_bits, off = index << e->block_bits;
	struct erofs_extent x;
	unsigned first;
	int r;

	r = erofs_map(e, dir, off, &x);
	if (r)
		return r;
	b->len = (size_t)MIN(size, dir->size - off);
	if (!x.data || x.is_encoded || x.len < b->len || b->len < EROFS_DIRENT_SIZE)
		return erofs_corrupt(e, dir->nid, "a directory block that is not whole");
	b->data = x.data;
	first = erofs_le16(b->data + 8);
	if (first < EROFS_DIRENT_SIZE || first % EROFS_DIRENT_SIZE || first >= b->len)
		return erofs_corrupt(e, dir->nid, "a bad directory block");
	b->nr = first / EROFS_DIRENT_SIZE;
	return 0;
}

static int get_entry(struct erofs *e, const struct erofs_inode *dir, const struct block *b, unsigned i, struct erofs_dirent *out)
{
	const uint8_t *p = b->data + i * EROFS_DIRENT_SIZE;
	size_t off = erofs_le16(p + 8), end = b->len;

	if (i + 1 < b->nr)
		end = erofs_le16(p + EROFS_DIRENT_SIZE + 8);
	if (off < b->nr * EROFS_DIRENT_SIZE || off >= end || end > b->len)
		return erofs_corrupt(e, dir->nid, "a bad directory entry");
	out->name = (const char *)b->data + off;
	out->len = end - off;
	if (i + 1 == b->nr)
		out->len = strnlen(out->name, out->len);
	if (!out->len || out->len > NAME_MAX)
		return erofs_corrupt(e, dir->nid, "a bad name");
	out->nid = erofs_le64(p);
	/* FT_* of ext2, which EROFS uses, in the order of its numbers. */
	static const uint8_t types[] = { DT_UNKNOWN, DT_REG, DT_DIR, DT_CHR, DT_BLK, DT_FIFO, DT_SOCK, DT_LNK };
	out->dtype = p[10] < sizeof(types) ? types[p[10]] : DT_UNKNOWN;
	return 0;
}

static int compare(const char *name, size_t len, const struct erofs_dirent *d)
{
	int r = memcmp(name, d->name, MIN(len, d->len));

	return r ? r : len < d->len ? -1 : len > d->len;
}

/* The last block whose first name is not greater; -ENOENT. */
static int find_block(struct erofs *e, const struct erofs_inode *dir, const char *name, size_t len, struct block *out)
{
	uint64_t low = 0, high = DIV_ROUND_UP(dir->size, 1ull << e->block_bits);
	bool has_found = false;
	struct erofs_dirent d;
	struct block b;
	int r;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		r = get_block(e, dir, mid, &b);
		if (!r)
			r = get_entry(e, dir, &b, 0, &d);
		if (r)
			return r;
		if (compare(name, len, &d) >= 0) {
			*out = b;
			has_found = true;
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return has_found ? 0 : -ENOENT;
}

int erofs_lookup(struct erofs *e, const struct erofs_inode *dir, const char *name, size_t len, uint64_t *nid)
{
	unsigned low = 0, high;
	struct erofs_dirent d;
	struct block b;
	int r;

	if ((dir->mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	r = find_block(e, dir, name, len, &b);
	if (r)
		return r;
	high = b.nr;
	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		int c;

		r = get_entry(e, dir, &b, mid, &d);
		if (r)
			return r;
		c = compare(name, len, &d);
		if (!c) {
			*nid = d.nid;
			return 0;
		}
		if (c > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -ENOENT;
}

static bool is_dots(const struct erofs_dirent *d)
{
	return d->name[0] == '.' && (d->len == 1 || (d->len == 2 && d->name[1] == '.'));
}

/* Positions: block number, and number of the entry in its lower 16 bits. */
int erofs_dir_next(struct erofs *e, const struct erofs_inode *dir, uint64_t pos, struct erofs_dirent *out)
{
	uint64_t nr_blocks = DIV_ROUND_UP(dir->size, 1ull << e->block_bits);
	uint64_t index = pos >> 16;
	unsigned i = pos & 0xffff;
	struct block b;
	int r;

	if ((dir->mode & S_IFMT) != S_IFDIR)
		return -ENOTDIR;
	for (; index < nr_blocks; index++, i = 0) {
		r = get_block(e, dir, index, &b);
		if (r)
			return r;
		for (; i < b.nr; i++) {
			r = get_entry(e, dir, &b, i, out);
			if (r)
				return r;
			if (is_dots(out))
				continue;
			out->next = index << 16 | (i + 1);
			return 0;
		}
	}
	return -ENOENT;
}
