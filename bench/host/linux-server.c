/* SPDX-License-Identifier: MIT */
/*
 * The first process of Linux as an opponent in bench/servers.py: loads modules,
 * mounts the same EROFS image that Samara gets, configures eth0 and becomes the
 * server. /command: first line "ADDRESS NETMASK" or empty, second line the modules in
 * order, third line VARIABLE=VALUE..., fourth line PROGRAM ARGUMENT...; words
 * encoded as in docs/command-line.md.
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_WORDS 64

static _Noreturn void fail(const char *what)
{
	printf("linux-server: %s: %s\n", what, strerror(errno));
	sleep(2); /* the console is slow */
	exit(1);
}

/* The next line as words, decoded in place, NULL at the end. */
static void read_words(FILE *file, char *words[MAX_WORDS])
{
	char *line = NULL;
	size_t size = 0;
	int nr = 0;

	if (getline(&line, &size, file) < 0)
		fail("/command is short");
	line[strcspn(line, "\n")] = '\0';
	for (char *word = strtok(line, " "); word != NULL && nr < MAX_WORDS - 1; word = strtok(NULL, " ")) {
		char *out = word;
		words[nr++] = word;
		for (char *in = word; *in != '\0';) {
			unsigned int byte;
			if (in[0] == '%' && in[1] != '\0' && sscanf(in + 1, "%2x", &byte) == 1) {
				*out++ = (char)byte;
				in += 3;
			} else if (*in == '%') {
				in++;
			} else {
				*out++ = *in++;
			}
		}
		*out = '\0';
	}
	words[nr] = NULL;
}

static void load_modules(char *const modules[])
{
	for (int i = 0; modules[i] != NULL; i++) {
		int fd = open(modules[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
			fail(modules[i]);
		close(fd);
	}
}

static void set_address(int sock, unsigned long request, const char *name, const char *text)
{
	struct ifreq req = { 0 };
	struct sockaddr_in address = { .sin_family = AF_INET };

	strcpy(req.ifr_name, name);
	inet_pton(AF_INET, text, &address.sin_addr);
	memcpy(&req.ifr_addr, &address, sizeof(address));
	if (ioctl(sock, request, &req) != 0)
		fail(text);
}

static void bring_up(int sock, const char *name)
{
	struct ifreq req = { 0 };

	strcpy(req.ifr_name, name);
	if (ioctl(sock, SIOCGIFFLAGS, &req) != 0)
		fail(name);
	req.ifr_flags |= IFF_UP;
	if (ioctl(sock, SIOCSIFFLAGS, &req) != 0)
		fail(name);
}

static void mount_root(void)
{
	static const char *const writable[] = { "/root/tmp", "/root/run", "/root/var", "/root/root" };

	mkdir("/root", 0755);
	if (mount("/dev/vda", "/root", "erofs", MS_RDONLY, NULL) != 0)
		fail("/dev/vda");
	if (mount("devtmpfs", "/root/dev", "devtmpfs", 0, NULL) != 0 || mount("proc", "/root/proc", "proc", 0, NULL) != 0 ||
	    mount("sysfs", "/root/sys", "sysfs", 0, NULL) != 0)
		fail("mount");
	for (size_t i = 0; i < sizeof(writable) / sizeof(writable[0]); i++)
		if (mount("tmpfs", writable[i], "tmpfs", 0, NULL) != 0)
			fail(writable[i]);
	if (chdir("/root") != 0 || chroot(".") != 0)
		fail("chroot");
	mkdir("/var/log", 0755);
	mkdir("/var/lib", 0755);
	mkdir("/var/lib/nginx", 0755);
	mkdir("/var/log/nginx", 0755);
}

int main(void)
{
	char *address[MAX_WORDS], *modules[MAX_WORDS], *environment[MAX_WORDS], *command[MAX_WORDS];

	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	FILE *file = fopen("/command", "r");
	if (file == NULL)
		fail("/command");
	read_words(file, address);
	read_words(file, modules);
	read_words(file, environment);
	read_words(file, command);
	fclose(file);
	load_modules(modules);
	mount_root();

	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bring_up(sock, "lo");
	if (address[0] != NULL) {
		set_address(sock, SIOCSIFADDR, "eth0", address[0]);
		set_address(sock, SIOCSIFNETMASK, "eth0", address[1]);
		bring_up(sock, "eth0");
	}
	close(sock);

	struct rlimit files = { 4096, 4096 };
	setrlimit(RLIMIT_NOFILE, &files);
	execve(command[0], command, environment);
	fail(command[0]);
}
