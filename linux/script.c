/* SPDX-License-Identifier: MIT
 *
 * "#!interpreter [argument]" (execve(2), "Interpreter scripts"): the rest of the line is one argument, blanks around it removed.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/exec.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

int script_parse(const char *head, size_t len, char interp[SCRIPT_LINE_MAX], char arg[SCRIPT_LINE_MAX])
{
	size_t i = 2, end, start;

	if (len < 2 || head[0] != '#' || head[1] != '!')
		return 0;
	if (len > SCRIPT_LINE_MAX - 1)
		len = SCRIPT_LINE_MAX - 1;
	for (end = i; end < len && head[end] != '\n' && head[end]; end++)
		;
	while (end > i && is_blank(head[end - 1]))
		end--;
	while (i < end && is_blank(head[i]))
		i++;
	start = i;
	while (i < end && !is_blank(head[i]))
		i++;
	if (i == start)
		return -ENOEXEC;
	memcpy(interp, head + start, i - start);
	interp[i - start] = '\0';
	while (i < end && is_blank(head[i]))
		i++;
	memcpy(arg, head + i, end - i);
	arg[end - i] = '\0';
	return 1;
}
