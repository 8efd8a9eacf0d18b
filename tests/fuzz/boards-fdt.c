/* SPDX-License-Identifier: MIT
 *
 * Arbitrary bytes as a device tree: must neither crash nor loop, and what it returns as strings must end inside the tree.
 */
/* sources: boards/qemu-virt/fdt.c */
/* libs: -isystem build/deps/arm64/usr/include -l:libfdt.so.1 */
#include <stdlib.h>
#include <string.h>

#include "boards/qemu-virt/fdt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_inside(const char *s, const char *tree, size_t size)
{
	if (*s && (s < tree || s + strlen(s) >= tree + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fdt_machine m;
	char *tree = aligned_alloc(8, (size + 8) & ~7ul);

	memcpy(tree, data, size);
	if (!fdt_parse(tree, (uint32_t)size, &m)) {
		must_be_inside(m.bootargs, tree, size);
		must_be_inside(m.stdout_path, tree, size);
		if (m.rng_seed && ((const char *)m.rng_seed < tree || (const char *)m.rng_seed + m.rng_seed_len > tree + size))
			abort();
	}
	free(tree);
	return 0;
}
