/* SPDX-License-Identifier: MIT */
/* One line through stdio: the C library's start, its buffers, its exit. */
#include <stdio.h>

int main(void)
{
	printf("ok hello\n");
	return 0;
}
