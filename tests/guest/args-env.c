/* SPDX-License-Identifier: MIT */
/* Arguments and environment arrive byte for byte, in order, also odd ones. */
#include "test.h"

extern char **environ;

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
	const char *names[64];
	size_t nr = 0;

	show("argc %d", argc);
	for (int i = 1; i < argc; i++)
		show("argv[%d] (%zu) <%s>", i, strlen(argv[i]), argv[i]);
	check("argv ends with NULL", argv[argc] == NULL);
	check("argv[0] is there", argv[0] != NULL && argv[0][0] != '\0');
	check("environment follows argv", environ == argv + argc + 1);

	for (char **e = environ; *e != NULL && nr < ARRAY_LEN(names); e++)
		if (strncmp(*e, "TEST_", 5) == 0)
			names[nr++] = *e;
	qsort(names, nr, sizeof(names[0]), by_text);
	for (size_t i = 0; i < nr; i++)
		show("env <%s>", names[i]);

	check("PATH is set", getenv("PATH") != NULL);
	check("setenv", setenv("NEW", "value", 1) == 0 && strcmp(getenv("NEW"), "value") == 0);
	check("unsetenv", unsetenv("NEW") == 0 && getenv("NEW") == NULL);

	char cwd[64];
	check("the working directory is /", getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/") == 0);

	/* The strings lie contiguously, as ps and setproctitle expect. */
	bool is_contiguous = true;
	for (int i = 0; i + 1 < argc; i++)
		is_contiguous &= argv[i] + strlen(argv[i]) + 1 == argv[i + 1];
	check("argument strings are contiguous", is_contiguous);
	return test_end();
}
