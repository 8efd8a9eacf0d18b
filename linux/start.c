/* SPDX-License-Identifier: MIT
 *
 * Making the first process and its first thread, which loads the program itself: its address space must be the current one for that.
 */
#include <arch/thread.h>

#include "fs/file.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/random.h"
#include "libc/string.h"
#include "linux/config.h"
#include "linux/exec.h"
#include "linux/linux.h"
#include "linux/process.h"
#include "linux/system.h"
#include "mmu/heap.h"
#include "linux/syscalls.h"
#include "sched/sync.h"
#include "sched/trace.h"

#define DEFAULT_PATH	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct linux_config linux_config;

struct start {
	const struct linux_program *program;
	struct exec *exec;
	struct completion failed;
	int error;
};

static const char *search_path(const char *const *envp)
{
	for (; envp && *envp; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return DEFAULT_PATH;
}

/* The first executable file called name in the directories of path. 0 or -ENOENT. */
static int find_in_path(const char *path, const char *name, char *out, size_t size)
{
	while (*path) {
		const char *end = strchr(path, ':');
		size_t len = end ? (size_t)(end - path) : strlen(path);

		snprintf(out, size, "%.*s/%s", (int)len, path, name);
		if (len && vfs_access(process_current()->fs, NULL, out, 1, 0) == 0)
			return 0;
		path += len + (end ? 1 : 0);
	}
	return -ENOENT;
}

static int prepare(struct start *s)
{
	const struct linux_program *p = s->program;
	struct exec *e = s->exec;
	char *path = kmalloc(PATH_MAX);
	int r = path ? 0 : -ENOMEM;

	for (unsigned i = 0; !r && p->argv[i]; i++)
		r = exec_strings_add(&e->argv, p->argv[i]);
	for (unsigned i = 0; !r && p->envp && p->envp[i]; i++)
		r = exec_strings_add(&e->envp, p->envp[i]);
	if (!r) {
		strlcpy(path, p->argv[0], PATH_MAX);
		if (!strchr(p->argv[0], '/')) {
			r = find_in_path(search_path(p->envp), p->argv[0], path, PATH_MAX);
			if (r)
				snprintf(e->message, sizeof(e->message), "%s is in no directory of PATH (%s): give its path, or add its package",
					 p->argv[0], search_path(p->envp));
		}
	}
	if (!r)
		r = exec_prepare(e, path);
	kfree(path);
	return r;
}

static void explain(const struct start *s, int r)
{
	if (s->exec && s->exec->message[0])
		log_line("%s", s->exec->message);
	else if (r == -ENOENT)
		log_line("%s is not in the root file system: check the path, or add its package", s->program->argv[0]);
	else if (r == -ELOOP)
		log_line("%s is a script whose interpreter is a script, and so on: more than %d levels", s->program->argv[0], SCRIPT_DEPTH_MAX);
	else if (r == -ENOMEM)
		log_line("not enough memory to load %s: give the machine more", s->program->argv[0]);
	else
		log_line("%s cannot be run (error %d)", s->program->argv[0], -r);
}

/* The first thread of the application. */
static void first_thread(void *arg)
{
	struct start *s = arg;
	struct task *t = task_current();
	int r = -ENOMEM;

	s->exec = exec_alloc();
	if (s->exec)
		r = prepare(s);
	if (!r)
		r = exec_load(s->exec, task_frame(t));
	if (r) {
		explain(s, r);
		s->error = r;
		exec_free(s->exec);
		completion_set(&s->failed);
		return;
	}
	exec_free(s->exec);
	arch_return_to_user(task_frame(t));
}

static void terminal_signal(int sig)
{
	struct process *p = process_first();

	if (p)
		(void)signal_send_process(p, sig, NULL);
}

static int open_standard_files(struct process *p, const struct linux_program *prog)
{
	for (int fd = 0; fd < 3; fd++) {
		int r;

		if (!prog->std[fd])
			continue;
		r = fd_install_at(p->files, prog->std[fd], fd, false, 1024);
		if (r < 0)
			return r;
	}
	return 0;
}

int linux_start(const struct linux_program *prog)
{
	struct start s = { .program = prog };
	struct process *p;
	struct task *t;
	int r;

	linux_config = (struct linux_config){ prog->aslr, prog->veneers && !prog->strace, prog->strace };
	if (trace_is_on() || prog->strace)
		syscall_use_frames();
	if (prog->hostname)
		system_set_name(SYSTEM_HOSTNAME, prog->hostname);
	r = process_create(&p);
	if (!r)
		r = open_standard_files(p, prog);
	if (r) {
		log_line("not enough memory for a process (error %d)", -r);
		return r;
	}
	if (prog->cwd) {
		r = vfs_chdir(p->fs, prog->cwd);
		if (r) {
			log_line("the working directory %s cannot be entered (error %d): check --cwd", prog->cwd, -r);
			return r;
		}
	}
	r = task_create(p, first_thread, &s, &t);
	if (r) {
		log_line("not enough memory for a thread (error %d)", -r);
		return r;
	}
	tty_signal_hook = terminal_signal;
	r = task_start(t);
	if (!r) {
		(void)completion_wait(&s.failed, NSEC_NEVER, 0);
		r = s.error;
	}
	return r;
}
