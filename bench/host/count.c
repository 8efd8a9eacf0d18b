/* SPDX-License-Identifier: MIT */
/*
 * A QEMU TCG plugin that counts the instructions which the guest executes, per
 * CPU, the upper half of the address space (kernels) apart from the lower. The
 * counts stand in a file that the host maps and may read at any time; while the
 * word `enabled` in it is 0 nothing is counted. A guest that sleeps executes
 * nothing, so idle time is not in it.
 *
 *   -plugin libcount.so,path=FILE[,profile=FILE]
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
 * With profile=FILE also how often each instruction was executed, from the start:
 * FILE is a hash table of PROFILE_SLOTS pairs of address (0: free) and number.
 * These are plain additions by all CPUs: exact with one CPU only.
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
#define PROFILE_SLOTS (1u << 20) /* as in bench/flat.py */

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
						  void (*cb)(qemu_plugin_id_t id,
							     struct qemu_plugin_tb *tb));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
						 void (*cb)(unsigned int cpu, void *data),
						 enum qemu_plugin_cb_flags flags, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						       enum qemu_plugin_op op, void *word,
						       uint64_t immediate);

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

struct profiled {
	uint64_t address, number;
};

static struct counts *counts;
static struct profiled *profile; /* NULL: not wanted */
static unsigned int profile_used;

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

/* Where an instruction is counted, NULL if the table is full. QEMU translates one block at a time. */
static uint64_t *profile_word(uint64_t address)
{
	uint32_t slot = (uint32_t)((address >> 2) * 0x9e3779b97f4a7c15ull >> 40) % PROFILE_SLOTS;

	while (profile[slot].address != 0 && profile[slot].address != address)
		slot = (slot + 1) % PROFILE_SLOTS;
	if (profile[slot].address == 0) {
		if (profile_used == PROFILE_SLOTS / 2)
			return NULL;
		profile_used++;
		profile[slot].address = address;
	}
	return &profile[slot].number;
}

static void profile_block(struct qemu_plugin_tb *tb)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t *word = profile_word(qemu_plugin_insn_vaddr(insn));

		if (word != NULL)
			qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, word, 1);
	}
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uintptr_t data = qemu_plugin_tb_n_insns(tb) << 1 | qemu_plugin_tb_vaddr(tb) >> 63;

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, (void *)data);
	if (profile != NULL)
		profile_block(tb);
}

/* `size` bytes of a new file, shared with the host; NULL if there is none. */
static void *map_file(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
		perror(path);
		return NULL;
	}
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		perror(path);
		return NULL;
	}
	return map;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	const char *path = NULL, *profile_path = NULL;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "path=", 5) == 0)
			path = argv[i] + 5;
		if (strncmp(argv[i], "profile=", 8) == 0)
			profile_path = argv[i] + 8;
	}
	if (path == NULL) {
		fprintf(stderr, "libcount: give path=FILE\n");
		return -1;
	}
	if (profile_path != NULL) {
		profile = map_file(profile_path, PROFILE_SLOTS * sizeof(*profile));
		if (profile == NULL)
			return -1;
	}
	counts = map_file(path, FILE_SIZE);
	if (counts == NULL)
		return -1;
	counts->enabled = 1;
	__atomic_store_n(&counts->magic, MAGIC, __ATOMIC_RELEASE); /* release: enabled before magic. Pairs: Counter in bench/count.py */
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
