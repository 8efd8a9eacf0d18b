/* SPDX-License-Identifier: MIT
 *
 * From a path to a program ready to run, and execve(2).
 *
 * exec_prepare() opens and checks everything (program, #! interpreters, PT_INTERP) and changes nothing, so that a failing execve returns to its caller.
 * exec_load() fills an empty address space:
 *
 *	2/3 of the space    main program if it may go anywhere (else where it wants), heap (brk) after it
 *	mmap base, downwards: interpreter, vDSO, the program's own mappings
 *	top                 stack, grows down; the gap to the mmap base covers the limit of its size
 *
 * Each base moves by a random number of pages unless aslr=off.
 */
#include "linux/exec.h"

#include <arch/layout.h>
#include <arch/program.h>

#include "fs/vfs.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/random.h"
#include "libc/string.h"
#include "linux/capability.h"
#include "linux/config.h"
#include "linux/memory-limits.h"
#include "linux/process.h"
#include "linux/syscalls.h"
#include "linux/vdso.h"
#include "mmu/aspace.h"
#include "mmu/heap.h"
#include "mmu/user.h"
#include "sched/cpu.h"

#define DYN_BASE	ALIGN_DOWN(USER_TOP / 3 * 2, BLOCK_SIZE)
#define STACK_TOP	(USER_TOP - 16 * PAGE_SIZE)
#define STACK_GAP_MIN	(128ul << 20)
#define STACK_INITIAL	(128ul << 10)

/* Pages by which a base may move: as Linux on arm64 with 48 bits, but for the heap. */
#define RND_STACK_BITS	22
#define RND_MMAP_BITS	24
#define RND_BRK_BITS	13

struct exec *exec_alloc(void)
{
	return KNEW(struct exec);
}

void exec_free(struct exec *e)
{
	if (!e)
		return;
	if (e->program.file)
		file_put(e->program.file);
	if (e->interp.file)
		file_put(e->interp.file);
	exec_strings_free(&e->argv);
	exec_strings_free(&e->envp);
	cred_free(e->cred);
	kfree(e->path);
	kfree(e);
}

static ssize_t read_at(struct file *f, uint64_t off, void *buf, size_t len)
{
	struct iovec iov;
	struct uio u;

	uio_init(&u, &iov, buf, len, true);
	return file_read(f, &u, &off);
}

static int read_exactly(struct file *f, uint64_t off, void *buf, size_t len)
{
	ssize_t n = read_at(f, off, buf, len);

	return n < 0 ? (int)n : (size_t)n == len ? 0 : -ENOEXEC;
}

/* Open for execution: a regular file with an execute bit, which nobody writes to meanwhile. */
static int open_program(struct exec *e, const char *path, struct file **out, uint64_t *size)
{
	struct stat_info st;
	int r = vfs_open(process_current()->fs, NULL, path, O_RDONLY, 0, out);

	if (r)
		return r;
	r = file_stat(*out, &st);
	if (!r && ((st.mode & 0170000) != 0100000 || file_is_noexec(*out) || vnode_permission((*out)->vnode, MAY_EXEC))) {
		snprintf(e->message, sizeof(e->message), "%s is not an executable file: chmod +x it", path);
		r = -EACCES;
	}
	if (!r && file_deny_write(*out)) {
		snprintf(e->message, sizeof(e->message), "%s is open for writing", path);
		r = -ETXTBSY;
	}
	if (r) {
		file_put(*out);
		*out = NULL;
		return r;
	}
	*size = st.size;
	return 0;
}

/* The program headers are at h->e_phoff; read and check them. */
static int read_image(struct exec_file *x, const struct elf_header *h, uint64_t size, const char **why)
{
	size_t len = h->e_phnum * sizeof(struct elf_phdr);
	struct elf_phdr *ph = kmalloc(len);
	int r;

	if (!ph)
		return -ENOMEM;
	r = read_exactly(x->file, h->e_phoff, ph, len);
	if (!r)
		r = elf_parse(h, ph, size, USER_TOP, &x->image, why);
	kfree(ph);
	return r;
}

static int check_elf(struct exec *e, struct exec_file *x, const char *path, const char *head, size_t head_len, uint64_t size)
{
	const char *why = "it cannot be read";
	struct elf_header h;
	int r = elf_check_header(head, head_len, size, ARCH_ELF_MACHINE, &h, &why);

	if (!r) {
		r = read_image(x, &h, size, &why);
	} else if (head_len >= sizeof(h) && h.e_machine != ARCH_ELF_MACHINE && memcmp(head, "\177ELF", 4) == 0) {
		snprintf(e->message, sizeof(e->message), "%s cannot be run: it is an %s program, this machine is %s",
			 path, elf_machine_name(h.e_machine), elf_machine_name(ARCH_ELF_MACHINE));
		return r;
	}
	if (r == -ENOEXEC)
		snprintf(e->message, sizeof(e->message), "%s cannot be run: %s", path, why);
	return r;
}

static int missing_interp(struct exec *e, const char *path, const char *interp, int r)
{
	const char *advice = "add the root file system it was built for with --rootfs";

	if (strstr(interp, "ld-linux"))
		advice = "add the C library with --package libc6, or its root file system with --rootfs";
	else if (strstr(interp, "ld-musl"))
		advice = "add the C library with --package musl, or its root file system with --rootfs";
	snprintf(e->message, sizeof(e->message), "%s needs the dynamic linker %s (error %d): %s", path, interp, -r, advice);
	return r;
}

static int prepare_interp(struct exec *e, const char *path)
{
	const struct elf_image *img = &e->program.image;
	char name[ELF_INTERP_MAX], head[SCRIPT_LINE_MAX];
	uint64_t size;
	ssize_t n;
	int r;

	if (!img->interp_len)
		return 0;
	r = read_exactly(e->program.file, img->interp_off, name, img->interp_len);
	if (r)
		return r;
	if (name[img->interp_len - 1] != '\0')
		return -ENOEXEC;
	r = open_program(e, name, &e->interp.file, &size);
	if (r)
		return missing_interp(e, path, name, r);
	n = read_at(e->interp.file, 0, head, sizeof(head));
	if (n < 0)
		return (int)n;
	r = check_elf(e, &e->interp, name, head, (size_t)n, size);
	return r == -ENOEXEC ? -ELIBBAD : r;
}

/* The program is a script: argv becomes interp, [arg], path, argv[1]... */
static int apply_script(struct exec *e, const char *path, const char *interp, const char *arg)
{
	const char *words[3] = { interp, path, path };
	unsigned nr = 2;

	if (arg[0]) {
		words[1] = arg;
		nr = 3;
	}
	return exec_strings_replace_first(&e->argv, words, nr);
}

static int prepare_level(struct exec *e, const char *path, char *interp, bool *is_script)
{
	char head[SCRIPT_LINE_MAX], arg[SCRIPT_LINE_MAX];
	uint64_t size;
	ssize_t n;
	int r = open_program(e, path, &e->program.file, &size);

	if (r)
		return r;
	n = read_at(e->program.file, 0, head, sizeof(head));
	if (n < 0)
		return (int)n;
	r = script_parse(head, (size_t)n, interp, arg);
	if (r > 0) {
		*is_script = true;
		file_put(e->program.file);
		e->program.file = NULL;
		return apply_script(e, path, interp, arg);
	}
	*is_script = false;
	if (r == 0)
		r = check_elf(e, &e->program, path, head, (size_t)n, size);
	return r ? r : prepare_interp(e, path);
}

int exec_prepare(struct exec *e, const char *path)
{
	char name[SCRIPT_LINE_MAX];
	bool is_script;
	int r;

	e->path = kstrdup(path);
	if (!e->path)
		return -ENOMEM;
	r = prepare_level(e, path, name, &is_script);
	for (unsigned depth = 1; !r && is_script; depth++) {
		char interp[SCRIPT_LINE_MAX];

		if (depth > SCRIPT_DEPTH_MAX)
			return -ELOOP;
		r = prepare_level(e, name, interp, &is_script);
		if (r == -ENOENT && !e->message[0])
			snprintf(e->message, sizeof(e->message), "the script %s needs %s, which is not in the root file system", path, name);
		strlcpy(name, interp, sizeof(name));
	}
	if (!r) {
		e->cred = capability_exec(e->program.file, &e->is_secure);
		r = e->cred ? 0 : -ENOMEM;
	}
	return r;
}

/* ---- filling the address space ------------------------------------------------------------------------------------ */

static uint64_t random_pages(uint64_t chance, unsigned bits)
{
	return linux_config.aslr ? (chance & ((1ul << bits) - 1)) * PAGE_SIZE : 0;
}

static int place_interp(struct aspace *as, const struct elf_image *img, uint64_t *bias)
{
	struct vm_map_request req = { .len = img->hi - img->lo + img->align, .flags = VM_NORESERVE };
	vaddr_t at;
	int r;

	if (!img->is_dyn) {
		*bias = 0;
		return 0;
	}
	r = aspace_map(as, &req, &at);	/* find room; nobody else uses this address space yet */
	if (r)
		return r;
	*bias = ALIGN_UP(at, img->align) - ALIGN_DOWN(img->lo, img->align);
	if (img->align == PAGE_SIZE)
		*bias += PAGE_SIZE;	/* towards the mappings above it: no hole */
	return aspace_unmap(as, at, ALIGN_UP(req.len, PAGE_SIZE));
}

static int map_stack(struct aspace *as, struct process *p, vaddr_t top, size_t strings, unsigned exec)
{
	size_t len = ALIGN_UP(STACK_INITIAL + strings, PAGE_SIZE);
	struct vm_map_request req = {
		.hint = top - len, .len = len, .prot = VM_READ | VM_WRITE | exec,
		.flags = VM_FIXED | VM_GROWSDOWN | VM_NOHUGE, .name = "[stack]",
	};
	vaddr_t at;

	aspace_set_stack_limit(as, p->rlimits[RLIMIT_STACK].cur);
	return aspace_map(as, &req, &at);
}

static void note_layout(struct process *p, const struct elf_image *img, uint64_t bias)
{
	p->start_code = p->end_code = p->start_data = p->end_data = 0;
	for (unsigned i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (s->prot & VM_EXEC) {
			p->start_code = s->start + bias;
			p->end_code = s->start + bias + s->filesz;
		} else if (s->prot & VM_WRITE) {
			p->start_data = s->start + bias;
			p->end_data = s->start + bias + s->filesz;
		}
	}
}

static void note_program(struct process *p, struct exec *e)
{
	char *buf = kmalloc(PATH_MAX), *old;
	struct file *old_exe;
	const char *base = strrchr(e->path, '/');

	strlcpy(thread_current()->name, base ? base + 1 : e->path, THREAD_NAME_LEN);
	mutex_lock(&p->lock);
	old = p->exe_path;
	old_exe = p->exe;
	file_get(e->program.file);
	p->exe = e->program.file;
	p->exe_path = NULL;
	if (buf && file_path(p->fs, p->exe, buf, PATH_MAX) > 0)
		p->exe_path = kstrdup(buf);
	if (!p->exe_path)
		p->exe_path = kstrdup(e->path);
	mutex_unlock(&p->lock);
	kfree(buf);
	kfree(old);
	if (old_exe)
		file_put(old_exe);
}

int exec_load(struct exec *e, struct frame *f)
{
	struct process *p = process_current();
	struct aspace *as = p->aspace;
	struct exec_file *prog = &e->program;
	size_t strings = e->argv.len + e->envp.len + (e->argv.nr + e->envp.nr) * 8;
	uint64_t stack_limit = MIN(p->rlimits[RLIMIT_STACK].cur, USER_TOP / 6);
	const struct exec_random *rnd = &e->random;
	vaddr_t top, sp, entry;
	int r;

	random_bytes(&e->random, sizeof(e->random));
	top = STACK_TOP - random_pages(rnd->stack, RND_STACK_BITS);
	aspace_set_mmap_base(as, top - MAX(stack_limit + strings, STACK_GAP_MIN) - BLOCK_SIZE - random_pages(rnd->mmap, RND_MMAP_BITS));
	if (prog->image.is_dyn)
		prog->bias = ALIGN_DOWN(DYN_BASE + random_pages(rnd->program, RND_MMAP_BITS), prog->image.align) -
			     ALIGN_DOWN(prog->image.lo, prog->image.align);
	if (prog->image.hi + prog->bias > USER_TOP - BLOCK_SIZE * 512)
		return -ENOMEM;
	r = elf_load(as, prog->file, &prog->image, prog->bias);
	if (r)
		return r;
	aspace_set_brk_start(as, prog->image.hi + prog->bias + random_pages(rnd->brk, RND_BRK_BITS));
	entry = prog->image.entry + prog->bias;
	if (e->interp.file) {
		r = place_interp(as, &e->interp.image, &e->interp.bias);
		if (!r)
			r = elf_load(as, e->interp.file, &e->interp.image, e->interp.bias);
		if (r)
			return r;
		entry = e->interp.image.entry + e->interp.bias;
	}
	process_become(e->cred);
	e->cred = NULL;
	atomic_store(&p->dumpable, !e->is_secure, RELAXED);
	r = vdso_map(as, &p->vdso);
	if (!r)
		r = map_stack(as, p, top, strings, prog->image.wants_exec_stack ? VM_EXEC : 0);
	if (!r)
		r = stack_build(e, p, top, &sp);
	if (r)
		return r;
	note_layout(p, &prog->image, prog->bias);
	note_program(p, e);
	memory_set_limits(p);
	task_current()->personality &= ~PERSONALITY_READ_IMPLIES_EXEC;	/* no program asks for it by its header any more */
	arch_program_frame(f, entry, sp);
	arch_tls_set(0);
	return 0;
}
