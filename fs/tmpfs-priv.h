/* SPDX-License-Identifier: MIT
 *
 * Inside fs/tmpfs*.c.
 */
#pragma once

#include "fs/erofs.h"
#include "fs/pagecache.h"
#include "fs/tmpfs.h"
#include "fs/vnode.h"
#include "libc/list.h"
#include "libc/rbtree.h"
#include "mmu/object.h"

/* One file system instance. Created by mount, freed by unmount. */
struct tmpfs {
	struct fs_super super;		/* first */
	struct erofs *lower;		/* [I] or NULL */
	uint64_t max_pages, max_nodes;	/* [a] a remount changes them */
	uint64_t nr_pages, nr_nodes;	/* [a] in use, without those of the image */
	uint64_t max_index, nr_index;	/* [I; a] pages of memory for the indices of sparse files */
	uint64_t nr_mapped;		/* [a] mappings of files */
	uint64_t default_pages, default_nodes; /* [I] the limits without options; for show_options() */
	uint32_t mode, uid, gid;	/* [I] of the root as mounted; likewise */
	uint64_t nr_lower;		/* [a] nodes of lower inodes in memory */
	uint64_t next_ino;		/* [a] */
	struct tnode **icache;		/* [icache_lock] nodes with a lower inode, by its number */
	uint32_t icache_mask;		/* [I] */
	struct mutex icache_lock;
};

/* A name in the upper table of a directory. node NULL: a whiteout. */
struct tdirent {
	struct rb_node by_name, by_seq;	/* [ns_lock] */
	uint64_t seq;			/* place in the order of readdir, never reused */
	struct tnode *node;		/* ref */
	uint32_t hash;
	uint16_t len;
	bool covers_lower;		/* the lower directory has this name */
	char name[];
};

struct tdir {
	struct rb_tree by_name, by_seq;	/* [ns_lock] */
	uint64_t next_seq, nr_live;	/* [ns_lock] nr_live: entries that are no whiteouts */
	uint64_t nr_covering;		/* [ns_lock] */
};

struct tfile {
	struct vm_object object;	/* mappings; counted as references to the vnode */
	struct page_tree pages;		/* [meta] */
	uint64_t index_pages;		/* [meta] counted in nr_index */
	uint64_t lower_pages;		/* [meta; a] pages below this index show the lower file where the tree has nothing */
	const uint8_t *flat;		/* [a] all of the lower file as it lies in memory; NULL: not so, or not known yet */
	bool flat_is_known;		/* [a] flat is what it will be */
	struct list clean;		/* [clean_lock in tmpfs-clean.c] files that have clean pages; next NULL: not among them */
	uint64_t hand;			/* [clean_lock] where taking clean pages back goes on */
	bool is_shared;			/* [meta] was mapped shared and writable: lower pages are not handed out any more */
};

struct tnode {
	struct vnode v;			/* first */
	bool has_lower;			/* [I] */
	bool is_pinned;			/* [icache_lock] changed: holds a reference to itself while it has a name */
	struct erofs_inode lower;	/* [I] */
	struct tnode *icache_next;	/* [icache_lock] */
	union {
		struct tdir dir;
		struct tfile file;
		char *target;		/* [I] of a symlink without lower */
	};
};

static inline struct tnode *tnode_of(struct vnode *v)
{
	return container_of(v, struct tnode, v);
}

static inline struct tmpfs *tmpfs_of(const struct vnode *v)
{
	return container_of(v->super, struct tmpfs, super);
}

/* fcntl(2). */
#define F_ADD_SEALS	1033u
#define F_GET_SEALS	1034u
#define F_SEAL_SEAL	1u

extern const struct vnode_ops tmpfs_dir_vops, tmpfs_file_vops, tmpfs_other_vops;
extern const struct file_ops tmpfs_dir_fops, tmpfs_file_fops;
extern const struct vm_object_ops tmpfs_object_ops;

/* give. -ENOMEM, -ENOSPC. */
int tmpfs_node_new(struct tmpfs *fs, const struct vnode_new *how, struct tnode **out);
/* The node of a lower inode, found or made. give. */
int tmpfs_node_lower(struct tmpfs *fs, uint64_t nid, struct tnode **out);
/* n is about to differ from its lower inode. */
void tmpfs_pin(struct tnode *n);
/* A further name of a file counts as a node (mount option nr_inodes); the first one is the node's own. ns_lock held. -ENOSPC. */
int tmpfs_charge_link(struct tnode *n);
void tmpfs_uncharge_link(struct tnode *n);
/* One name less; when the last one goes, so does the pin. */
void tmpfs_drop_link(struct tnode *n, unsigned links);

int tmpfs_setattr(struct vnode *v, const struct vnode_attr *a);
int tmpfs_getattr(struct vnode *v, struct stat_info *out);
int tmpfs_truncate(struct vnode *v, uint64_t size);
void tmpfs_dir_destroy(struct tnode *n);
void tmpfs_file_destroy(struct tnode *n);
void tmpfs_destroy(struct vnode *v);
ssize_t tmpfs_getxattr(struct vnode *v, const char *name, void *buf, size_t size);
/* tmpfs-clean.c: a copy of the lower page at idx, kept in the tree, not counted as the file's own; referenced for the caller. -ENOMEM, -EUCLEAN. */
int tmpfs_get_clean_page(struct tnode *n, uint64_t idx, paddr_t *out);
/*
 * Count what the index of n takes beyond that of a file without holes, in pages. It is no part of the size that the file system has (Linux does not count it), but may not
 * take all memory either. meta held. -ENOSPC, only if it grew.
 */
int tmpfs_charge_index(struct tnode *n);
/* n is going. */
void tmpfs_clean_remove(struct tnode *n);
/* Let the kernel take clean pages back when memory is short. */
void tmpfs_shrinker_init(void);
/* Account for nr more pages. -ENOSPC. */
int tmpfs_charge(struct tmpfs *fs, uint64_t nr);
void tmpfs_uncharge(struct tmpfs *fs, uint64_t nr);
