/* SPDX-License-Identifier: MIT
 *
 * The stack at the entry of a program (System V gABI, "Process Initialization"; getauxval(3)):
 *
 *	top	program's file name (AT_EXECFN)
 *		environment strings
 *		argument strings
 *		platform name, 16 random bytes
 *		padding
 *		auxiliary vector, ended by AT_NULL
 *		envp[], NULL
 *		argv[], NULL
 *	sp	argc					16-byte aligned
 *
 * It is put together in kernel memory and copied at once.
 */
#include <arch/program.h>

#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/exec.h"
#include "linux/process.h"
#include "mmu/heap.h"
#include "mmu/user.h"

#define AT_NULL		0
#define AT_PHDR		3
#define AT_PHENT	4
#define AT_PHNUM	5
#define AT_PAGESZ	6
#define AT_BASE		7
#define AT_FLAGS	8
#define AT_ENTRY	9
#define AT_UID		11
#define AT_EUID		12
#define AT_GID		13
#define AT_EGID		14
#define AT_PLATFORM	15
#define AT_HWCAP	16
#define AT_CLKTCK	17
#define AT_SECURE	23
#define AT_RANDOM	25
#define AT_HWCAP2	26
#define AT_EXECFN	31
#define AT_SYSINFO_EHDR	33
#define AT_MINSIGSTKSZ	51

#define NR_RANDOM	sizeof(((struct exec *)0)->random.for_program)

static void auxv_add(struct process *p, uint64_t type, uint64_t value)
{
	ASSERT(p->nr_auxv + 2 <= ARRAY_SIZE(p->auxv));
	p->auxv[p->nr_auxv++] = type;
	p->auxv[p->nr_auxv++] = value;
}

static void build_auxv(const struct exec *e, struct process *p, vaddr_t execfn, vaddr_t platform, vaddr_t random)
{
	const struct exec_file *prog = &e->program;
	const struct cred *c = cred_current();

	p->nr_auxv = 0;
	if (p->vdso)
		auxv_add(p, AT_SYSINFO_EHDR, p->vdso);
	auxv_add(p, AT_MINSIGSTKSZ, ARCH_MINSIGSTKSZ);
	auxv_add(p, AT_HWCAP, arch_hwcap());
	auxv_add(p, AT_PAGESZ, PAGE_SIZE);
	auxv_add(p, AT_CLKTCK, 100);
	auxv_add(p, AT_PHDR, prog->image.phdr ? prog->image.phdr + prog->bias : 0);
	auxv_add(p, AT_PHENT, sizeof(struct elf_phdr));
	auxv_add(p, AT_PHNUM, prog->image.nr_phdrs);
	auxv_add(p, AT_BASE, e->interp.file ? e->interp.bias : 0);
	auxv_add(p, AT_FLAGS, 0);
	auxv_add(p, AT_ENTRY, prog->image.entry + prog->bias);
	auxv_add(p, AT_UID, c->uid);
	auxv_add(p, AT_EUID, c->euid);
	auxv_add(p, AT_GID, c->gid);
	auxv_add(p, AT_EGID, c->egid);
	auxv_add(p, AT_SECURE, e->is_secure);
	auxv_add(p, AT_RANDOM, random);
	auxv_add(p, AT_HWCAP2, arch_hwcap2());
	auxv_add(p, AT_EXECFN, execfn);
	auxv_add(p, AT_PLATFORM, platform);
	auxv_add(p, AT_NULL, 0);
}

/* Pointers to nr strings that lie one after the other from at. Returns the word after the NULL. */
static uint64_t *put_pointers(uint64_t *word, const struct exec_strings *s, vaddr_t at)
{
	const char *text = s->data;

	for (unsigned i = 0; i < s->nr; i++) {
		size_t len = strlen(text) + 1;

		*word++ = at;
		at += len;
		text += len;
	}
	*word++ = 0;
	return word;
}

int stack_build(struct exec *e, struct process *p, vaddr_t top, vaddr_t *sp)
{
	size_t execfn_len = strlen(e->path) + 1;
	vaddr_t execfn = top - 8 - execfn_len;		/* eight zero bytes end the stack */
	vaddr_t env = execfn - e->envp.len, arg = env - e->argv.len;
	vaddr_t platform = arg - sizeof(ARCH_PLATFORM), random = ALIGN_DOWN(platform, 16ul) - NR_RANDOM;
	size_t nr_words;
	vaddr_t start;
	uint8_t *image;
	uint64_t *word;
	int r;

	build_auxv(e, p, execfn, platform, random);
	nr_words = 1 + e->argv.nr + 1 + e->envp.nr + 1 + p->nr_auxv;
	start = ALIGN_DOWN(random - nr_words * 8, 16ul);
	image = kzalloc(top - start);
	if (!image)
		return -ENOMEM;
	word = (uint64_t *)image;
	*word++ = e->argv.nr;
	word = put_pointers(word, &e->argv, arg);
	word = put_pointers(word, &e->envp, env);
	memcpy(word, p->auxv, p->nr_auxv * sizeof(uint64_t));
	memcpy(image + (random - start), e->random.for_program, NR_RANDOM);
	memcpy(image + (platform - start), ARCH_PLATFORM, sizeof(ARCH_PLATFORM));
	if (e->argv.len)
		memcpy(image + (arg - start), e->argv.data, e->argv.len);
	if (e->envp.len)
		memcpy(image + (env - start), e->envp.data, e->envp.len);
	memcpy(image + (execfn - start), e->path, execfn_len);
	r = copy_to_user((void *)start, image, top - start);
	kfree(image);
	p->arg_start = arg;
	p->arg_end = p->env_start = env;
	p->env_end = execfn;
	p->start_stack = start;
	*sp = start;
	return r;
}
