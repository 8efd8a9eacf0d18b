// SPDX-License-Identifier: MIT
/* /etc/resolv.conf (resolv.conf(5)): name servers of all sources, the given ones first. A file that the image brought with content of its own is left alone. */
#include "fs/vfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "net/config.h"
#include "sched/mutex.h"

#define NR_SOURCES	3u
#define MARK		"# written by Samara"

static struct mutex lock;
static struct {
	struct ip_addr servers[RESOLV_MAX];
	unsigned nr;
	char search[128];
} sources[NR_SOURCES];			/* [lock] */

static ssize_t move(struct file *f, char *buf, size_t len, bool is_write)
{
	struct iovec iov;
	uint64_t pos = 0;
	struct uio u;

	uio_init(&u, &iov, buf, len, true);
	return is_write ? file_write(f, &u, &pos) : file_read(f, &u, &pos);
}

/* True: absent, empty, or ours. */
static bool may_write(struct fs_context *ctx)
{
	char buf[512];
	struct file *f;
	ssize_t n;

	if (vfs_open(ctx, NULL, "/etc/resolv.conf", O_RDONLY, 0, &f))
		return true;
	n = move(f, buf, sizeof(buf) - 1, false);
	file_put(f);
	if (n <= 0)
		return true;
	buf[n] = 0;
	return !strstr(buf, "nameserver") || !strncmp(buf, MARK, strlen(MARK));
}

/* lock held. */
static size_t compose(char *buf, size_t size)
{
	size_t n = (size_t)snprintf(buf, size, MARK "\n");
	char text[IP_TEXT_LEN];

	for (unsigned s = 0; s < NR_SOURCES; s++) {
		if (sources[s].search[0] && n < size)
			n += (size_t)snprintf(buf + n, size - n, "search %s\n", sources[s].search);
		for (unsigned i = 0; i < sources[s].nr && n < size; i++)
			n += (size_t)snprintf(buf + n, size - n, "nameserver %s\n", ip_to_text(&sources[s].servers[i], text));
	}
	return MIN(n, size);
}

void resolv_set(unsigned source, const struct ip_addr *servers, unsigned nr, const char *search)
{
	struct fs_context *ctx;
	struct file *f;
	char buf[1024];
	size_t n;

	mutex_lock(&lock);
	sources[source].nr = MIN(nr, (unsigned)RESOLV_MAX);
	memcpy(sources[source].servers, servers, sources[source].nr * sizeof(*servers));
	strlcpy(sources[source].search, search ? search : "", sizeof(sources[source].search));
	n = compose(buf, sizeof(buf));
	if (!fs_context_create(&ctx)) {
		if (may_write(ctx)) {
			(void)vfs_mkdir(ctx, NULL, "/etc", 0755);
			if (!vfs_open(ctx, NULL, "/etc/resolv.conf", O_WRONLY | O_CREAT | O_TRUNC, 0644, &f)) {
				(void)move(f, buf, n, true);
				file_put(f);
			}
		}
		fs_context_put(ctx);
	}
	mutex_unlock(&lock);
}
