/* SPDX-License-Identifier: MIT */
/*
 * A QEMU TCG plugin that counts the instructions which the guest executes, per
 * CPU, the upper half of the address space (kernels) apart from the lower. The
 * counts stand in a file that the host maps and may read at any time; while the
 * word `enabled` in it is 0 nothing is counted. A guest that sleeps executes
 * nothing, so idle time is not in it.
 *
 *   -plugin libcount.so,path=FILE
 *
 *	FILE	0	magic (written last)
 *		8	enabled, 1 at the start
 *		16	number of CPUs that ever ran
 *		64 * n	CPU n - 1: instructions below 1 << 63, and above
 *
 * Counted are whole translation blocks as they begin. A block that an exception
 * leaves early (a page fault, not a system call, which ends its block) counts
 * in full, and again when it goes on.
 *
 * The interface is QEMU's (docs/devel/tcg-plugins.rst, version 1 as in 7.2).
 * Debian packages no header for it: what is used of it is declared here.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define MAGIC 0x53414d434f554e54ull
#define MAX_CPUS 64
#define FILE_SIZE ((MAX_CPUS + 1) * 64)

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
						  void (*cb)(qemu_plugin_id_t id,
							     struct qemu_plugin_tb *tb));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
						 void (*cb)(unsigned int cpu, void *data),
						 enum qemu_plugin_cb_flags flags, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

EXPORT int qemu_plugin_version = 1;

/* One cache line; only the CPU's own thread writes it. */
struct cpu_count {
	uint64_t low, high;
	uint64_t unused[6];
};

struct counts {
	uint64_t magic;
	uint64_t enabled; /* the host writes it */
	uint64_t nr_cpus;
	uint64_t unused[5];
	struct cpu_count cpus[MAX_CPUS];
};
_Static_assert(sizeof(struct counts) == FILE_SIZE, "as bench/count.py reads it");

static struct counts *counts;

static void executed(unsigned int cpu, void *data)
{
	uint64_t number = (uintptr_t)data >> 1;

	if (cpu >= MAX_CPUS || !__atomic_load_n(&counts->enabled, __ATOMIC_RELAXED))
		return;
	uint64_t *count = (uintptr_t)data & 1 ? &counts->cpus[cpu].high : &counts->cpus[cpu].low;
	__atomic_store_n(count, *count + number, __ATOMIC_RELAXED);
	/* Wrong only for an instant when two CPUs start together; the higher one writes it again. */
	if (counts->nr_cpus <= cpu)
		__atomic_store_n(&counts->nr_cpus, cpu + 1, __ATOMIC_RELAXED);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uintptr_t data = qemu_plugin_tb_n_insns(tb) << 1 | qemu_plugin_tb_vaddr(tb) >> 63;

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, (void *)data);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	const char *path = NULL;

	(void)info;
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "path=", 5) == 0)
			path = argv[i] + 5;
	if (path == NULL) {
		fprintf(stderr, "libcount: give path=FILE\n");
		return -1;
	}
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, FILE_SIZE) != 0) {
		perror(path);
		return -1;
	}
	void *map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		perror(path);
		return -1;
	}
	counts = map;
	counts->enabled = 1;
	__atomic_store_n(&counts->magic, MAGIC, __ATOMIC_RELEASE); /* release: enabled before magic. Pairs: Counter in bench/count.py */
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
