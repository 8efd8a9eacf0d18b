/* SPDX-License-Identifier: MIT */
/*
 * Threads that do every file operation at random on one small tree: lookups meet
 * renames, truncations meet mappings, writers meet readers. Nothing is compared
 * but that all come through, and that the tree can be removed afterwards.
 *
 * files OPERATIONS THREADS
 */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

static long nr_operations;

static unsigned pick(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % n;
}

static const char *some_path(unsigned *seed, char *buf)
{
	static const char *const dirs[] = { "", "/a", "/b", "/a/c", "/d", "/d/e", "/a/c/../c", "/d/../b" };
	static const char *const names[] = { "x", "y", "z", "a", "b", "c", "d", "e", "one", "link" };

	sprintf(buf, "w%s/%s", dirs[pick(seed, 8)], names[pick(seed, 10)]);
	return buf;
}

/* Through a pipe, so that a page that is truncated meanwhile gives EFAULT instead of SIGBUS. */
static void use_mapping(int fd, unsigned *seed)
{
	struct stat st;
	int ends[2];
	char *p;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size == 0 || pipe2(ends, O_NONBLOCK))
		return;
	p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, pick(seed, 2) ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	if (p != MAP_FAILED) {
		if (write(ends[1], p + pick(seed, st.st_size), 1) == 1 && read(ends[0], p + pick(seed, st.st_size), 1) < 0)
			errno = 0;
		munmap(p, st.st_size);
	}
	close(ends[0]);
	close(ends[1]);
}

static void use_file(int fd, unsigned *seed)
{
	static __thread char buf[20000];
	char link[64];
	ssize_t n = 0;

	switch (pick(seed, 9)) {
	case 0:
	case 1:
		n = pread(fd, buf, pick(seed, sizeof(buf)), pick(seed, 30000));
		break;
	case 2:
	case 3:
		n = pwrite(fd, buf, pick(seed, sizeof(buf)), pick(seed, 30000));
		break;
	case 4:
		n = ftruncate(fd, pick(seed, 30000));
		break;
	case 5:
		use_mapping(fd, seed);
		break;
	case 6:
		n = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pick(seed, 10000), 1 + pick(seed, 10000));
		break;
	case 7:
		sprintf(link, "/proc/self/fd/%d", fd);
		n = readlink(link, buf, sizeof(buf));
		break;
	default:
		n = lseek(fd, pick(seed, 10000), pick(seed, 5));
		break;
	}
	(void)n;
}

static void open_and_use(const char *path, unsigned *seed)
{
	static const int flags[] = { O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_TRUNC, O_PATH };
	int fd = open(path, flags[pick(seed, 6)], 0644);

	if (fd < 0)
		return;
	for (unsigned i = pick(seed, 4); i; i--)
		use_file(fd, seed);
	close(fd);
}

static void operate(unsigned *seed)
{
	char p[64], q[64];
	struct stat st;
	int r = 0;
	DIR *d;

	some_path(seed, p);
	some_path(seed, q);
	switch (pick(seed, 15)) {
	case 0:
		r = mkdir(p, 0755);
		break;
	case 1:
		r = rmdir(p);
		break;
	case 2:
		r = unlink(p);
		break;
	case 3:
	case 4:
		r = syscall(SYS_renameat2, AT_FDCWD, p, AT_FDCWD, q, pick(seed, 3));
		break;
	case 5:
		r = link(p, q);
		break;
	case 6:
		r = symlink("../a/c", p);
		break;
	case 7:
	case 8:
		r = stat(p, &st);
		break;
	case 9:
		r = chmod(p, 0700);
		break;
	case 10:
		d = opendir(p);
		while (d && readdir(d))
			;
		if (d)
			closedir(d);
		break;
	default:
		open_and_use(p, seed);
		break;
	}
	(void)r;
}

static void *worker(void *arg)
{
	for (long i = 0; i < nr_operations; i++)
		operate(arg);
	return NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

int main(int argc, char **argv)
{
	int nr = argc > 2 ? atoi(argv[2]) : 4;
	char dir[] = "/tmp/stress-XXXXXX";
	pthread_t threads[64];
	unsigned seeds[64];

	nr_operations = argc > 1 ? atol(argv[1]) : 1000;
	need(nr <= 64 && mkdtemp(dir) && chdir(dir) == 0 && mkdir("w", 0755) == 0);
	for (int i = 0; i < nr; i++) {
		seeds[i] = i * 7 + 1;
		need(pthread_create(&threads[i], NULL, worker, &seeds[i]) == 0);
	}
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	check("all came through", true);
	check("the tree can be removed", nftw("w", remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
	return test_end();
}
