/* SPDX-License-Identifier: MIT
 *
 * The EROFS reader against images of every kind that mkfs.erofs 1.5 makes: the whole tree is compared with the directory it was made from; then damaged images, which must
 * give errors.
 */
/* sources: fs/erofs.c fs/erofs-dir.c fs/erofs-z.c libc/crc32c.c libc/lz4.c tests/host/fake-special.c */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/erofs.h"
#include "libc/errno.h"
#include "libc/lz4.h"
#include "libc/print.h"
#undef snprintf

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
			exit(1); \
		} \
	} while (0)

static char dir[] = "/tmp/samara-erofs-XXXXXX";
static unsigned nr_files;

static void run(const char *fmt, const char *arg)
{
	char cmd[2048];

	snprintf(cmd, sizeof(cmd), fmt, dir, arg);
	if (system(cmd)) {
		fprintf(stderr, "failed: %s\n", cmd);
		exit(1);
	}
}

static uint8_t *load(size_t *size)
{
	char path[64];
	uint8_t *p;
	FILE *f;

	snprintf(path, sizeof(path), "%s/image", dir);
	f = fopen(path, "rb");
	CHECK(f);
	fseek(f, 0, SEEK_END);
	*size = (size_t)ftell(f);
	rewind(f);
	p = aligned_alloc(4096, *size);
	CHECK(p && fread(p, 1, *size, f) == *size);
	fclose(f);
	return p;
}

static void compare_file(struct erofs *e, const struct erofs_inode *in, const char *path)
{
	uint8_t *want = malloc(in->size + 1), *got = malloc(in->size + 8192);
	size_t chunk[] = { 4096, 1, 7777, 100000 };
	FILE *f = fopen(path, "rb");

	CHECK(f && fread(want, 1, in->size, f) == in->size && fgetc(f) == EOF);
	fclose(f);
	CHECK(!erofs_read(e, in, 0, got, in->size + 100));
	CHECK(!memcmp(got, want, in->size) && !got[in->size] && !got[in->size + 99]);
	for (unsigned c = 0; c < 4; c++) {
		if (chunk[c] == 1 && in->size > 600)
			continue;
		for (uint64_t off = 0; off < in->size; off += chunk[c]) {
			size_t n = MIN(chunk[c], in->size - off);

			CHECK(!erofs_read(e, in, off, got, n) && !memcmp(got, want + off, n));
		}
	}
	for (uint64_t idx = 0; idx < DIV_ROUND_UP(in->size, 4096); idx++) {
		const uint8_t *p = erofs_page_in_place(e, in, idx);

		CHECK(!p || !memcmp(p, want + idx * 4096, MIN(4096ul, in->size - idx * 4096)));
	}
	free(want);
	free(got);
	nr_files++;
}

static void compare_tree(struct erofs *e, uint64_t nid, const char *path)
{
	struct erofs_dirent d = { 0 };
	struct erofs_inode in, child;
	unsigned nr = 0, nr_host = 0;
	struct dirent *h;
	DIR *host = opendir(path);

	CHECK(host && !erofs_get_inode(e, nid, &in));
	while ((h = readdir(host)) != NULL) {
		char sub[4096], target[4096] = "";
		struct stat st;
		uint64_t found;

		if (!strcmp(h->d_name, ".") || !strcmp(h->d_name, ".."))
			continue;
		nr_host++;
		snprintf(sub, sizeof(sub), "%s/%s", path, h->d_name);
		CHECK(!lstat(sub, &st));
		CHECK(!erofs_lookup(e, &in, h->d_name, strlen(h->d_name), &found));
		CHECK(!erofs_get_inode(e, found, &child));
		CHECK(child.mode == st.st_mode && child.uid == st.st_uid && child.nlink == st.st_nlink);
		if (S_ISDIR(st.st_mode)) {
			compare_tree(e, found, sub);
		} else if (S_ISREG(st.st_mode)) {
			CHECK(child.size == (uint64_t)st.st_size);
			compare_file(e, &child, sub);
		} else if (S_ISLNK(st.st_mode)) {
			char got[4096] = "";

			CHECK(readlink(sub, target, sizeof(target) - 1) == (ssize_t)child.size);
			CHECK(!erofs_read(e, &child, 0, got, child.size) && !strcmp(got, target));
		}
	}
	closedir(host);
	while (!erofs_dir_next(e, &in, d.next, &d))
		nr++;
	CHECK(nr == nr_host);
	CHECK(erofs_lookup(e, &in, "no such", 7, &nid) == -ENOENT);
}

static void every_kind(const char *const *options)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/t", dir);
	for (; *options; options++) {
		struct erofs *e;
		size_t size;
		uint8_t *image;

		run("cd %s && rm -f image && mkfs.erofs --quiet %s image t >/dev/null 2>&1", *options);
		image = load(&size);
		nr_files = 0;
		CHECK(!erofs_open(image, size, &e));
		compare_tree(e, erofs_root(e), path);
		erofs_close(e);
		free(image);
		printf("%-50s %u files\n", *options, nr_files);
	}
}

static void expect_refused(uint8_t *image, size_t size)
{
	struct erofs *e = NULL;

	CHECK(erofs_open(image, size, &e) < 0);
}

/* What must be refused, each with its sentence. */
static void refused(void)
{
	struct erofs *e;
	size_t size;
	uint8_t *image;

	run("cd %s && rm -f image && mkfs.erofs --quiet %s image t >/dev/null 2>&1", "");
	image = load(&size);
	CHECK(!erofs_open(image, size, &e));
	erofs_close(e);
	expect_refused(image, 0);
	expect_refused(image, 1024);
	expect_refused(image, 4095);
	expect_refused(image, size - 4096);
	image[1024 + 64] ^= 1;		/* volume name: only the checksum sees it */
	expect_refused(image, size);
	image[1024 + 8] &= (uint8_t)~1u;
	CHECK(!erofs_open(image, size, &e));
	erofs_close(e);
	image[1024 + 80] |= 0x80;	/* a feature nobody knows */
	expect_refused(image, size);
	image[1024 + 80] &= 0x7f;
	image[1024 + 14] = 0xff;	/* root inode elsewhere */
	image[1024 + 15] = 0xff;
	expect_refused(image, size);
	image[1024] ^= 1;
	expect_refused(image, size);
	free(image);
}

static void lz4(void)
{
	/* "aaaaaaaaaaaabcde": one literal, a match of 11 at distance 1, then literals. */
	static const uint8_t block[] = { 0x17, 'a', 1, 0, 0x40, 'b', 'c', 'd', 'e' };
	uint8_t out[64];

	CHECK(lz4_decode(block, sizeof(block), out, sizeof(out)) == 16);
	CHECK(!memcmp(out, "aaaaaaaaaaaabcde", 16));
	CHECK(lz4_decode(block, sizeof(block), out, 5) == 5);
	CHECK(lz4_decode((const uint8_t[]){ 0x17, 'a', 2, 0 }, 4, out, 64) == -1);	/* before the start */
	CHECK(lz4_decode((const uint8_t[]){ 0x17, 'a', 0, 0 }, 4, out, 64) == -1);	/* distance 0 */
	CHECK(lz4_decode((const uint8_t[]){ 0xf0, 255 }, 2, out, 64) == -1);
	CHECK(lz4_decode((const uint8_t[]){ 0x30, 'a' }, 2, out, 64) == -1);
	CHECK(lz4_decode((const uint8_t[]){ 0x10, 'a', 1 }, 3, out, 64) == -1);
}

int main(void)
{
	static const char *const options[] = {
		"", "-E force-inode-extended", "-E force-inode-compact", "-T0", "--chunksize=4096", "--chunksize=65536", "-Enosbcrc",
		"-zlz4", "-zlz4hc,12", "-zlz4 -Elegacy-compress", "-zlz4 -C65536", "-zlz4hc -C16384 -Elegacy-compress", "-zlz4 -Enoinline_data", NULL,
	};

	lz4();
	if (system("command -v mkfs.erofs >/dev/null 2>&1") != 0) {
		puts("skipped: no mkfs.erofs");
		return 0;
	}
	CHECK(mkdtemp(dir));
	run("cd %s && mkdir -p t/a/b/c t/many && cd t && ln -s a/b/c link && : >empty && head -c 5000 /dev/urandom >random && "
	    "head -c 300000 /dev/zero >zeros && seq 1 30000 >numbers && head -c 400000 /bin/bash >bash && head -c 4096 /dev/zero >page && "
	    "head -c 4097 /dev/urandom | tee page1 >a/page2 && ln page1 a/b/hard && mkfifo fifo && cat /bin/ls random zeros numbers random >a/mix && "
	    "head -c 400000 /dev/urandom >a/noise && truncate -s 700000 sparse && seq 1 5 >>sparse && "
	    "for i in $(seq 1 300); do seq 1 $i >many/some-file-name-that-is-long-$i; done", "");
	every_kind(options);
	refused();
	run("rm -rf %s", "");
	puts("ok");
	return 0;
}
