/* SPDX-License-Identifier: MIT
 *
 * Bulk transfers with checksums, for tests/net/lossy.py, on either side.
 *
 *	bulk serve PORT CONNECTIONS	a connection starts with 'S' (send to me) or 'R' (I send) and the number of bytes, 8 bytes big endian
 *	bulk send|recv ADDRESS PORT BYTES
 *	bulk				serve 7000 1: a first process has no arguments
 *
 * Every second 64 KiB are sent by sendfile(2).
 * Prints "sent BYTES CRC" or "received BYTES CRC" for each connection, CRC being the CRC-32 of IEEE 802.3, as zlib has it. The receiver of the data ends
 * the connection with one byte, so that the sender knows that all arrived.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static uint32_t table[256];
static unsigned char buf[65536];

static uint32_t crc(uint32_t c, const unsigned char *p, size_t n)
{
	c = ~c;
	while (n--)
		c = table[(c ^ *p++) & 255] ^ c >> 8;
	return ~c;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static bool send_all(int fd, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t done = send(fd, buf + at, n - at, MSG_NOSIGNAL);

		if (done < 0)
			return false;
		at += (size_t)done;
	}
	return true;
}

/* From a file that is gone when it is sent, and begins anywhere in a page. */
static bool send_file(int fd, size_t n)
{
	int file = memfd_create("bulk", 0);
	off_t at = (off_t)(n % 4099), end = at + (off_t)n;
	bool is_good = file >= 0 && pwrite(file, buf, n, at) == (ssize_t)n;

	while (is_good && at < end)
		is_good = sendfile(fd, file, &at, (size_t)(end - at)) > 0;
	close(file);
	return is_good;
}

static int send_bytes(int fd, uint64_t bytes)
{
	unsigned nr = 0;
	uint64_t x = 88172645463325252u ^ bytes, left = bytes;
	uint32_t c = 0;

	while (left > 0) {
		size_t n = left < sizeof(buf) ? (size_t)left : sizeof(buf);

		for (size_t i = 0; i < n; i++) {
			if (i % 8 == 0) {
				x ^= x << 13;
				x ^= x >> 7;
				x ^= x << 17;
			}
			buf[i] = (unsigned char)(x >> i % 8 * 8);
		}
		c = crc(c, buf, n);
		if (nr++ % 2 ? !send_file(fd, n) : !send_all(fd, n))
			return fail("send");
		left -= n;
	}
	if (recv(fd, buf, 1, 0) != 1)
		return fail("no answer of the receiver");
	printf("sent %llu %08x\n", (unsigned long long)bytes, c);
	return 0;
}

static int recv_bytes(int fd, uint64_t bytes)
{
	uint64_t left = bytes;
	uint32_t c = 0;

	while (left > 0) {
		ssize_t n = recv(fd, buf, left < sizeof(buf) ? (size_t)left : sizeof(buf), 0);

		if (n <= 0)
			return fail("recv");
		c = crc(c, buf, (size_t)n);
		left -= (uint64_t)n;
	}
	if (send(fd, "", 1, MSG_NOSIGNAL) != 1)
		return fail("send");
	printf("received %llu %08x\n", (unsigned long long)bytes, c);
	return 0;
}

static int serve(int port, int connections)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int s = socket(AF_INET6, SOCK_STREAM, 0), status = 0;

	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 8))
		return fail("listen");
	puts("ready");
	while (connections-- > 0 && status == 0) {
		int fd = accept(s, NULL, NULL);
		unsigned char head[9];
		uint64_t bytes = 0;

		if (fd < 0 || recv(fd, head, sizeof(head), MSG_WAITALL) != sizeof(head))
			return fail("accept");
		for (int i = 1; i < 9; i++)
			bytes = bytes << 8 | head[i];
		status = head[0] == 'S' ? send_bytes(fd, bytes) : recv_bytes(fd, bytes);
		close(fd);
	}
	return status;
}

static int client(char **argv)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(argv[3])) };
	char text[64];
	uint64_t bytes = strtoull(argv[4], NULL, 0);
	unsigned char head[9] = { argv[1][0] == 's' ? 'R' : 'S' };
	int fd;

	snprintf(text, sizeof(text), "%s%s", strchr(argv[2], ':') ? "" : "::ffff:", argv[2]);
	if (inet_pton(AF_INET6, text, &a.sin6_addr) != 1)
		return fail("address");
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	/* The link may lose what finds the neighbour: try again, as the machine on the other side may not be up yet. */
	for (int i = 0; connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0; i++) {
		if (i == 20)
			return fail("connect");
		close(fd);
		sleep(1);
		fd = socket(AF_INET6, SOCK_STREAM, 0);
	}
	for (int i = 0; i < 8; i++)
		head[1 + i] = (unsigned char)(bytes >> (56 - 8 * i));
	if (send(fd, head, sizeof(head), 0) != sizeof(head))
		return fail("send");
	return head[0] == 'R' ? send_bytes(fd, bytes) : recv_bytes(fd, bytes);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
		table[i] = c;
	}
	if (argc <= 1)
		return serve(7000, 1);
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve(atoi(argv[2]), atoi(argv[3]));
	return argc == 5 ? client(argv) : 2;
}
