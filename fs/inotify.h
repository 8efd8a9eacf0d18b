/* SPDX-License-Identifier: MIT
 *
 * inotify(7): what the VFS tells it, and the calls on an instance. While nothing is watched an event costs one load.
 */
#pragma once

#include "libc/atomic.h"
#include "libc/types.h"

struct dentry;
struct file;
struct fs_super;
struct vnode;

/* Numbers of inotify(7). */
#define IN_ACCESS		0x001u
#define IN_MODIFY		0x002u
#define IN_ATTRIB		0x004u
#define IN_CLOSE_WRITE		0x008u
#define IN_CLOSE_NOWRITE	0x010u
#define IN_OPEN			0x020u
#define IN_MOVED_FROM		0x040u
#define IN_MOVED_TO		0x080u
#define IN_CREATE		0x100u
#define IN_DELETE		0x200u
#define IN_DELETE_SELF		0x400u
#define IN_MOVE_SELF		0x800u
#define IN_ALL_EVENTS		0xfffu
#define IN_UNMOUNT		0x2000u
#define IN_Q_OVERFLOW		0x4000u
#define IN_IGNORED		0x8000u
#define IN_ONLYDIR		0x01000000u
#define IN_DONT_FOLLOW		0x02000000u
#define IN_EXCL_UNLINK		0x04000000u
#define IN_MASK_CREATE		0x10000000u
#define IN_MASK_ADD		0x20000000u
#define IN_ISDIR		0x40000000u
#define IN_ONESHOT		0x80000000u

extern uint32_t inotify_nr_watches;	/* [a] */

/* /proc/sys/fs/inotify: events that wait in an instance made from now on; watches and instances of all users together. [a] */
extern uint32_t inotify_max_events;
extern uint64_t inotify_max_watches, inotify_max_instances;

void inotify_file_event_slow(struct vnode *v, struct dentry *d, uint32_t mask);
void inotify_name_event_slow(struct vnode *dir, const char *name, size_t len, uint32_t mask, uint32_t cookie);
void inotify_gone_slow(struct vnode *v);

/*
 * mask happened to v: tells who watches v, and who watches the directory that d (a name of v, or NULL) is in. Context: thread; locks that a page fault or a wake-up would
 * take must not be held, ns_lock and vnode->lock may be.
 */
static inline void inotify_file_event(struct vnode *v, struct dentry *d, uint32_t mask)
{
	if (unlikely(atomic_load(&inotify_nr_watches, RELAXED)))
		inotify_file_event_slow(v, d, mask);
}

/* A name appeared in dir or went. cookie: joins the two halves of a rename. Context: as above. */
static inline void inotify_name_event(struct vnode *dir, const char *name, size_t len, uint32_t mask, uint32_t cookie)
{
	if (unlikely(atomic_load(&inotify_nr_watches, RELAXED)))
		inotify_name_event_slow(dir, name, len, mask, cookie);
}

/* A name of v was removed: IN_ATTRIB, or IN_DELETE_SELF and the end of its watches if it was the last. */
static inline void inotify_gone(struct vnode *v)
{
	if (unlikely(atomic_load(&inotify_nr_watches, RELAXED)))
		inotify_gone_slow(v);
}

uint32_t inotify_new_cookie(void);
/* The file system goes: end all watches in it. */
void inotify_unmount(struct fs_super *s);

/* inotify_add_watch(2), inotify_rm_watch(2). f: from inotify_create_file(), else -EINVAL. Watch descriptor; -EEXIST, -ENOMEM, -ENOSPC. */
int inotify_add(struct file *f, struct vnode *v, uint32_t mask);
int inotify_remove(struct file *f, int wd);
