// SPDX-License-Identifier: MIT
/* sources: linux/script.c */
/* #! lines as execve(2) describes them. */
#include "linux/exec.h"

#include <stdio.h>
#include <string.h>

#include "libc/errno.h"

static int failures;

static void expect(const char *text, int result, const char *want_interp, const char *want_arg)
{
	char interp[SCRIPT_LINE_MAX] = "", arg[SCRIPT_LINE_MAX] = "";
	int r = script_parse(text, strlen(text), interp, arg);

	if (r != result || (r > 0 && (strcmp(interp, want_interp) || strcmp(arg, want_arg)))) {
		printf("'%s': %d '%s' '%s'\n", text, r, interp, arg);
		failures++;
	}
}

int main(void)
{
	char line[600];

	expect("", 0, "", "");
	expect("#", 0, "", "");
	expect("#include <stdio.h>\n", 0, "", "");
	expect("#!", -ENOEXEC, "", "");
	expect("#!\n/bin/sh\n", -ENOEXEC, "", "");
	expect("#!  \t \n", -ENOEXEC, "", "");
	expect("#!/bin/sh\necho\n", 1, "/bin/sh", "");
	expect("#!/bin/sh", 1, "/bin/sh", "");
	expect("#! /usr/bin/env  python3 -u  \n", 1, "/usr/bin/env", "python3 -u");
	expect("#!\t/bin/sh\t-e\n", 1, "/bin/sh", "-e");
	memset(line, 'a', sizeof(line));
	memcpy(line, "#!/", 3);
	line[sizeof(line) - 1] = '\0';
	{
		char interp[SCRIPT_LINE_MAX], arg[SCRIPT_LINE_MAX];

		if (script_parse(line, sizeof(line) - 1, interp, arg) != 1 || strlen(interp) != SCRIPT_LINE_MAX - 3 || arg[0]) {
			printf("long line\n");
			failures++;
		}
	}
	return failures != 0;
}
