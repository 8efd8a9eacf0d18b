/* SPDX-License-Identifier: MIT
 *
 * EROFS compressed files (LZ4). Linux Documentation/filesystems/erofs.rst, "Compression".
 *
 * The file is divided into logical clusters ("lclusters", a block each). An extent starts somewhere in an lcluster (HEAD: compressed, PLAIN: stored as it is) and goes to
 * the start of the next; its bytes are in a physical cluster of one or more blocks. lclusters in which no extent starts are NONHEAD and say how far back the head is.
 *
 *	lcluster   0          1          2          3
 *	           HEAD ofs 0 NONHEAD    HEAD ofs X HEAD ofs Y
 *	           |-- extent at block A ---|--- at B ---|--- at C
 *
 * The index has 8 bytes for each lcluster ("full") or is packed: 2 entries in 8 bytes, or 16 in 32 bytes, a pack ending with the block address before its first head.
 *
 * The last decoded extent is kept, so that reading page after page decodes once.
 */
#include "fs/erofs-priv.h"
#include "fs/erofs-reg.h"
#include "libc/errno.h"
#include "libc/lz4.h"
#include "mmu/heap.h"

#define ADVISE_COMPACTED_2B	0x01u
#define ADVISE_BIG_PCLUSTER_1	0x02u
#define ADVISE_BIG_PCLUSTER_2	0x04u
#define HEADER_SIZE		8u
#define D0_CBLKCNT		(1u << 11)	/* a NONHEAD behind a head: its distance field is the size of the physical cluster in blocks */
#define MAX_EXTENT		(16ul << 20)

enum { PLAIN, HEAD1, NONHEAD, HEAD2 };

/* What the index says about one lcluster. */
struct lcluster {
	unsigned type;
	unsigned ofs;			/* of the head in it */
	unsigned back;			/* NONHEAD: lclusters back to the head */
	unsigned nr_blocks;		/* NONHEAD: of the physical cluster, if it says so; else 0 */
	uint32_t block;			/* head: physical address */
};

struct zfile {
	struct erofs *e;
	const struct erofs_inode *in;
	uint64_t index;			/* offset of the index in the image */
	uint64_t nr;			/* lclusters */
	unsigned bits;			/* of an lcluster */
	unsigned advise, algorithms;
};

struct zextent {
	uint64_t start, end;		/* in the file */
	uint64_t at, size;		/* in the image */
	bool is_plain;
};

static int corrupt(const struct zfile *z)
{
	return erofs_corrupt(z->e, z->in->nid, "a bad compression index");
}

static int zfile_init(struct zfile *z, struct erofs *e, const struct erofs_inode *in)
{
	uint64_t pos = ALIGN_UP(in->tail, 8ul);
	const uint8_t *h = erofs_at(e, pos, HEADER_SIZE);

	*z = (struct zfile){ .e = e, .in = in, .bits = e->block_bits };
	if (!h)
		return corrupt(z);
	z->index = pos + HEADER_SIZE;
	if (in->layout == EROFS_INODE_COMPRESSED_FULL)
		z->index += 8;		/* padding of the legacy index */
	/* Before the header had a meaning it was padding. */
	if (in->layout == EROFS_INODE_COMPRESSED_COMPACT || (e->incompat & EROFS_FEATURE_INCOMPAT_COMPR_CFGS)) {
		z->advise = erofs_le16(h + 4);
		z->algorithms = h[6];
		z->bits += h[7] & 7;
	}
	z->nr = DIV_ROUND_UP(in->size, 1ull << z->bits);
	if ((z->advise & ~(ADVISE_COMPACTED_2B | ADVISE_BIG_PCLUSTER_1 | ADVISE_BIG_PCLUSTER_2)) || z->bits > 14 || (z->algorithms & 15))
		return -EOPNOTSUPP;
	return 0;
}

static int load_full(const struct zfile *z, uint64_t lcn, struct lcluster *out)
{
	const uint8_t *p = lcn > z->e->size / 8 ? NULL : erofs_at(z->e, z->index + lcn * 8, 8);

	if (!p)
		return corrupt(z);
	*out = (struct lcluster){ .type = erofs_le16(p) & 3 };
	if (out->type == NONHEAD) {
		out->back = erofs_le16(p + 4);
		if (out->back & D0_CBLKCNT) {
			out->nr_blocks = out->back & ~D0_CBLKCNT;
			out->back = 1;
		}
		return 0;
	}
	out->ofs = erofs_le16(p + 2);
	out->block = erofs_le32(p + 4);
	return out->ofs >> z->bits ? corrupt(z) : 0;
}

/* Entry i of a pack: its low bits; *type. */
static unsigned packed(const struct zfile *z, const uint8_t *pack, unsigned entry_bits, unsigned i, unsigned *type)
{
	unsigned pos = entry_bits * i, lo_bits = MAX(z->bits, 12u);
	uint32_t v = 0;

	/* An entry has at most 16 bits: three bytes hold it, the pack is longer than that. */
	for (unsigned b = 0; b < 3; b++)
		v |= (uint32_t)pack[pos / 8 + b] << (8 * b);
	v >>= pos & 7;
	*type = v >> lo_bits & 3;
	return v & ((1u << lo_bits) - 1);
}

/* Blocks used by the heads before entry i of the pack, plus what the base address counts from. */
static unsigned blocks_before(const struct zfile *z, const uint8_t *pack, unsigned entry_bits, int i)
{
	bool is_big = z->advise & ADVISE_BIG_PCLUSTER_1;
	unsigned nr = is_big ? 0 : 1, type, lo;

	while (i > 0) {
		lo = packed(z, pack, entry_bits, (unsigned)--i, &type);
		if (type == NONHEAD && is_big && (lo & D0_CBLKCNT)) {
			i--;
			nr += lo & ~D0_CBLKCNT;
			continue;
		}
		if (type == NONHEAD && is_big) {
			/* lo - 1 back is the entry with the count, which is 1 behind the head. */
			if (lo <= 1)
				return nr;
			i -= (int)lo - 2;
			continue;
		}
		if (type == NONHEAD)
			i -= (int)lo;
		if (i >= 0)
			nr++;
	}
	return nr;
}

static int load_packed(const struct zfile *z, uint64_t lcn, struct lcluster *out)
{
	uint64_t pos = z->index, initial = (32 - pos % 32) / 4 % 8, two_byte = 0;
	unsigned shift = 2, nr, entry_bits, i, lo, type;
	const uint8_t *pack;

	if ((z->advise & ADVISE_COMPACTED_2B) && initial < z->nr)
		two_byte = ALIGN_DOWN(z->nr - initial, 16ul);
	if (lcn >= initial) {
		pos += initial * 4;
		lcn -= initial;
		if (lcn < two_byte) {
			shift = 1;
		} else {
			pos += two_byte * 2;
			lcn -= two_byte;
		}
	}
	pos += lcn << shift;
	nr = shift == 2 ? 2 : 16;
	if (shift == 1 && z->bits > 12)
		return -EOPNOTSUPP;
	entry_bits = ((nr << shift) - 4) * 8 / nr;
	pack = erofs_at(z->e, ALIGN_DOWN(pos, (uint64_t)nr << shift), nr << shift);
	if (!pack)
		return corrupt(z);
	i = (unsigned)(pos % (nr << shift)) >> shift;
	lo = packed(z, pack, entry_bits, i, &type);
	*out = (struct lcluster){ .type = type };
	if (type != NONHEAD) {
		out->ofs = lo;
		out->block = erofs_le32(pack + (nr << shift) - 4) + blocks_before(z, pack, entry_bits, (int)i);
		return lo >> z->bits ? corrupt(z) : 0;
	}
	if (lo & D0_CBLKCNT) {
		out->nr_blocks = lo & ~D0_CBLKCNT;
		out->back = 1;
	} else if (i + 1 != nr) {
		out->back = lo;
	} else {
		/* The last entry of a pack has the distance forward; that back follows from its neighbour. */
		lo = packed(z, pack, entry_bits, i - 1, &type);
		out->back = (type != NONHEAD ? 0 : lo & D0_CBLKCNT ? 1 : lo) + 1;
	}
	return 0;
}

static int load(const struct zfile *z, uint64_t lcn, struct lcluster *out)
{
	if (lcn >= z->nr)
		return corrupt(z);
	return z->in->layout == EROFS_INODE_COMPRESSED_FULL ? load_full(z, lcn, out) : load_packed(z, lcn, out);
}

/* Blocks of the physical cluster whose head is at lcn. */
static int count_blocks(const struct zfile *z, uint64_t lcn, unsigned type, uint64_t *nr)
{
	unsigned big = type == HEAD1 ? ADVISE_BIG_PCLUSTER_1 : type == HEAD2 ? ADVISE_BIG_PCLUSTER_2 : 0;
	struct lcluster next;
	int r;

	*nr = 1ull << (z->bits - z->e->block_bits);
	if (!(z->advise & big) || lcn + 1 >= z->nr)
		return 0;
	r = load(z, lcn + 1, &next);
	if (!r && next.type == NONHEAD) {
		if (!next.nr_blocks)
			return corrupt(z);
		*nr = next.nr_blocks;
	}
	return r;
}

/* The extent that holds off. */
static int find_extent(const struct zfile *z, uint64_t off, struct zextent *x)
{
	uint64_t lcn = off >> z->bits, nr_blocks, next;
	struct lcluster c, n;
	int r;

	r = load(z, lcn, &c);
	if (!r && c.type != NONHEAD && (off & ((1ull << z->bits) - 1)) < c.ofs) {
		if (!lcn)
			return corrupt(z);
		r = load(z, --lcn, &c);
	}
	while (!r && c.type == NONHEAD) {
		if (!c.back || c.back > lcn)
			return corrupt(z);
		lcn -= c.back;
		r = load(z, lcn, &c);
	}
	if (!r)
		r = count_blocks(z, lcn, c.type, &nr_blocks);
	if (r)
		return r;
	x->start = (lcn << z->bits) + c.ofs;
	x->end = z->in->size;
	for (next = lcn + 1; next < z->nr; next++) {
		r = load(z, next, &n);
		if (r)
			return r;
		if (n.type != NONHEAD) {
			x->end = (next << z->bits) + n.ofs;
			break;
		}
		if ((next << z->bits) - x->start > MAX_EXTENT)
			return corrupt(z);
	}
	x->end = MIN(x->end, z->in->size);
	x->at = (uint64_t)c.block << z->e->block_bits;
	x->size = nr_blocks << z->e->block_bits;
	x->is_plain = c.type == PLAIN;
	if (x->start > off || x->end <= off || x->end - x->start > MAX_EXTENT || !erofs_at(z->e, x->at, x->size))
		return corrupt(z);
	return 0;
}

static int decode(const struct zfile *z, const struct zextent *x, uint8_t *out)
{
	const uint8_t *p = z->e->base + x->at;
	uint64_t len = x->end - x->start, size = x->size;

	if (x->is_plain) {
		if (len > size)
			return corrupt(z);
		memcpy(out, p, len);
		return 0;
	}
	/* The block is filled up with zeros in front, where no LZ4 block has one. */
	if (z->e->incompat & EROFS_FEATURE_INCOMPAT_ZERO_PADDING)
		while (size && !*p) {
			p++;
			size--;
		}
	return lz4_decode(p, size, out, len) == (ssize_t)len ? 0 : corrupt(z);
}

/* The extent at off is in the cache afterwards. z_lock held. */
static int fill_cache(struct zfile *z, uint64_t off)
{
	struct erofs_zcache *c = &z->e->zcache;
	struct zextent x = { 0 };
	uint64_t len;
	int r;

	if (c->len && c->nid == z->in->nid && off >= c->start && off - c->start < c->len)
		return 0;
	r = find_extent(z, off, &x);
	if (r)
		return r;
	len = x.end - x.start;
	c->len = 0;
	if (len > c->capacity) {
		kfree(c->data);
		c->capacity = 0;
		c->data = kmalloc(ALIGN_UP(len, PAGE_SIZE));
		if (!c->data)
			return -ENOMEM;
		c->capacity = ALIGN_UP(len, PAGE_SIZE);
	}
	r = decode(z, &x, c->data);
	if (r)
		return r;
	c->nid = z->in->nid;
	c->start = x.start;
	c->len = len;
	return 0;
}

int erofs_z_read(struct erofs *e, const struct erofs_inode *in, uint64_t off, uint8_t *buf, size_t len)
{
	struct erofs_zcache *c = &e->zcache;
	struct zfile z;
	int r;

	r = zfile_init(&z, e, in);
	if (r)
		return r;
	mutex_lock(&e->z_lock);
	while (len && !r) {
		r = fill_cache(&z, off);
		if (!r) {
			size_t n = (size_t)MIN((uint64_t)len, c->len - (off - c->start));

			memcpy(buf, c->data + (off - c->start), n);
			buf += n;
			off += n;
			len -= n;
		}
	}
	mutex_unlock(&e->z_lock);
	return r;
}
