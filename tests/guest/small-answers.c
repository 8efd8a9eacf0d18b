/* SPDX-License-Identifier: MIT */
/*
 * Small answers of many calls that another system's tests rely on: protocols and abstract names of AF_UNIX, files that come with no byte, futexes private
 * and shared, sizes and positions of directories, open(2) with the access mode 3, the last page of a file, numbers in /proc, raw sockets that were shut.
 */
#include "test.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>

#define PAGE 4096

/* The errno of a call that may fail, 0 if it did not. */
#define ERR(call) ((call) == -1 ? errno : 0)

static void set_caps(uint32_t without)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		return;
	d[0].effective = d[0].permitted & ~without;
	syscall(SYS_capset, &h, d);
}

/* ---- AF_UNIX -------------------------------------------------------------------------------------------------------------------------- */

static int named(int type, const char *name)
{
	struct sockaddr_un a = { AF_UNIX, "" };
	int s = socket(AF_UNIX, type, 0);

	strcpy(a.sun_path + 1, name);
	if (bind(s, (void *)&a, (socklen_t)(3 + strlen(name)))) {
		close(s);
		return -1;
	}
	return s;
}

static void unix_names(void)
{
	struct sockaddr_un a = { AF_UNIX, "\0small-answers" };
	int pair[2], s, d, q;

	check("the protocol may be PF_UNIX", ERR(socketpair(AF_UNIX, SOCK_STREAM, PF_UNIX, pair)) == 0);
	close(pair[0]);
	close(pair[1]);
	check("and no other", ERR(socket(AF_UNIX, SOCK_STREAM, 2)) == EPROTONOSUPPORT);
	s = named(SOCK_STREAM, "small-answers");
	q = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	listen(s, 1);
	check("an abstract name of another type is nobody's", ERR(connect(q, (void *)&a, 16)) == ECONNREFUSED);
	d = named(SOCK_DGRAM, "small-answers");
	check("each type has its own", d >= 0);
	check("but one only", named(SOCK_DGRAM, "small-answers") < 0 && errno == EADDRINUSE);
	close(s);
	close(q);
	close(d);
	check("SOCK_RAW is made", ERR(socketpair(AF_UNIX, SOCK_RAW, 0, pair)) == 0);
	getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &q, &(socklen_t){ sizeof(q) });
	check("and means SOCK_DGRAM", q == SOCK_DGRAM);
	show("socketpair of IPv4: %d %d %d", ERR(socketpair(AF_INET, 0, 0, pair)), ERR(socketpair(AF_INET, SOCK_DGRAM, 0, pair)), ERR(socketpair(99, SOCK_DGRAM, 0, pair)));
}

static void unix_files(int type)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (char[]){ 'x' }, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int pair[2], got = -1;
	char byte = 0;

	socketpair(AF_UNIX, type, 0, pair);
	*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(c), pair, sizeof(int));
	sendmsg(pair[0], &m, 0);
	memset(&control, 0, sizeof(control));
	m.msg_iovlen = 0;
	m.msg_controllen = sizeof(control);
	check("no byte is read", recvmsg(pair[1], &m, 0) == 0);
	c = CMSG_FIRSTHDR(&m);
	if (check("but a file comes", c && c->cmsg_type == SCM_RIGHTS))
		memcpy(&got, CMSG_DATA(c), sizeof(int));
	check("which is open", fcntl(got, F_GETFD) == FD_CLOEXEC || fcntl(got, F_GETFD) == 0);
	show("then %d byte", (int)recv(pair[1], &byte, 1, MSG_DONTWAIT));
	close(got);
	close(pair[0]);
	close(pair[1]);
}

static void unix_interfaces(void)
{
	int u = socket(AF_UNIX, SOCK_STREAM, 0), i;
	struct ifconf of_unix = { 0 }, of_inet = { 0 };

	ioctl(u, SIOCGIFCONF, &of_unix);
	i = socket(AF_INET, SOCK_DGRAM, 0);
	ioctl(i, SIOCGIFCONF, &of_inet);
	check("an AF_UNIX socket knows the interfaces", of_unix.ifc_len == of_inet.ifc_len);
	close(u);
	close(i);
}

/* ---- futexes -------------------------------------------------------------------------------------------------------------------------- */

static uint32_t words[2];

static long futex(int op, uint32_t *word, int nr, long nr2, uint32_t *word2)
{
	return syscall(SYS_futex, word, op, nr, nr2, word2, 0);
}

static void *wait_private(void *arg)
{
	(void)arg;
	futex(FUTEX_WAIT_PRIVATE, &words[0], 0, 0, NULL);
	return NULL;
}

static void futexes(void)
{
	pthread_t t;

	pthread_create(&t, NULL, wait_private, NULL);
	while (futex(FUTEX_REQUEUE_PRIVATE, &words[0], 0, 1, &words[1]) != 1)	/* it sleeps, and now at the other word */
		sched_yield();
	show("a shared wake: %ld", futex(FUTEX_WAKE, &words[1], 1, 0, NULL));
	show("a private wake: %ld", futex(FUTEX_WAKE_PRIVATE, &words[1], 1, 0, NULL));
	pthread_join(t, NULL);
}

/* ---- files ---------------------------------------------------------------------------------------------------------------------------- */

static void directories(void)
{
	char buf[1024];
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	check("getdents: the size is an int", ERR(syscall(SYS_getdents64, fd, buf, 0x80000000u)) == EINVAL && ERR(syscall(SYS_getdents64, fd, buf, -1)) == EINVAL);
	check("getdents: room", syscall(SYS_getdents64, fd, buf, sizeof(buf)) > 0);
	close(fd);
	fd = open("/proc", O_RDONLY);
	check("/proc has an end", lseek(fd, 0, SEEK_END) >= 0);
	close(fd);
	fd = open("/sys", O_RDONLY);
	check("/sys has an end", lseek(fd, 0, SEEK_END) >= 0);
	close(fd);
	check("a directory with O_DIRECT", ERR(open("/tmp", O_RDONLY | O_DIRECT)) == EINVAL);
	check("a name in /sys becomes itself", ERR(rename("/sys/kernel", "/sys/kernel")) == 0);
}

static void accesses(void)
{
	const char *name = "/tmp/small-answers-file";
	int fds[2], fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct flock lock = { .l_type = F_RDLCK };
	char c = 'x';

	check("filled", write(fd, &c, 1) == 1);
	close(fd);
	fd = open(name, 3);
	check("access mode 3: no read", ERR(read(fd, &c, 1)) == EBADF && ERR(pread(fd, &c, 1, 0)) == EBADF);
	check("no write", ERR(write(fd, &c, 1)) == EBADF && ERR(pwrite(fd, &c, 1, 0)) == EBADF);
	check("F_GETFL", (fcntl(fd, F_GETFL) & O_ACCMODE) == 3);
	show("a lock: %d", ERR(fcntl(fd, F_SETLK, &lock)));
	show("mapped: %d", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0);
	close(fd);
	check("not of a directory", ERR(open("/tmp", 3)) == EISDIR);
	fd = open(name, O_RDONLY);
	check("the last page of all", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, INT64_MAX & -(off_t)PAGE) == MAP_FAILED && errno == EOVERFLOW);
	close(fd);
	unlink(name);
	check("pipe", !pipe(fds));
	check("pread of the writing end", ERR(pread(fds[1], &c, 1, 0)) == ESPIPE);
	check("pwrite to the reading end", ERR(pwrite(fds[0], &c, 1, 0)) == ESPIPE);
	check("without a position", ERR(read(fds[1], &c, 1)) == EBADF);
	close(fds[0]);
	close(fds[1]);
}

static void no_search(void)
{
	mkdir("/tmp/small-answers-dir", 0700);
	chmod("/tmp/small-answers-dir", 0400);
	set_caps(1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH);
	show("no right to search: rename %d, unlink %d, rmdir %d, mkdir %d, link %d, mknod %d", ERR(rename("/tmp/small-answers-dir/a", "/tmp/small-answers-dir/b")),
	     ERR(unlink("/tmp/small-answers-dir/a")), ERR(rmdir("/tmp/small-answers-dir/a")), ERR(mkdir("/tmp/small-answers-dir/a", 0700)),
	     ERR(link("/tmp/small-answers-dir/a", "/tmp/small-answers-dir/b")), ERR(mknod("/tmp/small-answers-dir/a", S_IFIFO | 0600, 0)));
	set_caps(0);
	rmdir("/tmp/small-answers-dir");
}

static void sealed(void)
{
	char page[PAGE] = "";
	int fd = memfd_create("small-answers", MFD_ALLOW_SEALING);

	check("a page and a half", ftruncate(fd, PAGE * 3 / 2) == 0);
	fcntl(fd, F_ADD_SEALS, F_SEAL_GROW);
	show("a write across the end: %d, and of whole pages before it: %d", ERR(pwrite(fd, page, PAGE, PAGE)), (int)pwrite(fd, page, PAGE, PAGE / 2));
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
	show("of nothing: %d", (int)write(fd, page, 0));
	close(fd);
	fd = eventfd(0, 0);
	show("pwrite without a position: %d, without a write: %d", ERR(pwrite(fd, page, 8, 0)), ERR(pwrite(timerfd_create(CLOCK_MONOTONIC, 0), page, 8, 0)));
	close(fd);
}

/* ---- memory, scheduling, /proc -------------------------------------------------------------------------------------------------------- */

static void memory(void)
{
	void *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void *own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check("a second mapping has to be elsewhere", mremap(shared, 0, PAGE, 0) == MAP_FAILED && errno == ENOMEM);
	check("of shared memory", mremap(own, 0, PAGE, 0) == MAP_FAILED && errno == EINVAL);
	set_caps(1u << CAP_SYS_RESOURCE);
	check("PR_SET_MM", ERR(prctl(PR_SET_MM, 0, 0, 0, 0)) == EPERM);
	set_caps(0);
}

static void other_memory(void)
{
	char *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), small[10] = "";
	struct iovec a[2] = { { pages + PAGE - 3, 6 }, { pages, 1 } }, b[2] = { { small, 4 }, { small + 4, 6 } };
	pid_t self = getpid();
	int n;

	memcpy(pages + PAGE - 3, "abcdef", 6);
	pages[0] = 'x';
	show("process_vm_readv: %d %s", (int)process_vm_readv(self, b, 2, a, 2, 0), small);
	memcpy(small, "0123456789", 10);
	n = (int)process_vm_writev(self, b, 2, a, 2, 0);
	show("process_vm_writev: %d %.6s %c", n, pages + PAGE - 3, pages[0]);
	munmap(pages + PAGE, PAGE);
	show("a hole: %d, alone %d", (int)process_vm_readv(self, b, 1, a, 1, 0), ERR(process_vm_readv(self, b, 1, &(struct iovec){ pages + PAGE, 1 }, 1, 0)));
	show("flags %d, nobody %d, many %d, nothing %d %d, negative %d, bad %d", ERR(process_vm_readv(self, b, 2, a, 2, 1)), ERR(process_vm_readv(1 << 30, b, 2, a, 2, 0)),
	     ERR(process_vm_readv(self, b, 1025, a, 2, 0)), (int)process_vm_readv(1 << 30, b, 0, a, 2, 0), (int)process_vm_readv(1 << 30, b, 2, a, 0, 0),
	     ERR(process_vm_readv(self, b, 2, &(struct iovec){ small, (size_t)-1 }, 1, 0)), ERR(process_vm_readv(self, (void *)8, 1, a, 1, 0)));
	munmap(pages, PAGE);
	munmap(pages + 2 * PAGE, 2 * PAGE);
}

static void schedulers(void)
{
	uint32_t attr[64] = { 1 };
	struct sched_param p;

	check("nobody's scheduler", ERR(sched_getscheduler(-1)) == EINVAL);
	check("nobody's priority", ERR(sched_getparam(-1, &p)) == EINVAL && ERR(sched_setparam(-1, &p)) == EINVAL);
	check("a struct too small", ERR(syscall(SYS_sched_setattr, 0, attr, 0)) == E2BIG && attr[0] >= 48);
	attr[0] = sizeof(attr);
	attr[40] = 1;
	check("a newer struct that says more", ERR(syscall(SYS_sched_setattr, 0, attr, 0)) == E2BIG && attr[0] < sizeof(attr));
}

static void number_in(const char *path, const char *const *texts)
{
	char buf[64];
	int fd = open(path, O_RDWR), n;

	for (; *texts; texts++) {
		int r = ERR(pwrite(fd, *texts, strlen(*texts), 0));

		n = (int)pread(fd, buf, sizeof(buf) - 1, 0);
		buf[n > 1 ? n - 1 : 0] = 0;
		show("%s: \"%s\" is %d, then %s", path, *texts, r, buf);
	}
	close(fd);
}

static void proc(void)
{
	number_in("/proc/self/oom_score_adj", (const char *const[]){ "7", " 8 ", "0x10", "1001", "-1001", "x", "3x", "0", NULL });
	number_in("/proc/self/coredump_filter", (const char *const[]){ "7", "0x1f", "ffff", "0x33", NULL });
	set_caps(1u << CAP_SYS_RESOURCE);
	number_in("/proc/self/oom_score_adj", (const char *const[]){ "-1", "5", "0", NULL });
	set_caps(0);
}

/* ---- the network ---------------------------------------------------------------------------------------------------------------------- */

static void network(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP), raw6 = socket(AF_INET6, SOCK_RAW, IPPROTO_TCP), on = 1, l, s;
	socklen_t len = sizeof(a);

	check("raw socket", !connect(raw, (void *)&a, sizeof(a)) && !shutdown(raw, SHUT_WR));
	show("a raw socket that was shut sends %d", (int)send(raw, "12345678", 8, MSG_NOSIGNAL));
	setsockopt(raw, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on));
	show("with its own header: %d", ERR(send(raw, "E\0\0\34\0\0\0\0\100\21\0\0\177\0\0\1\177\0\0\1\0\1\0\1\0\10\0\0", 28, MSG_NOSIGNAL)));
	check("an address of IPv4 is too short", ERR(sendto(raw6, "x", 1, 0, (void *)&a, sizeof(a))) == EINVAL);
	munmap(page + PAGE, PAGE);
	l = socket(AF_INET, SOCK_STREAM, 0);
	bind(l, (void *)&a, sizeof(a));
	listen(l, 1);
	getsockname(l, (void *)&a, &len);
	s = socket(AF_INET, SOCK_STREAM, 0);
	check("connection", !connect(s, (void *)&a, sizeof(a)));
	check("of memory that ends nothing is sent", ERR(send(s, page + PAGE - 1, 100, 0)) == EFAULT);
	check("what is there is", send(s, page + PAGE - 1, 1, 0) == 1);
	close(s);
	close(l);
	close(raw);
	close(raw6);
}

static void families(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct ip_mreq nothing = { { 0 }, { 0 } };
	int s, u;

	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		s = socket(AF_INET6, type, 0);
		show("type %d: bind to IPv4 %d", type, ERR(bind(s, (void *)&v4, sizeof(v4))));
		close(s);
	}
	u = socket(AF_INET, SOCK_DGRAM, 0);
	show("a short name: %d, no group: %d", ERR(sendto(u, "x", 1, 0, (void *)&v4, 4)), ERR(setsockopt(u, IPPROTO_IP, IP_ADD_MEMBERSHIP, &nothing, sizeof(nothing))));
	close(u);
}

/* Who is accepted after its reset still has a name. */
static void accepted_late(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, peer;
	int l = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0), c;
	struct pollfd p = { l, POLLIN, 0 }, q = { -1, POLLHUP, 0 };
	socklen_t len = sizeof(a);

	bind(l, (void *)&a, sizeof(a));
	listen(l, 1);
	getsockname(l, (void *)&a, &len);
	connect(s, (void *)&a, sizeof(a));
	poll(&p, 1, -1);
	setsockopt(s, SOL_SOCKET, SO_LINGER, (int[]){ 1, 0 }, 2 * sizeof(int));
	close(s);
	len = sizeof(peer);
	c = accept(l, (void *)&peer, &len);
	q.fd = c;
	poll(&q, 1, -1);
	show("accepted: name of %d, family %d; getpeername %d", (int)len, peer.sin_family, ERR(getpeername(c, (void *)&peer, &len)));
	close(c);
	close(l);
}

int main(void)
{
	umask(0);
	unix_names();
	unix_files(SOCK_STREAM);
	unix_files(SOCK_SEQPACKET);
	unix_interfaces();
	futexes();
	directories();
	accesses();
	no_search();
	sealed();
	memory();
	other_memory();
	schedulers();
	proc();
	network();
	families();
	accepted_late();
	return test_end();
}
