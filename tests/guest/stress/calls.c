/* SPDX-License-Identifier: MIT */
/*
 * Any system call with any arguments: nothing an application does may panic or hang the kernel. Arguments: calls of each worker, workers, seed.
 *
 * Each argument comes from a pool: small numbers, descriptors of every kind, flags, lengths, pointers to memory with random
 * contents, to its last bytes, to a page without rights, to nothing, to the kernel. What would end the program or rewrite it (exit, execve, signals that
 * kill, mappings outside of the arena) is left out or bent; each worker is sent a signal all the time, so that no call waits for ever.
 */
#include "test.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>


#define MAX_WORKERS	16
#define ARENA		(256 << 10)
#define LAST_CALL	470
#define FIRST_FD	3
#define NR_FDS		60

static const short left_out[] = {
	SYS_exit, SYS_exit_group, SYS_execve, SYS_execveat, SYS_clone, SYS_clone3, SYS_rt_sigreturn, SYS_rt_sigaction, SYS_rt_sigprocmask,
	SYS_rt_sigsuspend, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal, SYS_reboot,
	SYS_ptrace, SYS_process_vm_writev, SYS_process_vm_readv, SYS_rseq, SYS_brk, SYS_seccomp, SYS_chroot, SYS_umount2, SYS_pivot_root,
	SYS_mount, SYS_move_mount, SYS_unshare, SYS_setns, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr,
	SYS_prlimit64, SYS_setrlimit, SYS_clock_settime, SYS_settimeofday, SYS_clock_adjtime, SYS_adjtimex, SYS_munlockall, SYS_mlockall,
	SYS_close_range, SYS_process_madvise, SYS_setitimer, SYS_timer_create, SYS_set_robust_list, SYS_personality, SYS_vhangup,
	SYS_syncfs, SYS_setuid, SYS_setreuid, SYS_setresuid, SYS_setfsuid, SYS_setgid, SYS_setregid, SYS_setresgid, SYS_setfsgid, SYS_setgroups,
	SYS_capset, SYS_fchdir, SYS_chdir, SYS_setpriority, SYS_io_setup, SYS_prctl, SYS_shmat, SYS_userfaultfd, SYS_acct, SYS_swapon,
	SYS_io_uring_setup, SYS_landlock_restrict_self, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_restart_syscall,
#ifdef SYS_fork
	SYS_fork, SYS_vfork, SYS_arch_prctl, SYS_pause, SYS_alarm, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_kexec_load,
#endif
};

/* Calls that do much when they succeed: half of all. */
static const short favourites[] = {
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_preadv2, SYS_pwritev2, SYS_socket, SYS_socketpair, SYS_bind, SYS_listen, SYS_accept4,
	SYS_connect, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown, SYS_setsockopt,
	SYS_getsockopt, SYS_epoll_ctl, SYS_epoll_pwait, SYS_ppoll, SYS_pselect6, SYS_splice, SYS_tee, SYS_vmsplice, SYS_sendfile,
	SYS_copy_file_range, SYS_futex, SYS_timerfd_settime, SYS_inotify_add_watch, SYS_openat, SYS_renameat2, SYS_unlinkat, SYS_mkdirat,
	SYS_linkat, SYS_symlinkat, SYS_ftruncate, SYS_fallocate, SYS_mmap, SYS_mremap, SYS_munmap, SYS_dup, SYS_fcntl, SYS_ioctl,
	SYS_getdents64, SYS_lseek, SYS_statx, SYS_flock, SYS_close, SYS_signalfd4, SYS_eventfd2, SYS_timer_settime, SYS_sched_yield,
};

struct worker {
	pthread_t thread;
	pid_t tid;
	uint64_t random;
	uint8_t *arena;		/* ARENA bytes, before a page without rights */
	uint8_t *scratch;	/* what the calls of memory management may take to pieces; as long */
	long nr_calls, nr_good;
	volatile int last;
};

static struct worker workers[MAX_WORKERS];
static long nr_calls_each;
static volatile int nr_running;
static int output;		/* where the output goes; the standard streams are nothing meanwhile */

static uint64_t random_of(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	return w->random ^= w->random << 17;
}

static unsigned below(struct worker *w, unsigned n)
{
	return (unsigned)(random_of(w) >> 20) % n;
}

static bool is_left_out(int number)
{
	for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
		if (left_out[i] == number)
			return true;
	return false;
}

/* A descriptor of some kind for a number that the calls may have closed. */
static int make_fd(struct worker *w)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int s[2];

	switch (below(w, 16)) {
	case 0: return pipe2(s, O_NONBLOCK * below(w, 2)) ? -1 : s[below(w, 2)];
	case 1: return socketpair(AF_UNIX, SOCK_STREAM, 0, s) ? -1 : s[0];
	case 2: return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) ? -1 : s[0];
	case 3: return socket(AF_INET, SOCK_STREAM, 0);
	case 4: return socket(AF_INET6, SOCK_STREAM, 0);
	case 5: return socket(AF_INET, SOCK_DGRAM, 0);
	case 6:
		s[0] = socket(AF_INET, below(w, 2) ? SOCK_STREAM : SOCK_DGRAM, 0);
		bind(s[0], (struct sockaddr *)&any, sizeof(any));
		listen(s[0], 4);
		return s[0];
	case 7: return socket(AF_NETLINK, SOCK_RAW, 0);
	case 8: return epoll_create1(0);
	case 9: return eventfd((unsigned)below(w, 3), EFD_NONBLOCK * (int)below(w, 2));
	case 10: return timerfd_create(CLOCK_MONOTONIC, 0);
	case 11: return inotify_init1(0);
	case 12: return memfd_create("calls", MFD_ALLOW_SEALING);
	case 13: return open("/tmp", O_TMPFILE | O_RDWR, 0600);
	case 14: return open("/proc/self/status", O_RDONLY);
	default: return open(below(w, 2) ? "/tmp" : "/dev/zero", O_RDONLY);
	}
}

/* An object that some call wants, at a multiple of 64 bytes. */
static void make_object(struct worker *w, uint8_t *at)
{
	static const char *const words[] = { "/tmp/calls-a", "/tmp/calls-b", "/tmp", "calls", "..", "/proc/self/fd/5", "/dev/null", "" };
	uintptr_t other = (uintptr_t)w->arena + (below(w, ARENA) & ~63u);
	uint64_t *word = (uint64_t *)at;
	int *half = (int *)at;

	switch (below(w, 10)) {
	case 0: memset(at, (int)random_of(w), below(w, 256)); break;
	case 1: strcpy((char *)at, words[below(w, ARRAY_LEN(words))]); break;
	case 2: *word = random_of(w) >> below(w, 64); break;
	case 3:	/* iovec */
		for (int i = 0; i < 4; i++) {
			word[2 * i] = (uintptr_t)w->arena + below(w, ARENA);
			word[2 * i + 1] = below(w, 4096);
		}
		break;
	case 4:
		*(struct sockaddr_in *)at = (struct sockaddr_in){ AF_INET, htons((uint16_t)(40000 + below(w, 8))), { htonl(INADDR_LOOPBACK) }, { 0 } };
		break;
	case 5:
		*(struct sockaddr_in6 *)at = (struct sockaddr_in6){ AF_INET6, htons((uint16_t)(40000 + below(w, 8))), 0, IN6ADDR_LOOPBACK_INIT, 0 };
		break;
	case 6:
		*(struct msghdr *)at = (struct msghdr){ (void *)(other + 64), below(w, 128), (void *)other, below(w, 5), (void *)(other + 128), below(w, 128), 0 };
		break;
	case 7:	/* cmsghdr with descriptors */
		word[0] = 16 + 4 * below(w, 8);
		half[2] = SOL_SOCKET;
		half[3] = 1 + (int)below(w, 2);
		for (int i = 4; i < 12; i++)
			half[i] = FIRST_FD + (int)below(w, NR_FDS);
		break;
	case 8:	/* pollfd, epoll_event */
		for (int i = 0; i < 8; i++)
			word[i] = (FIRST_FD + below(w, NR_FDS)) | random_of(w) << 32;
		break;
	default:	/* two times */
		word[0] = below(w, 2);
		word[1] = below(w, 2000000);
		word[2] = below(w, 2);
		word[3] = below(w, 1000000000);
	}
}

static void fill(struct worker *w)
{
	for (int i = 0; i < 256; i++)
		make_object(w, w->arena + (below(w, ARENA - 512) & ~63u));
}

static long pointer(struct worker *w)
{
	switch (below(w, 16)) {
	case 0: return 0;
	case 1: return (long)(w->arena + ARENA - below(w, 64));
	case 2: return (long)(w->arena + ARENA + below(w, 64));
	case 3: return (long)(0xffffffff80000000ul + below(w, 1 << 20));
	case 4: return (long)(0xffff800000000000ul + below(w, 1 << 20));
	case 5: return (long)(random_of(w) >> 1 | 1ul << 62);
	case 6: return below(w, 4096);
	case 7: return (long)(w->arena + below(w, ARENA));
	default: return (long)(w->arena + (below(w, ARENA) & ~63u));
	}
}

static long argument(struct worker *w)
{
	switch (below(w, 12)) {
	case 0: return below(w, 8);
	case 1: return FIRST_FD + (long)below(w, NR_FDS);
	case 2: return FIRST_FD + (long)below(w, NR_FDS);
	case 3: return 1l << below(w, 63);
	case 4: return (long)(random_of(w) >> below(w, 64));
	case 5: return -(long)below(w, 130);
	case 6: return below(w, 4096);
	default: return pointer(w);
	}
}

/* An address, a length for a call that changes mappings. */
static void into_scratch(struct worker *w, long *address, long *len)
{
	unsigned page = below(w, ARENA / 4096);

	*address = (long)w->scratch + page * 4096 + (below(w, 8) ? 0 : (long)below(w, 4096));
	*len = (long)below(w, (ARENA / 4096 - page) * 4096);
}

/* False: not this call. */
static bool bend(struct worker *w, int number, long a[6])
{
	for (int i = 0; i < 6; i++)
		if ((int)a[i] == output)
			return false;
	switch (number) {
	case SYS_munmap: case SYS_mprotect: case SYS_pkey_mprotect: case SYS_madvise: case SYS_mlock: case SYS_mlock2: case SYS_munlock: case SYS_msync: case SYS_mincore:
	case SYS_remap_file_pages: case SYS_mbind:
		into_scratch(w, &a[0], &a[1]);
		return true;
	case SYS_mmap:
		into_scratch(w, &a[0], &a[1]);
		a[3] &= 0xffff | 1 << 20;
		if (!(a[3] & (MAP_FIXED | 1 << 20)))
			a[3] |= MAP_FIXED;
		return true;
	case SYS_mremap: {
		long len;

		into_scratch(w, &a[0], &a[1]);
		into_scratch(w, &a[4], &len);
		a[2] = below(w, 2) && a[1] < len ? a[1] : len;	/* what is at a[4] ends there */
		a[3] = below(w, 2) ? MREMAP_MAYMOVE | MREMAP_FIXED : 0;	/* else it could grow over what comes behind */
		if (!a[3])
			a[2] = (long)below(w, (unsigned)a[1] + 1);
		return true;
	}
	/* Masks that could hold the signal off while the call waits. */
	case SYS_ppoll: a[3] = 0; a[1] %= 8; return true;
	case SYS_pselect6: a[5] = 0; return true;
	case SYS_epoll_pwait: case SYS_epoll_pwait2: a[4] = 0; return true;
	case SYS_rt_sigtimedwait: a[0] = (long)w->arena; memset(w->arena, 0, 8); return true;
	case SYS_fallocate: case SYS_ftruncate: case SYS_truncate: a[1] &= 0xfffff; a[2] &= 0xfffff; a[3] &= 0xfffff; return true;
	case SYS_setsockopt: case SYS_getsockopt: {
		static const short levels[] = { SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, 58, 255, 270 };

		a[1] = levels[below(w, ARRAY_LEN(levels))];
		a[2] = below(w, 80);
		a[3] = (long)(w->arena + (below(w, ARENA) & ~63u));
		if (number == SYS_setsockopt)
			a[4] = below(w, 64);
		return true;
	}
	case SYS_socket: case SYS_socketpair: {
		static const short families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };

		a[0] = families[below(w, ARRAY_LEN(families))];
		a[1] = 1 + below(w, 5);
		a[2] = below(w, 4) ? 0 : (long)below(w, 256);
		return true;
	}
	case SYS_epoll_ctl: a[1] = 1 + below(w, 3); a[2] = FIRST_FD + below(w, NR_FDS); return true;
	case SYS_splice: case SYS_tee: case SYS_copy_file_range: case SYS_sendfile:
		a[number == SYS_tee || number == SYS_sendfile ? 1 : 2] = FIRST_FD + below(w, NR_FDS);
		if (below(w, 2))
			a[1] = number == SYS_splice ? 0 : a[1], a[3] = number == SYS_splice ? 0 : a[3];
		return true;
	case SYS_nanosleep: case SYS_clock_nanosleep: return below(w, 16) == 0;
	case SYS_futex:	/* who waits for a lock of priority inheritance is not interrupted */
		memset(w->arena, 0, 16);
		if ((a[1] & 0x7f) == FUTEX_LOCK_PI || (a[1] & 0x7f) == FUTEX_WAIT_REQUEUE_PI || (a[1] & 0x7f) == 13)
			a[3] = (long)w->arena;
		return true;
	case SYS_set_tid_address: a[0] = (long)w->arena; return true;
	case SYS_sched_setaffinity: a[0] = w->tid; return true;
	case SYS_sync: return below(w, 64) == 0;
#ifdef SYS_dup2
	case SYS_poll: a[1] %= 8; return true;
#endif
	default: return true;
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;

	w->tid = (pid_t)syscall(SYS_gettid);
	for (long i = 0; i < nr_calls_each; i++) {
		int number = below(w, 2) ? favourites[below(w, ARRAY_LEN(favourites))] : (int)below(w, LAST_CALL);
		long a[6];

		if (i % 64 == 0)
			fill(w);
		if (i % 32 == 0) {
			int fd = make_fd(w);

			if (fd > FIRST_FD + NR_FDS || (fd >= 0 && below(w, 2)))
				syscall(SYS_close, fd);
			if (mmap(w->scratch, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != w->scratch)
				show("FAIL the scratch memory cannot be mapped again (errno %d)", errno);
		}
		for (int k = 0; k < 6; k++)
			a[k] = argument(w);
		/* Most calls begin with a descriptor; what is one should be one often. */
		if (below(w, 2))
			a[0] = FIRST_FD + below(w, NR_FDS);
		if (is_left_out(number) || !bend(w, number, a))
			continue;
		w->last = number;
		w->nr_good += syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]) >= 0;
		w->nr_calls++;
	}
	__atomic_sub_fetch(&nr_running, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void handler(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handler };
	long nr_workers = argc > 2 ? atol(argv[2]) : 4, seed = argc > 3 ? atol(argv[3]) : 1;

	nr_calls_each = argc > 1 ? atol(argv[1]) : 20000;
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ FIRST_FD + NR_FDS + 200, FIRST_FD + NR_FDS + 200 });
	for (int sig = 1; sig < 65; sig++)
		if (sig != SIGSEGV && sig != SIGBUS && sig != SIGILL && sig != SIGTRAP && sig != SIGFPE)
			sigaction(sig, &action, NULL);
	output = dup2(1, FIRST_FD + NR_FDS + 150);
	for (int i = 0, null = open("/dev/null", O_RDWR); i < FIRST_FD; i++)
		dup2(null, i);
	need(output > 0 && chdir("/tmp") == 0);
	nr_running = (int)nr_workers;
	for (long i = 0; i < nr_workers; i++) {
		struct worker *w = &workers[i];

		w->random = (uint64_t)(seed * 1000003 + i + 1) * 0x9e3779b97f4a7c15;
		w->arena = mmap(NULL, ARENA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		w->scratch = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		need(w->arena != MAP_FAILED && w->scratch != MAP_FAILED && mprotect(w->arena + ARENA, 4096, PROT_NONE) == 0);
	}
	for (long i = 0; i < nr_workers; i++)
		need(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
	for (long turn = 0; nr_running > 0; turn++) {
		struct timespec nap = { 0, 1000000 };

		syscall(SYS_nanosleep, &nap, NULL);
		for (long i = 0; i < nr_workers; i++)
			if (workers[i].tid)
				syscall(SYS_tgkill, getpid(), workers[i].tid, SIGUSR1);
		if (turn % 5000 == 4999 && getenv("CALLS_SHOW"))
			for (long i = 0; i < nr_workers; i++)
				dprintf(output, "worker %ld: %ld calls, %ld without an error, the last %d\n", i, workers[i].nr_calls, workers[i].nr_good, workers[i].last);
	}
	dup2(output, 1);
	for (long i = 0; i < nr_workers; i++) {
		if (workers[i].nr_calls < nr_calls_each / 2 || workers[i].nr_good < nr_calls_each / 50)
			show("FAIL too few calls, or too few that did something: %ld, %ld", workers[i].nr_calls, workers[i].nr_good);
		if (getenv("CALLS_SHOW"))
			show("worker %ld: %ld calls, %ld without an error", i, workers[i].nr_calls, workers[i].nr_good);
	}
	return test_end();
}
