/* SPDX-License-Identifier: MIT */
/*
 * execve: what the new program inherits and what not, from the first thread and from another one, through scripts, and how it fails. The program runs itself
 * again with its stage as argument.
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

static char self[256];
static const char *from;	/* "main" or "thread": who calls execve */

static void handler(int sig)
{
	(void)sig;
}

__attribute__((noreturn)) static void *blocked_in_pause(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

__attribute__((noreturn)) static void *computing(void *unused)
{
	(void)unused;
	for (volatile unsigned long i = 0;; i++)
		;
}

__attribute__((noreturn)) static void *run_second(void *unused)
{
	char *argv[] = { "exec", "second", (char *)from, "", "with space", NULL };
	char *envp[] = { "A=1", "EMPTY=", NULL };

	(void)unused;
	execve(self, argv, envp);
	show("FAIL execve came back, errno %d", errno);
	exit(1);
}

static void first(void)
{
	static char altstack[65536];
	pthread_t threads[3];
	struct sigaction catch = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec soon = { .it_value.tv_nsec = 50000000 };
	timer_t timer;
	sigset_t set;

	need(dup2(open("/dev/null", O_RDONLY), 50) == 50);
	need(dup3(50, 51, O_CLOEXEC) == 51);
	sigaction(SIGUSR1, &catch, NULL);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGHUP);
	need(sigaltstack(&(stack_t){ .ss_sp = altstack, .ss_size = sizeof(altstack) }, NULL) == 0);
	/* SIGUSR1 will be at its default: a timer that survived would kill the program. */
	need(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &soon, NULL) == 0);
	need(chdir("/tmp") == 0);
	umask(027);
	for (int i = 0; i < 3; i++)
		need(pthread_create(&threads[i], NULL, i ? blocked_in_pause : computing, NULL) == 0);
	sleep_ms(5);
	if (strcmp(from, "main") == 0)
		run_second(NULL);
	need(pthread_create(&threads[0], NULL, run_second, NULL) == 0);
	pthread_join(threads[0], NULL);
}

static void show_arguments(char **argv, char **envp)
{
	for (int i = 0; argv[i]; i++)
		show("argv[%d] <%s>", i, argv[i][0] == '/' ? "path" : argv[i]);
	for (int i = 0; envp[i]; i++)
		show("envp[%d] <%s>", i, envp[i]);
}

static void check_inherited(void)
{
	struct sigaction action;
	stack_t stack;
	sigset_t set;
	char cwd[64], name[32];
	int fd;

	check("the thread is the process", syscall(SYS_gettid) == getpid());
	sigaction(SIGUSR1, NULL, &action);
	check("a caught signal is back at its default", action.sa_handler == SIG_DFL && action.sa_flags == 0);
	sigaction(SIGUSR2, NULL, &action);
	check("an ignored one stays ignored", action.sa_handler == SIG_IGN);
	sigprocmask(SIG_BLOCK, NULL, &set);
	check("the mask is inherited", sigismember(&set, SIGHUP) == 1 && sigismember(&set, SIGUSR1) == 0);
	sigpending(&set);
	check("what was pending is pending", sigismember(&set, SIGHUP) == 1);
	sigaltstack(NULL, &stack);
	check("no alternate stack", stack.ss_flags == SS_DISABLE);
	check("a descriptor is open", fcntl(50, F_GETFD) == 0);
	check_errno("one with FD_CLOEXEC is closed", fcntl(51, F_GETFD), EBADF);
	check("working directory", getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/tmp") == 0);
	check("umask", umask(022) == 027);
	fd = open("/proc/self/comm", O_RDONLY);
	ssize_t n = read(fd, name, sizeof(name) - 1);
	close(fd);
	name[n > 0 ? n - 1 : 0] = '\0';
	check("the name is the file's", strncmp(name, "exec", 4) == 0);
	sleep_ms(100);
	check("the timer is gone", true);
	close(50);
}

static void write_file(const char *path, const char *text, int mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	need(chmod(path, mode) == 0);
}

static void check_failures(void)
{
	char *argv[] = { "x", NULL }, *envp[] = { NULL };
	static char huge[200000];
	char *too_long[] = { "x", huge, NULL };

	check_errno("no such file", execve("/tmp/none", argv, envp), ENOENT);
	check_errno("empty path", execve("", argv, envp), ENOENT);
	check_errno("a directory", execve("/tmp", argv, envp), EACCES);
	write_file("/tmp/plain", "text\n", 0755);
	check_errno("neither ELF nor script", execve("/tmp/plain", argv, envp), ENOEXEC);
	write_file("/tmp/none-exec", "#!/tmp/none\n", 0755);
	check_errno("missing interpreter", execve("/tmp/none-exec", argv, envp), ENOENT);
	write_file("/tmp/noexec", "#!/bin/sh\n", 0644);
	check_errno("not executable", execve("/tmp/noexec", argv, envp), EACCES);
	write_file("/tmp/loop", "#!/tmp/loop\n", 0755);
	check_errno("a script that runs itself", execve("/tmp/loop", argv, envp), ELOOP);
	write_file("/tmp/truncated", "\177ELF\2\1\1", 0755);
	check_errno("truncated ELF", execve("/tmp/truncated", argv, envp), ENOEXEC);
	memset(huge, 'x', sizeof(huge) - 1);
	check_errno("an argument over 128 KiB", execve(self, too_long, envp), E2BIG);
	check_errno("bad argv", execve(self, (char **)8, envp), EFAULT);
	check_errno("bad path", execve((char *)8, argv, envp), EFAULT);
}

static void second(char **argv, char **envp)
{
	char script[400];
	char *next[] = { "replaced", "one", "two", NULL };

	show_arguments(argv, envp);
	check_inherited();
	check_failures();
	snprintf(script, sizeof(script), "#!%s third  \nnot read\n", self);
	write_file("/tmp/script", script, 0755);
	snprintf(script, sizeof(script), "#! /tmp/script and more\n");
	write_file("/tmp/script2", script, 0755);
	fflush(stdout);
	execve(strcmp(argv[2], "main") == 0 ? "/tmp/script" : "/tmp/script2", next, envp);
	show("FAIL the script did not run, errno %d", errno);
}

int main(int argc, char **argv, char **envp)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	need(n > 0 && argc >= 2);
	if (strcmp(argv[1], "main") == 0 || strcmp(argv[1], "thread") == 0) {
		from = argv[1];
		first();
	} else if (strcmp(argv[1], "second") == 0) {
		second(argv, envp);
	} else {
		show_arguments(argv, envp);
		return test_end();
	}
	return 1;
}
