/* SPDX-License-Identifier: MIT */
/* Reads a line and prints it: what arrives of the standard input, from its first byte on. */
#include "test.h"

int main(void)
{
	char line[256];

	if (!fgets(line, sizeof(line), stdin))
		show("nothing");
	else
		show("read: %.*s", (int)strcspn(line, "\n"), line);
	return test_end();
}
