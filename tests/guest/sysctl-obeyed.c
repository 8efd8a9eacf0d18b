/* SPDX-License-Identifier: MIT */
/*
 * Settings in /proc/sys that the system obeys: each is changed, what it governs is tried, and it is put back.
 */
#include "test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

static void put(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		show("%s <- %s: %s", name, value, strerrorname_np(errno));
	close(fd);
}

static int option(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	getsockopt(fd, level, name, &v, &len);
	return v;
}

static void buffers(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b, v = 1 << 20;

	setsockopt(a, SOL_SOCKET, SO_RCVBUF, &v, sizeof(v));
	setsockopt(a, SOL_SOCKET, SO_SNDBUF, &v, sizeof(v));
	show("rmem_max, wmem_max: %d %d", option(a, SOL_SOCKET, SO_RCVBUF), option(a, SOL_SOCKET, SO_SNDBUF));
	put("net/core/rmem_max", "500000");
	put("net/core/wmem_max", "600000");
	setsockopt(a, SOL_SOCKET, SO_RCVBUF, &v, sizeof(v));
	setsockopt(a, SOL_SOCKET, SO_SNDBUF, &v, sizeof(v));
	show("changed: %d %d", option(a, SOL_SOCKET, SO_RCVBUF), option(a, SOL_SOCKET, SO_SNDBUF));
	setsockopt(a, SOL_SOCKET, SO_RCVBUFFORCE, &v, sizeof(v));
	setsockopt(a, SOL_SOCKET, SO_SNDBUFFORCE, &v, sizeof(v));
	show("by force: %d %d", option(a, SOL_SOCKET, SO_RCVBUF), option(a, SOL_SOCKET, SO_SNDBUF));
	put("net/core/rmem_default", "100000");
	put("net/core/wmem_default", "110000");
	b = socket(AF_INET, SOCK_DGRAM, 0);
	show("defaults: %d %d", option(b, SOL_SOCKET, SO_RCVBUF), option(b, SOL_SOCKET, SO_SNDBUF));
	put("net/core/rmem_max", "2303");
	put("net/core/wmem_max", "4607");
	put("net/core/rmem_max", "212992");
	put("net/core/wmem_max", "212992");
	put("net/core/rmem_default", "212992");
	put("net/core/wmem_default", "212992");
	close(a), close(b);
}

static int port_of(int fd)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);

	getsockname(fd, (struct sockaddr *)&name, &len);
	return ntohs(name.sin_port);
}

static void ports(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
	int udp[6], nr = 0, tcp = socket(AF_INET, SOCK_STREAM, 0);

	put("net/ipv4/ip_local_port_range", "40000 40003\n");
	for (unsigned i = 0; i < ARRAY_LEN(udp); i++) {
		udp[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (bind(udp[i], (struct sockaddr *)&any, sizeof(any)) == 0)
			nr += port_of(udp[i]) >= 40000 && port_of(udp[i]) <= 40003;
		else if (i == ARRAY_LEN(udp) - 1)
			show("no port is left: %s", strerrorname_np(errno));
	}
	check("four ports of four", nr == 4);
	check("TCP", bind(tcp, (struct sockaddr *)&any, sizeof(any)) == 0 && port_of(tcp) >= 40000 && port_of(tcp) <= 40003);
	put("net/ipv4/ip_local_port_range", "5 4");
	put("net/ipv4/ip_local_port_range", "0 60999");
	put("net/ipv4/ip_local_port_range", "1 65536");
	put("net/ipv4/ip_local_port_range", "32768 60999");
	for (unsigned i = 0; i < ARRAY_LEN(udp); i++)
		close(udp[i]);
	close(tcp);
}

static void inet(void)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(7777) };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(7777) };
	int a = socket(AF_INET, SOCK_DGRAM, 0), b, c;

	show("ttl %d", option(a, IPPROTO_IP, IP_TTL));
	put("net/ipv4/ip_default_ttl", "99");
	show("ttl %d", option(a, IPPROTO_IP, IP_TTL));
	put("net/ipv4/ip_default_ttl", "0");
	put("net/ipv4/ip_default_ttl", "256");
	put("net/ipv4/ip_default_ttl", "64");
	put("net/ipv6/bindv6only", "1");
	b = socket(AF_INET6, SOCK_DGRAM, 0);
	c = socket(AF_INET, SOCK_DGRAM, 0);
	show("only IPv6: %d", option(b, IPPROTO_IPV6, IPV6_V6ONLY));
	check("both may have the port", bind(b, (struct sockaddr *)&any6, sizeof(any6)) == 0 && bind(c, (struct sockaddr *)&any, sizeof(any)) == 0);
	put("net/ipv6/bindv6only", "2");
	put("net/ipv6/bindv6only", "0");
	close(b), close(c);
	b = socket(AF_INET6, SOCK_DGRAM, 0);
	show("only IPv6: %d", option(b, IPPROTO_IPV6, IPV6_V6ONLY));
	close(a), close(b);
}

static void limits(void)
{
	struct rlimit l = { 1024, 1048577 };
	int nr = 0;

	check_errno("more descriptors than nr_open", setrlimit(RLIMIT_NOFILE, &l), EPERM);
	put("fs/nr_open", "2097152");
	check("more descriptors", setrlimit(RLIMIT_NOFILE, &l) == 0);
	put("fs/nr_open", "7");
	put("fs/nr_open", "1048576");
	l.rlim_max = 4096;
	setrlimit(RLIMIT_NOFILE, &l);

	put("vm/max_map_count", "100");
	for (; nr < 200; nr++)
		if (mmap(NULL, 4096, nr & 1 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			break;
	check("too many areas", nr < 100 && errno == ENOMEM);
	put("vm/max_map_count", "65530");
	check("enough again", mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

int main(void)
{
	buffers();
	ports();
	inet();
	limits();
	return test_end();
}
