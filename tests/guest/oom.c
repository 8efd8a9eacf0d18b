/* SPDX-License-Identifier: MIT */
/* More memory is used than there is: the program is ended by SIGKILL, as Linux' OOM killer does, and nothing hangs. */
#include "test.h"
#include <sys/mman.h>

int main(void)
{
	show("using all memory");
	for (;;) {
		char *p = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		need(p != MAP_FAILED);
		for (size_t i = 0; i < 1 << 24; i += 4096)
			p[i] = 1;
	}
}
