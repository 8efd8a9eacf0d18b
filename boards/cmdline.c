/* SPDX-License-Identifier: MIT
 *
 * See cmdline.h. Words are separated by spaces; %XX is a byte, % alone an empty word. What is not well-formed stands for itself.
 */
#include "boards/cmdline.h"

#include "libc/string.h"

/* Defaults for the environment: PATH, HOME, TERM. */
#define NR_DEFAULT_ENV	3

static unsigned count_words(const char *text)
{
	unsigned nr = 0;

	for (const char *p = text; *p; p++)
		nr += *p != ' ' && (p == text || p[-1] == ' ');
	return nr;
}

size_t cmdline_arena_size(const char *text)
{
	/* The words; two arrays with their NULLs. No word is in both. */
	return (count_words(text) + NR_DEFAULT_ENV + 2) * sizeof(char *) + strlen(text) + 1;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode one word in place. */
static void decode(char *word)
{
	char *to = word;

	if (word[0] == '%' && word[1] == '\0') {
		word[0] = '\0';
		return;
	}
	for (const char *p = word; *p; p++) {
		int high = *p == '%' ? hex(p[1]) : -1, low = high >= 0 ? hex(p[2]) : -1;

		if (low >= 0) {
			*to++ = (char)(high << 4 | low);
			p += 2;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
}

/* The value if word is key=value, else NULL. */
static const char *value_of(const char *word, const char *key)
{
	size_t len = strlen(key);

	return strncmp(word, key, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

static void parse_ttys(const char *list, struct cmdline *out)
{
	static const char *const name[] = { "stdin", "stdout", "stderr" };

	while (*list) {
		size_t len = 0;

		while (list[len] && list[len] != ',')
			len++;
		for (unsigned i = 0; i < 3; i++)
			if (strlen(name[i]) == len && strncmp(list, name[i], len) == 0)
				out->is_tty[i] = true;
		list += len + (list[len] == ',');
	}
}

static unsigned parse_number(const char **p)
{
	unsigned n = 0;

	for (; **p >= '0' && **p <= '9' && n < 10000; (*p)++)
		n = n * 10 + (unsigned)(**p - '0');
	return n;
}

static void parse_winsize(const char *v, struct cmdline *out)
{
	unsigned cols = parse_number(&v);

	if (*v++ != 'x')
		return;
	out->win_cols = cols;
	out->win_rows = parse_number(&v);
}

static bool parse_flag(const char *word, struct cmdline *out)
{
	static const struct {
		const char *word;
		size_t offset;
	} flags[] = {
		{ "quiet", offsetof(struct cmdline, is_quiet) },
		{ "aslr=off", offsetof(struct cmdline, no_aslr) },
		{ "veneers=off", offsetof(struct cmdline, no_veneers) },
		{ "boot-report", offsetof(struct cmdline, boot_report) },
		{ "threads", offsetof(struct cmdline, threads) },
		{ "strace", offsetof(struct cmdline, strace) },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		if (strcmp(word, flags[i].word) == 0) {
			*(bool *)((char *)out + flags[i].offset) = true;
			return true;
		}
	}
	return false;
}

static void parse_option(const char *word, struct cmdline *out, unsigned *nr_env)
{
	const char *v;

	if (parse_flag(word, out))
		return;
	if ((v = value_of(word, "env")))
		out->envp[(*nr_env)++] = v;
	else if ((v = value_of(word, "cwd")))
		out->cwd = v;
	else if ((v = value_of(word, "root")))
		out->root_disk = v;
	else if ((v = value_of(word, "hostname")))
		out->hostname = v;
	else if ((v = value_of(word, "console")))
		out->console = v;
	else if ((v = value_of(word, "exit")))
		out->exit = v;
	else if ((v = value_of(word, "ip")))
		out->ip = v;
	else if ((v = value_of(word, "trace")))
		out->trace = v;
	else if ((v = value_of(word, "trace-buffer")))
		out->trace_mib = parse_number(&v);
	else if ((v = value_of(word, "profile")))
		out->profile_hz = parse_number(&v);
	else if ((v = value_of(word, "tty")))
		parse_ttys(v, out);
	else if ((v = value_of(word, "winsize")))
		parse_winsize(v, out);
	else if (value_of(word, "virtio_mmio.device"))
		;	/* the board's: boards/qemu-microvm */
	else if (out->nr_unknown++ < CMDLINE_MAX_UNKNOWN)
		out->unknown[out->nr_unknown - 1] = word;
}

static void default_env(struct cmdline *out, unsigned *nr_env, const char *key, const char *setting)
{
	for (unsigned i = 0; i < *nr_env; i++)
		if (value_of(out->envp[i], key))
			return;
	out->envp[(*nr_env)++] = setting;
}

void cmdline_parse(const char *text, void *arena, struct cmdline *out)
{
	unsigned nr_words = count_words(text), nr_env = 0, nr_args = 0;
	char *p = (char *)((char **)arena + nr_words + NR_DEFAULT_ENV + 2);
	bool is_program = false;

	*out = (struct cmdline){ .cwd = "/", .hostname = "samara" };
	/* The environment from the front, the arguments behind what it can need: no word is in both. */
	for (const char *w = text; *w;) {
		size_t len = 0;

		if (*w == ' ') {
			w++;
			continue;
		}
		while (w[len] && w[len] != ' ')
			len++;
		memcpy(p, w, len);
		p[len] = '\0';
		w += len;
		if (!is_program) {
			/* Options come first, so the arrays are laid out when the program begins. */
			if (!out->envp)
				out->envp = arena;
			if (strcmp(p, "--") == 0) {
				is_program = true;
			} else {
				decode(p);
				parse_option(p, out, &nr_env);
			}
		} else {
			decode(p);
			if (!out->argv)
				out->argv = (const char **)arena + nr_env + NR_DEFAULT_ENV + 1;
			out->argv[nr_args++] = p;
		}
		p += len + 1;
	}
	if (!out->envp)
		out->envp = arena;
	default_env(out, &nr_env, "PATH", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	default_env(out, &nr_env, "HOME", "HOME=/root");
	if (out->is_tty[0] || out->is_tty[1])
		default_env(out, &nr_env, "TERM", "TERM=linux");
	out->envp[nr_env] = NULL;
	if (!out->argv)
		out->argv = (const char **)arena + nr_words + NR_DEFAULT_ENV + 1;
	out->argv[nr_args] = NULL;
}
