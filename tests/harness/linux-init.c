/* SPDX-License-Identifier: MIT */
/*
 * The first process of the Linux oracle: mounts what programs expect, runs the
 * commands listed in /commands one after the other, writes what each printed
 * and how it ended to the console in frames that tests/harness/linux.py reads,
 * and powers off.
 *
 * A line of /commands: ID SECONDS FLAGS ENV... -- PROGRAM ARG..., words encoded
 * as in docs/command-line.md. FLAGS is `-` or `merge` (stderr goes where stdout
 * goes). A frame: "\n@@ID out N\n" N bytes, ... then "\n@@ID end STATUS\n".
 * STATUS is as samara run gives it: 0..255, 128 + n for a signal, 124 for a
 * program that did not end in time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORDS 64
#define MAX_OUTPUT (4 << 20)

static int console;

static void console_write(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(console, data, len);
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
}

static void console_frame(const char *id, const char *kind, long value)
{
	char line[128];

	console_write(line, snprintf(line, sizeof(line), "\n@@%s %s %ld\n", id, kind, value));
}

/* Decodes %XX in place; a lone % is the empty word. */
static void decode(char *word)
{
	char *out = word;

	for (char *in = word; *in != '\0';) {
		unsigned int byte;
		if (in[0] == '%' && in[1] != '\0' && sscanf(in + 1, "%2x", &byte) == 1) {
			*out++ = (char)byte;
			in += 3;
		} else if (in[0] == '%') {
			in++;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
}

static _Noreturn void run_child(char **words, char **env, const char *flags, int out)
{
	int null = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	dup2(null, 0);
	dup2(out, 1);
	dup2(strcmp(flags, "merge") == 0 ? out : console, 2);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	struct rlimit no_core = { 0, 0 };
	setrlimit(RLIMIT_CORE, &no_core);
	struct rlimit files = { 1024, 4096 };
	setrlimit(RLIMIT_NOFILE, &files);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(words[0], words, env);
	fprintf(stderr, "cannot run %s: %s\n", words[0], strerror(errno));
	_exit(125);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void run(char *line)
{
	static char *env[MAX_WORDS], *words[MAX_WORDS];
	int nr_env = 0, nr_words = 0;
	char *id = strtok(line, " "), *seconds = strtok(NULL, " "), *flags = strtok(NULL, " ");
	char *word;

	if (flags == NULL)
		return;
	env[nr_env++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	env[nr_env++] = "HOME=/root";
	while ((word = strtok(NULL, " ")) != NULL && strcmp(word, "--") != 0 && nr_env < MAX_WORDS - 1) {
		decode(word);
		env[nr_env++] = word;
	}
	env[nr_env] = NULL;
	while ((word = strtok(NULL, " ")) != NULL && nr_words < MAX_WORDS - 1) {
		decode(word);
		words[nr_words++] = word;
	}
	words[nr_words] = NULL;
	if (nr_words == 0)
		return;

	int fds[2];
	if (pipe(fds) != 0)
		return;
	long end = now_ms() + atol(seconds) * 1000;
	pid_t pid = fork();
	if (pid == 0)
		run_child(words, env, flags, fds[1]);
	close(fds[1]);

	/* Output is kept until the program ends: the UART must not slow it. */
	static char output[MAX_OUTPUT];
	size_t len = 0;
	for (;;) {
		struct pollfd p = { .fd = fds[0], .events = POLLIN };
		long left = end - now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			break;
		ssize_t n = read(fds[0], output + len, sizeof(output) - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += n;
	}
	int status = 0;
	int is_late = 0;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ms() >= end && !is_late) {
			is_late = 1;
			kill(pid, SIGKILL);
		}
		usleep(1000);
	}
	kill(-1, SIGKILL); /* whatever it left behind */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	close(fds[0]);
	console_frame(id, "out", (long)len);
	console_write(output, len);
	console_frame(id, "end", is_late ? 124 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

int main(void)
{
	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/tmp", 01777);
	mkdir("/root", 0700);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mkdir("/dev/shm", 01777);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777");
	mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777");
	sethostname("samara", 6);

	console = open("/dev/console", O_RDWR);
	struct termios raw;
	if (tcgetattr(console, &raw) == 0) {
		cfmakeraw(&raw);
		tcsetattr(console, TCSANOW, &raw);
	}
	/* Errors that the kernel prints must not land in a frame. */
	int level = open("/proc/sys/kernel/printk", O_WRONLY);
	if (level >= 0 && write(level, "1", 1) == 1)
		close(level);
	struct rlimit infinite = { RLIM_INFINITY, RLIM_INFINITY };
	setrlimit(RLIMIT_NPROC, &infinite);

	FILE *commands = fopen("/commands", "r");
	static char line[16384];
	while (commands != NULL && fgets(line, sizeof(line), commands) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		run(line);
	}
	console_frame("all", "end", 0);
	tcdrain(console);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
