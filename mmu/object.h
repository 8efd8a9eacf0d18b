/* SPDX-License-Identifier: MIT
 *
 * What a mapping shows: the interface that mmu/ calls and fs/ (page cache, devices), linux/ (vDSO, veneers) implement.
 */
#pragma once

#include "libc/types.h"
#include "sched/mutex.h"

struct area;
struct vm_object;

/* A page as an object hands it out. */
struct vm_page {
	paddr_t pa;
	bool is_writable;	/* may be mapped writable in a shared mapping (else: mapped read-only, write faults ask again with for_write) */
};

struct vm_object_ops {
	/*
	 * The page at index idx (units of PAGE_SIZE from the start of the object), with a reference (page_get) for the caller's mapping. for_write: a shared mapping will
	 * write it. 0, -ENXIO beyond the end (SIGBUS), -EIO, -ENOMEM. Context: thread, may sleep.
	 */
	int (*get_page)(struct vm_object *o, uint64_t idx, bool for_write, struct vm_page *out);
	/*
	 * Optional: which of the nr pages from idx on (nr <= 16) can be had at once, without I/O, sleeping or locks that are held around copies from or to the application:
	 * pa[i], each with a reference, or PADDR_NONE (also beyond the end). They will be mapped read-only. Saves faults (neighbours are mapped along) and the locking that
	 * get_page needs. Returns how many were given.
	 */
	unsigned (*get_cached)(struct vm_object *o, uint64_t idx, unsigned nr, paddr_t *pa);
	/*
	 * Optional: if the 2 MiB at idx (block aligned) are physically contiguous and aligned, give them as one block that need not be reference counted. 0 or -ENOTSUP.
	 */
	int (*get_block)(struct vm_object *o, uint64_t idx, bool for_write, paddr_t *pa);
	/* Counted by each area that maps it. */
	void (*ref)(struct vm_object *o);
	void (*unref)(struct vm_object *o);
	/* Path for /proc/self/maps and crash reports; "" if it has none. Returns its length as snprintf. Optional. */
	size_t (*name)(struct vm_object *o, char *buf, size_t size);
	/* Device, inode for /proc/self/maps. Optional. */
	void (*identity)(struct vm_object *o, uint64_t *dev, uint64_t *ino);
};

/* Zero-initialised but for ops. Kept valid by ref(); no area may be left when it is freed. */
struct vm_object {
	const struct vm_object_ops *ops;
	/* Areas that map it, so that truncation can unmap pages: mmu/ only. */
	struct {
		struct mutex lock;
		struct area *first;	/* [lock] */
		uint32_t seq;		/* [a] changed by each unmap and refresh: a fault that overlapped one looks again */
		uint64_t gone, gone_end;	/* [lock] indices, inclusive, of which the last of them took private copies */
	} mappings;
};

/*
 * The object's pages from idx on, nr of them, are beyond its end now (truncate): unmap them everywhere, private copies too. The object gives none of them out any more:
 * it is told after that. Takes no address space's lock, so the caller may hold locks that get_page takes. Context: thread, may sleep.
 */
void vm_object_unmap(struct vm_object *o, uint64_t idx, uint64_t nr);
/*
 * The object gives out other pages for these indices than before (a hole, a page that was written and so moved): mappings of the old ones go, and fault the new ones in.
 * Private copies stay, as they do on Linux.
 */
void vm_object_refresh(struct vm_object *o, uint64_t idx, uint64_t nr);
