/* SPDX-License-Identifier: MIT
 *
 * Whole paths that were looked up before: where the walk starts, who walks, and the text, to the dentry it leads to. One look instead of one for each component.
 *
 * An entry is good as long as its generation is the present one. Everything that could make a path lead elsewhere, or nowhere, begins a new one: a dentry that is on the way
 * of a path that is kept (DENTRY_KNOWN: the last one and all above it, up to the start) leaves its place (dentry.c), a mount comes or goes, a directory's rights change. That
 * costs all entries; those that are asked for again get the new generation after one ordinary walk.
 *
 *	remember() (path.c)			remover (dentry.c)
 *	g = generation
 *	flags |= DENTRY_KNOWN, on the whole way	out of the chain, or rename_seq odd
 *	full fence				full fence
 *	walk; rename_seq is as before		flags & DENTRY_KNOWN ? generation++
 *	generation == g ? store (path, g)
 *
 * (Under the C11 model: tests/models/relaxed.cc.) One of both sees the other: either the walk does not find the dentry any more, or the generation is counted after g was read, and an entry with g is never good.
 *
 * Readers: any number, under RCU, wait-free. Writers: any, lock-free (an exchange of a slot's pointer); two that store the same path make two entries, which is harmless.
 * Linearization point of a hit: the load of the generation: then each dentry of the way was in its place, the last one referenced by the hash table, so that its memory (and
 * that of the start, which it or what it is mounted on refers to) is what it was: no ABA. After that it may go, as in any lookup without locks: dentry_try_get(). Entries hold
 * no references and are freed through RCU. Not kept: names that do not exist, paths that end in a symbolic link or go through one or through "..".
 */
#pragma once

#include "fs/dentry.h"

/* RCU held. Not referenced; not for whom the rights on the way would not suffice. NULL: walk. */
struct dentry *path_cache_find(const struct dentry *start, const char *path);

extern uint64_t path_generation;
static inline uint64_t path_cache_generation(void)
{
	return atomic_load(&path_generation, ACQUIRE);	/* acquire: names and rights after it. Pairs: path_cache_flush */
}
/* What is kept may lead elsewhere now. After the change. Context: any. */
void path_cache_flush(void);
/* Mark d and what is above it up to start. RCU held. False: start is not above d. */
bool path_cache_mark(struct dentry *d, const struct dentry *start);
/* d is referenced and was what path led the current thread to, in that generation; start: not referenced, only compared. Context: thread. */
void path_cache_store(const struct dentry *start, const char *path, struct dentry *d, uint64_t generation);
