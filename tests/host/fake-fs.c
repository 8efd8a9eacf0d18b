/* SPDX-License-Identifier: MIT
 *
 * What the VFS needs beside fake-special.c: page statistics, mappings, random bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/fake-fs.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/object.h"
#include "mmu/page.h"

uint64_t fake_ram_bytes = 64ul << 20;
unsigned fake_nr_unmaps;
uint64_t fake_unmap_first, fake_unmap_nr;

void page_stats(struct page_stats *out)
{
	*out = (struct page_stats){ .total_bytes = fake_ram_bytes, .free_bytes = fake_ram_bytes };
}

void vm_object_unmap(struct vm_object *o, uint64_t idx, uint64_t nr)
{
	(void)o;
	fake_nr_unmaps++;
	fake_unmap_first = idx;
	fake_unmap_nr = nr;
}

void vm_object_refresh(struct vm_object *o, uint64_t idx, uint64_t nr)
{
	vm_object_unmap(o, idx, nr);
}

void random_bytes(void *buf, size_t len)
{
	memset(buf, 0x5a, len);
}

void random_add(const void *data, size_t len)
{
	(void)data, (void)len;
}

size_t samara_strlcpy(char *dst, const char *src, size_t size)
{
	return (size_t)snprintf(dst, size, "%s", src);
}

struct shrinker *fake_shrinker;

void shrinker_register(struct shrinker *s)
{
	fake_shrinker = s;
}
