/* SPDX-License-Identifier: MIT */
/*
 * The first process of Linux as a guest of tests/net/conformance.py: loads the modules /modules/0, 1, ... in this order, gives eth0 the addresses "ADDRESS/PREFIX" of its
 * arguments, and becomes /program. Duplicate address detection is off, so that both families answer at once, and the cache of what earlier connections met (thresholds,
 * reordering), so that scripts do not depend on each other; else nothing is changed from the kernel's defaults.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct in6_request {	/* <linux/ipv6.h>: struct in6_ifreq, which does not go with <arpa/inet.h> */
	struct in6_addr address;
	uint32_t prefix;
	int index;
};

static _Noreturn void fail(const char *what)
{
	printf("linux-guest: %s: %s\n", what, strerror(errno));
	sleep(2); /* the console is slow */
	exit(1);
}

static void load_modules(void)
{
	for (int i = 0;; i++) {
		char path[32];
		int fd;

		sprintf(path, "/modules/%d", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		if (syscall(SYS_finit_module, fd, "", 0) != 0)
			fail(path);
		close(fd);
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

static void bring_up(int sock, const char *name)
{
	struct ifreq req = { 0 };

	strcpy(req.ifr_name, name);
	req.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(sock, SIOCSIFFLAGS, &req) != 0)
		fail(name);
}

static void set_address4(int sock, const char *text, int prefix)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct ifreq req = { .ifr_name = "eth0" };

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		fail(text);
	memcpy(&req.ifr_addr, &address, sizeof(address));
	if (ioctl(sock, SIOCSIFADDR, &req) != 0)
		fail(text);
	address.sin_addr.s_addr = htonl(~0u << (32 - prefix));
	memcpy(&req.ifr_addr, &address, sizeof(address));
	if (ioctl(sock, SIOCSIFNETMASK, &req) != 0)
		fail(text);
}

static void set_address6(const char *text, int prefix)
{
	int sock = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct in6_request req = { .prefix = (uint32_t)prefix, .index = (int)if_nametoindex("eth0") };

	if (inet_pton(AF_INET6, text, &req.address) != 1 || ioctl(sock, SIOCSIFADDR, &req) != 0)
		fail(text);
	close(sock);
}

int main(int argc, char **argv)
{
	int sock;

	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	load_modules();
	write_file("/proc/sys/net/ipv6/conf/eth0/accept_dad", "0");
	write_file("/proc/sys/net/ipv4/tcp_no_metrics_save", "1");
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bring_up(sock, "lo");
	bring_up(sock, "eth0");
	for (int i = 1; i < argc; i++) {
		char *slash = strchr(argv[i], '/');

		if (slash == NULL)
			continue;
		*slash = '\0';
		if (strchr(argv[i], ':') != NULL)
			set_address6(argv[i], atoi(slash + 1));
		else
			set_address4(sock, argv[i], atoi(slash + 1));
	}
	close(sock);
	execl("/program", "/program", (char *)NULL);
	fail("/program");
}
