/* SPDX-License-Identifier: MIT
 *
 * Address spaces of applications: a tree of areas over a page table. Everything here is about TTBR0 addresses below USER_TOP.
 *
 * Locks: aspace_map/unmap/protect/... take the address space's lock for writing; a fault takes it for reading.
 * Context: thread, may sleep.
 */
#pragma once

#include "libc/types.h"
#include "mmu/object.h"

struct aspace;

/* Protection: PROT_* of mmap(2). */
#define VM_READ		1u
#define VM_WRITE	2u
#define VM_EXEC		4u
#define VM_PROT_MASK	7u

/* Kind of area. */
#define VM_SHARED	0x10u		/* writes go to the object; else private, copy on write */
#define VM_FIXED	0x20u		/* exactly at hint, replacing what is there */
#define VM_FIXED_NOREPLACE 0x40u	/* exactly at hint, -EEXIST if something is there */
#define VM_GROWSDOWN	0x80u		/* a stack: grows on faults below it, within stack_limit */
#define VM_NORESERVE	0x100u
#define VM_POPULATE	0x200u		/* fault everything in now */
#define VM_NOHUGE	0x400u		/* no 2 MiB blocks (madvise MADV_NOHUGEPAGE) */
#define VM_KERNEL	0x800u		/* vDSO, veneers: the application may not protect or replace it (-EINVAL, -EPERM); munmap() passes it over */
#define VM_DONTFORK	0x1000u
#define VM_HUGE		0x2000u		/* MADV_HUGEPAGE */
#define VM_WIPEONFORK	0x4000u
#define VM_LOCKED	0x8000u		/* mlock: present, counts towards the limit of locked memory */
#define VM_LOCK_ONFAULT	0x10000u	/* with VM_LOCKED: pages are not made present at once */
#define VM_LOCK_MASK	(VM_LOCKED | VM_LOCK_ONFAULT)
#define VM_POLICY_SHIFT	24u		/* of bits that mbind(2) keeps here and mmu/ only carries */
#define VM_POLICY_MASK	(0x3fu << VM_POLICY_SHIFT)

struct aspace *aspace_create(void);	/* NULL: no memory */
void aspace_destroy(struct aspace *as);	/* all threads have left it */
/* Load its translation table on this CPU; called by the switch when the address space changes. Interrupts masked. */
void aspace_activate(struct aspace *as);

/*
 * Map len bytes (rounded up to pages) of object (NULL: anonymous, zero) from byte offset off (page aligned). hint 0: anywhere from mmap_base down. 2 MiB-sized anonymous
 * areas are placed 2 MiB aligned. *out: where. name (a literal or NULL) is shown in /proc/self/maps ("[stack]").
 * -ENOMEM, -EINVAL, -EEXIST; -EAGAIN more than may be locked. Takes a reference to object on success only.
 */
struct vm_map_request {
	vaddr_t hint;
	size_t len;
	unsigned prot, flags;
	struct vm_object *object;
	uint64_t off;
	const char *name;
	unsigned max_prot;	/* what mprotect may ever give (shared mapping of a file opened read-only); 0: all */
};
int __must_check aspace_map(struct aspace *as, const struct vm_map_request *req, vaddr_t *out);
/* munmap(2). Areas with VM_KERNEL stay where they are. -EINVAL, -ENOMEM. */
int __must_check aspace_unmap(struct aspace *as, vaddr_t addr, size_t len);
/* prot with VM_GROWSDOWN: from the beginning of the stack that holds addr, -EINVAL if it is none (PROT_GROWSDOWN of mprotect(2)). */
int __must_check aspace_protect(struct aspace *as, vaddr_t addr, size_t len, unsigned prot);
/* mremap(2): flags MREMAP_MAYMOVE 1, MREMAP_FIXED 2, MREMAP_DONTUNMAP 4. */
int __must_check aspace_remap(struct aspace *as, vaddr_t old, size_t old_len, size_t new_len, unsigned flags, vaddr_t new_addr, vaddr_t *out);
/* madvise(2): advice numbers of Linux. */
int __must_check aspace_advise(struct aspace *as, vaddr_t addr, size_t len, int advice);
/* mbind(2): the bits VM_POLICY_MASK of all areas in [start, end), whole pages. -EFAULT: not all of it is mapped. -ENOMEM. */
int __must_check aspace_set_policy(struct aspace *as, vaddr_t start, vaddr_t end, unsigned policy);
int __must_check aspace_sync(struct aspace *as, vaddr_t addr, size_t len, int flags);	/* msync(2) */
int __must_check aspace_mincore(struct aspace *as, vaddr_t addr, size_t len, uint8_t *vec);	/* one byte a page, kernel buffer */
/* brk(2): heap starts at start; returns the new (or, refused, the old) break. */
void aspace_set_brk_start(struct aspace *as, vaddr_t start);
vaddr_t aspace_brk(struct aspace *as, vaddr_t new_brk);

/* Limits and layout, set at exec. */
void aspace_set_mmap_base(struct aspace *as, vaddr_t top);	/* anonymous placement goes down from here */
void aspace_set_stack_limit(struct aspace *as, size_t bytes);	/* RLIMIT_STACK */


/* setrlimit(2), in bytes; all ones: none. What is there already stays. */
struct aspace_limits {
	uint64_t bytes, data_bytes, lock_bytes;
	bool (*may_lock)(void);		/* the calling thread may lock more than lock_bytes; asked with the lock held, must not sleep */
	/* How much may be promised in an address space of that size (vm.overcommit_memory 2), asked likewise; NULL: no limit. */
	uint64_t (*commit_limit)(uint64_t virtual_bytes);
};
void aspace_set_limits(struct aspace *as, const struct aspace_limits *l);
/* Bytes promised: private areas that may be written (and were not mapped with VM_NORESERVE). */
uint64_t aspace_committed(struct aspace *as);
/* vm.overcommit_memory is 1: whatever is asked for is mapped. */
extern bool aspace_commits_all;	/* [a] */
/*
 * mlock(2): set (VM_LOCKED, perhaps with VM_LOCK_ONFAULT; 0 unlocks) for whole pages, and fault them in. -ENOMEM: more than may be locked, or not all of it is mapped (what
 * comes before is locked) or can be touched; -EAGAIN: no memory.
 */
int __must_check aspace_lock(struct aspace *as, vaddr_t start, uint64_t len, unsigned set);
/* mlockall(2): flags for all areas there are (if is_current), and for those to come. */
int __must_check aspace_lock_all(struct aspace *as, bool is_current, unsigned now, unsigned future);

/*
 * Text patching (system-call veneers). Makes the page that holds addr a private page of this address space if it is mapped private (copying the object's page),
 * and gives its linear-map address, so that a word can be written whatever the protection. -EFAULT not mapped or not executable; -EPERM a shared mapping. Caller does cache maintenance.
 * The page stays valid until aspace_text_unlock().
 */
int __must_check aspace_text_lock(struct aspace *as, vaddr_t addr, void **kernel_alias);
/* The same whatever area it is and whatever its protection, but only for a private page that is there. False: it is not, and nothing is locked. */
bool __must_check aspace_text_lock_own(struct aspace *as, vaddr_t addr, void **kernel_alias);
void aspace_text_unlock(struct aspace *as);

/* Areas an address space may have: vm.max_map_count. */
extern uint32_t aspace_max_areas;	/* [a] */

/* Walk the areas in order of address; fn returns false to stop. Holds the lock for reading: fn must not fault on this address space. */
struct vm_area_info {
	vaddr_t start, end;
	unsigned prot, flags;
	uint64_t off;
	const char *name;		/* or NULL */
	struct vm_object *object;	/* or NULL */
	uint64_t rss_bytes;		/* present pages (private ones) */
};
void aspace_for_each(struct aspace *as, bool (*fn)(const struct vm_area_info *info, void *arg), void *arg);
/* The area that holds addr. False: none. Safe in a crash report (tries the lock; false if it cannot have it). */
bool aspace_find(struct aspace *as, vaddr_t addr, struct vm_area_info *out);
/* The same, but waits for the lock. */
bool aspace_lookup(struct aspace *as, vaddr_t addr, struct vm_area_info *out);
/* Whether an area with VM_SHARED and an object was ever mapped: most programs have none. */
bool aspace_has_shared(const struct aspace *as);
struct aspace_stats {
	uint64_t virtual_bytes, resident_bytes, locked_bytes, data_bytes, stack_bytes, text_bytes;
	vaddr_t brk_start, brk_end;
	uint64_t nr_faults, nr_major_faults;
};
void aspace_stats(struct aspace *as, struct aspace_stats *out);
