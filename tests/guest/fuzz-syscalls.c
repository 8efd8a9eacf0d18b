/* SPDX-License-Identifier: MIT */
/*
 * Every system call from 0 to 460 with hostile arguments, from several threads:
 * bad, misaligned and kernel addresses, addresses at the end of memory, read-only
 * and executable memory, huge and negative lengths, wrong descriptors. Nothing of
 * this may harm the kernel: afterwards files, threads, memory, signals and
 * timers must still work. Calls whose legal effect would end or blind this
 * program (exit, munmap, dup3 onto stdout ...) are left out.
 *
 * With `fds` as third argument there are valid descriptors of every kind among the
 * arguments: pipes, files, directories, eventfd, epoll, timerfd, signalfd, memfd ...
 *
 * Arguments: rounds, seed, `fds`.
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#define LAST_CALL 460
#define NR_THREADS 4
#define PAGE 4096ul

static const short left_out[] = {
	/* the end of the program, or another program */
	SYS_exit, SYS_exit_group, SYS_execve, SYS_execveat, SYS_clone, 435 /* clone3 */, SYS_rt_sigreturn, SYS_reboot,
	/* signals to anybody; handlers and masks (tried with bad pointers only, below) */
	SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, 424 /* pidfd_send_signal */,
	SYS_setitimer, SYS_timer_settime, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_sigaltstack,
	/* this program's memory and thread state */
	SYS_munmap, SYS_mremap, SYS_mprotect, SYS_brk, SYS_mmap, SYS_madvise, SYS_remap_file_pages, SYS_mlockall,
	SYS_shmat, SYS_pkey_mprotect, 440 /* process_madvise */, SYS_process_vm_writev, SYS_set_tid_address,
	/* its descriptors and limits */
	SYS_close, 436 /* close_range */, SYS_dup3, SYS_fcntl, SYS_setrlimit, SYS_prlimit64, SYS_mknodat,
	/* the machine it runs on (it is root on Linux too) */
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_swapon, SYS_swapoff, SYS_init_module, SYS_delete_module,
	SYS_finit_module, SYS_kexec_load, 294 /* kexec_file_load */, SYS_acct, SYS_vhangup, SYS_syslog, SYS_settimeofday,
	SYS_adjtimex, SYS_clock_settime, SYS_clock_adjtime, SYS_ptrace, SYS_prctl, SYS_seccomp, SYS_bpf, SYS_unshare,
	SYS_setns, SYS_personality, SYS_capset, SYS_sched_setscheduler, SYS_sched_setattr, 428, 429, 430, 431, 432, 433, 442,
#ifdef __x86_64__
	/* what only old numbers do */
	SYS_fork, SYS_vfork, SYS_pause, SYS_alarm, SYS_arch_prctl, SYS_dup2, SYS_mknod, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_kexec_file_load,
#endif
	/* identity */
	SYS_setregid, SYS_setgid, SYS_setreuid, SYS_setuid, SYS_setresuid, SYS_setresgid, SYS_setfsuid, SYS_setfsgid,
	SYS_setgroups,
};

static unsigned long values[64];
static int nr_values;
static unsigned long nr_calls;

static bool is_left_out(long number)
{
	for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
		if (left_out[i] == number)
			return true;
	return false;
}

static void add_value(unsigned long value)
{
	need(nr_values < (int)ARRAY_LEN(values));
	values[nr_values++] = value;
}

static void prepare_values(void)
{
	char *page = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *zeros = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(page != MAP_FAILED && zeros != MAP_FAILED);
	mprotect(page + PAGE, PAGE, PROT_NONE);
	munmap(page + 3 * PAGE, PAGE);
	char *path = strcpy(page + 2 * PAGE, "/tmp/fuzz-file"); /* results may be written over it */
	add_value(0);
	add_value(1);
	add_value(16);
	add_value(77);
	add_value(-1ul);
	add_value((unsigned long)AT_FDCWD);
	add_value(PAGE - 1);
	add_value(PAGE * 1000);
	add_value((unsigned long)page); /* writable */
	add_value((unsigned long)page + 1); /* misaligned */
	add_value((unsigned long)page + PAGE - 4); /* runs into PROT_NONE */
	add_value((unsigned long)page + PAGE);
	add_value((unsigned long)page + 3 * PAGE - 4); /* runs into nothing */
	add_value((unsigned long)page + 3 * PAGE);
	add_value((unsigned long)zeros); /* read-only */
	add_value((unsigned long)zeros + 8);
	add_value((unsigned long)path);
	add_value((unsigned long)&prepare_values); /* executable */
	add_value(0xffff000000000000);
	add_value(0xffff800000000000);
	add_value(0xffffffff80000000);
	add_value(0xffffffffffffff00);
	add_value(0x0000fffffffffff8);
	add_value(0x0001000000000000);
	add_value(0x7fffffff);
	add_value(0x80000000);
	add_value(0xffffffff);
	add_value(0x7fffffffffffffff);
	add_value(0x8000000000000000);
	add_value(1ul << 40);
}

/* Descriptors from 40 on, so that no call that takes a small number by chance means them. */
static void add_descriptor(int fd)
{
	static int next = 40;

	if (fd >= 0 && dup2(fd, next) == next)
		add_value((unsigned long)next++);
	close(fd);
}

static void prepare_descriptors(void)
{
	sigset_t none;
	int p[2];

	sigemptyset(&none);
	mkdir("/tmp/fuzz-directory", 0755);
	for (int i = 0; i < 2; i++) {
		need(pipe2(p, i ? O_NONBLOCK : 0) == 0);
		add_descriptor(p[0]);
		add_descriptor(p[1]);
	}
	add_descriptor(open("/tmp/fuzz-opened", O_RDWR | O_CREAT, 0600));
	add_descriptor(open("/tmp/fuzz-opened", O_RDONLY | O_APPEND));
	add_descriptor(open("/tmp/fuzz-directory", O_RDONLY | O_DIRECTORY));
	add_descriptor(open("/tmp", O_PATH));
	add_descriptor(open("/tmp", O_TMPFILE | O_RDWR, 0600));
	add_descriptor(open("/dev/null", O_RDWR));
	add_descriptor(open("/dev/zero", O_RDWR));
	add_descriptor(open("/dev/urandom", O_RDONLY));
	add_descriptor(open("/proc/self/maps", O_RDONLY));
	add_descriptor(open("/proc/self/task", O_RDONLY));
	add_descriptor(open("/proc/self/exe", O_RDONLY));
	add_descriptor(eventfd(1, EFD_NONBLOCK));
	add_descriptor(eventfd(0, EFD_SEMAPHORE));
	add_descriptor(timerfd_create(CLOCK_MONOTONIC, 0));
	add_descriptor(signalfd(-1, &none, 0));
	add_descriptor(epoll_create1(0));
	add_descriptor(epoll_create1(0));
	add_descriptor(memfd_create("fuzz", MFD_ALLOW_SEALING));
}

static unsigned long next_random(unsigned long *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

struct worker {
	pthread_t thread;
	unsigned long state;
	int rounds;
	volatile bool is_done;
};

static void *attack(void *argument)
{
	struct worker *w = argument;

	for (int round = 0; round < w->rounds; round++)
		for (long number = 0; number <= LAST_CALL; number++) {
			unsigned long a[6];

			if (is_left_out(number))
				continue;
			for (int i = 0; i < 6; i++) {
				a[i] = values[next_random(&w->state) % (unsigned long)nr_values];
				if (a[i] == 1 && (i == 0 || number == SYS_splice || number == SYS_tee ||
						  number == SYS_copy_file_range || number == SYS_sendfile))
					a[i] = 77; /* not our stdout */
			}
			syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
			__atomic_add_fetch(&nr_calls, 1, __ATOMIC_RELAXED);
		}
	/* Those that are left out because they work, with pointers that do not. */
	static const unsigned long bad[] = { 16, 0xffff000000000000, 0xffff800000000000, 0x7fffffffffffffff, 0x0000fffffffffff8 };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		syscall(SYS_rt_sigaction, SIGUSR2, bad[i], bad[i], 8);
		syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad[i], bad[i], 8);
		syscall(SYS_sigaltstack, bad[i], bad[i]);
		syscall(SYS_execve, bad[i], bad[i], bad[i]);
		syscall(SYS_setitimer, 0, bad[i], bad[i]);
		syscall(SYS_prlimit64, 0, 7, bad[i], bad[i]);
		syscall(SYS_mount, bad[i], bad[i], bad[i], 0, bad[i]);
		syscall(SYS_munmap, bad[i] & ~(PAGE - 1), PAGE);
		syscall(SYS_mprotect, bad[i] & ~(PAGE - 1), PAGE, PROT_READ);
		syscall(SYS_mremap, bad[i] & ~(PAGE - 1), PAGE, -PAGE, 3, bad[i] & ~(PAGE - 1));
		syscall(SYS_mmap, bad[i] & ~(PAGE - 1), -PAGE, 7, 0x32, -1, 0);
		syscall(SYS_mmap, 0, -1ul, 7, 0x22, -1, 0);
		syscall(435, bad[i], 64);
		syscall(435, values[8], -1ul);
		syscall(SYS_clone, 0x10000, bad[i], bad[i], bad[i], bad[i]); /* CLONE_THREAD without CLONE_SIGHAND */
	}
	w->is_done = true;
	return NULL;
}

static void interrupt(int signal_number)
{
	(void)signal_number;
}

static void *still_alive(void *argument)
{
	return (char *)argument + 1;
}

static void prove_survival(void)
{
	char buffer[16] = "";
	pthread_t thread;
	void *result;
	int p[2];

	umask(022);
	need(chdir("/") == 0);
	int fd = open("/tmp/after", O_RDWR | O_CREAT | O_TRUNC, 0600);
	check("files work", fd >= 0 && write(fd, "after", 5) == 5 && pread(fd, buffer, 5, 0) == 5 && strcmp(buffer, "after") == 0);
	check("threads work", pthread_create(&thread, NULL, still_alive, NULL) == 0 && pthread_join(thread, &result) == 0 && result == (void *)1);
	char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check("memory works", memory != MAP_FAILED && (memset(memory, 1, 1 << 20), munmap(memory, 1 << 20) == 0));
	check("pipes work", pipe(p) == 0 && write(p[1], "x", 1) == 1 && read(p[0], buffer, 1) == 1);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	sleep_ms(5);
	check("timers work", now_ns(CLOCK_MONOTONIC) - begin >= 5000000);
	check("signals work", raise(SIGUSR1) == 0);
}

int main(int argc, char **argv)
{
	static struct worker workers[NR_THREADS];
	int rounds = argc > 1 ? atoi(argv[1]) : 20;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	struct sigaction action = { .sa_handler = interrupt };
	struct rlimit files = { 77, 77 }; /* the value 77 is never a descriptor */

	mkdir("/tmp", 01777);
	prepare_values();
	if (argc > 3 && strcmp(argv[3], "fds") == 0)
		prepare_descriptors();
	setrlimit(RLIMIT_NOFILE, &files);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	for (int i = 0; i < NR_THREADS; i++) {
		workers[i].state = (seed * NR_THREADS + (unsigned long)i) * 0x9e3779b97f4a7c15ul + 1;
		workers[i].rounds = rounds;
		need(pthread_create(&workers[i].thread, NULL, attack, &workers[i]) == 0);
	}
	/* A call that waits is interrupted; a worker that stands still for long is a failure. */
	int idle = 0, nr_done = 0;
	for (unsigned long last = 0; nr_done < NR_THREADS && idle < 200;) {
		sleep_ms(20);
		idle = __atomic_load_n(&nr_calls, __ATOMIC_RELAXED) == last ? idle + 1 : 0;
		last = __atomic_load_n(&nr_calls, __ATOMIC_RELAXED);
		nr_done = 0;
		for (int i = 0; i < NR_THREADS; i++) {
			nr_done += workers[i].is_done;
			if (!workers[i].is_done)
				pthread_kill(workers[i].thread, SIGUSR1);
		}
	}
	check("all threads came back", nr_done == NR_THREADS);
	/* Descriptors that successful calls left behind. */
	for (int fd = 3; fd < 77; fd++)
		close(fd);
	prove_survival();
	show("survived");
	return test_end();
}
