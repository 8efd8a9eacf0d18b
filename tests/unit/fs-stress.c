/* SPDX-License-Identifier: MIT
 *
 * Four threads on one small tree: every call of the VFS at random, so that lookups meet renames, truncations meet reads, the cache's trimmer meets everybody. What RCU defers is
 * freed between the rounds, when no thread is inside; everything else is freed at once, so that AddressSanitizer sees a use without a reference. In the end nothing may
 * be left.
 */
/* sources: fs/uio.c fs/file.c fs/async.c fs/fdtable.c fs/vnode.c fs/dentry.c fs/path.c fs/path-cache.c fs/vfs-open.c fs/vfs-names.c fs/vfs-attr.c fs/vfs-context.c fs/mount.c fs/mount-proc.c fs/bind.c fs/erofs.c fs/erofs-dir.c fs/erofs-z.c fs/tmpfs.c fs/tmpfs-dir.c fs/tmpfs-file.c fs/tmpfs-clean.c fs/pagecache.c fs/devfs.c fs/pseudo.c fs/pseudo-tree.c fs/sysctl.c fs/text.c fs/proc-fd.c fs/locks.c fs/record-tree.c fs/inotify.c fs/pipe.c fs/special.c fs/poll.c fs/epoll.c libc/crc32c.c libc/lz4.c libc/rbtree.c sched/poller.c fs/cred.c fs/permission.c fs/anon-attr.c tests/host/fake-special.c tests/host/fake-fs.c */
#include <pthread.h>
#include <unistd.h>

#include "tests/host/vfs-env.h"

#include "fs/tmpfs-priv.h"

#define NR_THREADS	4
#define NR_ROUNDS	40
#define OPS		400

/* ---- RCU: deferred until the round is over ------------------------------------------------------------------------------------------ */

static struct mpsc deferred;

void rcu_defer(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
	head->fn = fn;
	mpsc_push(&deferred, &head->node);
}

void rcu_synchronize(void)
{
}

static void run_deferred(void)
{
	struct mpsc_node *n, *next;

	while ((n = mpsc_take_newest_first(&deferred)) != NULL)
		for (; n; n = next) {
			struct rcu_head *h = container_of(n, struct rcu_head, node);

			next = n->next;
			h->fn(h);
		}
}

/* ---- operations ------------------------------------------------------------------------------------------------------------------ */

static unsigned rnd(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

static const char *some_path(unsigned *seed, char *buf)
{
	static const char *const dirs[] = { "", "/a", "/b", "/a/c", "/low", "/low/er", "/a/c/../c", "/low/../b" };
	static const char *const names[] = { "x", "y", "z", "a", "b", "c", "er", "one", "two", "link" };

	sprintf(buf, "/w%s/%s", dirs[rnd(seed, 8)], names[rnd(seed, 10)]);
	return buf;
}

static void use_file(struct file *f, unsigned *seed)
{
	static __thread char buf[20000];
	struct lister l = { { list_emit }, buf, 5 };
	struct vm_object *o;
	struct vm_page p;

	switch (rnd(seed, 7)) {
	case 0:
	case 1:
		rw(f, buf, rnd(seed, sizeof(buf)), rnd(seed, 30000), false);
		break;
	case 2:
	case 3:
		rw(f, buf, rnd(seed, sizeof(buf)), rnd(seed, 30000), true);
		break;
	case 4:
		if (f->ops->truncate)
			f->ops->truncate(f, rnd(seed, 30000));
		break;
	case 5:
		if (!f->ops->map || f->ops->map(f, 0, 4096, 3, rnd(seed, 2), &o))
			break;
		if (!o->ops->get_page(o, rnd(seed, 6), rnd(seed, 2), &p)) {
			buf[0] = *(volatile char *)(uintptr_t)p.pa;
			page_put(p.pa);
		}
		o->ops->name(o, buf, sizeof(buf));
		o->ops->unref(o);
		break;
	default:
		if (f->ops->getdents)
			f->ops->getdents(f, &l.sink);
		if (f->ops->allocate)
			f->ops->allocate(f, 3, rnd(seed, 10000), 1 + rnd(seed, 10000));
		file_path(ctx, f, buf, sizeof(buf));
		break;
	}
}

static void operate(unsigned *seed)
{
	static const unsigned flags[] = { O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_TRUNC, O_RDONLY | O_PATH };
	char p[128], q[128];
	struct stat_info st;
	struct file *f;

	some_path(seed, p);
	some_path(seed, q);
	switch (rnd(seed, 14)) {
	case 0:
		vfs_mkdir(ctx, NULL, p, 0755);
		break;
	case 1:
		vfs_unlink(ctx, NULL, p, true);
		break;
	case 2:
		vfs_unlink(ctx, NULL, p, false);
		break;
	case 3:
	case 4:
		vfs_rename(ctx, NULL, p, NULL, q, rnd(seed, 3));
		break;
	case 5:
		vfs_link(ctx, NULL, p, NULL, q, 0);
		break;
	case 6:
		vfs_symlink(ctx, "../a/c", NULL, p);
		break;
	case 7:
	case 8:
		vfs_stat(ctx, NULL, p, 0, &st);
		break;
	case 9:
		vfs_chmod(ctx, NULL, p, 0700 + rnd(seed, 64), 0);
		break;
	default:
		if (vfs_open(ctx, NULL, p, flags[rnd(seed, 6)], 0644, &f))
			break;
		for (unsigned i = rnd(seed, 4); i; i--)
			use_file(f, seed);
		file_put(f);
		break;
	}
}

static void *worker(void *arg)
{
	for (int i = 0; i < OPS; i++)
		operate(arg);
	return NULL;
}

/* Remove everything below path. */
static void clear(const char *path)
{
	char *list = strdup(names(path, 0)), *save, sub[512];

	for (char *n = strtok_r(list, " ", &save); n; n = strtok_r(NULL, " ", &save)) {
		sprintf(sub, "%s/%s", path, n);
		if (vnode_dtype(stat_of(sub).mode) == DT_DIR) {
			clear(sub);
			CHECK_OK(vfs_unlink(ctx, NULL, sub, true));
		} else {
			CHECK_OK(vfs_unlink(ctx, NULL, sub, false));
		}
	}
	free(list);
}

int main(void)
{
	unsigned seeds[NR_THREADS] = { 1, 2, 3, 4 };
	pthread_t threads[NR_THREADS];
	struct tmpfs *fs;

	alarm(100);
	mount_image("mkdir -p w/low/er && head -c 9000 /dev/zero | tr '\\0' l >w/low/one && seq 1 5000 >w/low/er/two && ln -s er w/low/link", "");
	fs = container_of(vfs_root->vnode->super, struct tmpfs, super);
	for (int round = 0; round < NR_ROUNDS; round++) {
		for (int i = 0; i < NR_THREADS; i++)
			CHECK_OK(pthread_create(&threads[i], NULL, worker, &seeds[i]));
		for (int i = 0; i < NR_THREADS; i++)
			CHECK_OK(pthread_join(threads[i], NULL));
		run_deferred();
		if (round % 8 == 7)
			clear("/w");
	}
	run_deferred();
	/* Root, /w, and the mount points: what is left in memory has a name or a dentry; no page is. */
	CHECK_EQ(strlen(names("/w", 0)), 0);
	CHECK_EQ(stat_of("/w").nlink, 2);
	CHECK_EQ(fs->nr_pages, 0);
	/* Removed directories stay as long as the cache has names in them that did not exist. */
	dentry_drop_mount(vfs_root->mount);
	run_deferred();
	CHECK(fs->nr_nodes + fs->nr_lower < 12);
	puts("ok");
	return 0;
}
