/* SPDX-License-Identifier: MIT */
/*
 * The auxiliary vector: each entry that Linux gives is there once and
 * agrees with what the program can see by other means.
 */
#include "test.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#ifdef __aarch64__
#define MACHINE EM_AARCH64
#define HWCAP_ALWAYS 3 /* fp, asimd */
#define MIN_STACK (4688 - 512)
#define VDSO_NAME(name) "__kernel_" name
#else
#define MACHINE EM_X86_64
#define HWCAP_ALWAYS (1 << 0 | 1 << 8 | 1 << 15 | 1 << 24 | 1 << 25 | 1 << 26) /* CPUID.1:EDX: FPU, CX8, CMOV, FXSR, SSE, SSE2 */
#define MIN_STACK 1024
#define VDSO_NAME(name) "__vdso_" name
#endif

extern char **environ;
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static ElfW(auxv_t) *find(ElfW(auxv_t) *auxv, unsigned long type)
{
	for (; auxv->a_type != AT_NULL; auxv++)
		if (auxv->a_type == type)
			return auxv;
	return NULL;
}

static unsigned long value_of(ElfW(auxv_t) *auxv, unsigned long type)
{
	ElfW(auxv_t) *entry = find(auxv, type);

	return entry == NULL ? 0 : entry->a_un.a_val;
}

static void check_presence(ElfW(auxv_t) *auxv)
{
	static const struct {
		unsigned long type;
		const char *name;
	} types[] = {
		{ AT_SYSINFO_EHDR, "AT_SYSINFO_EHDR" }, { AT_HWCAP, "AT_HWCAP" },
		{ AT_PAGESZ, "AT_PAGESZ" }, { AT_CLKTCK, "AT_CLKTCK" },
		{ AT_PHDR, "AT_PHDR" }, { AT_PHENT, "AT_PHENT" },
		{ AT_PHNUM, "AT_PHNUM" }, { AT_BASE, "AT_BASE" },
		{ AT_FLAGS, "AT_FLAGS" }, { AT_ENTRY, "AT_ENTRY" },
		{ AT_UID, "AT_UID" }, { AT_EUID, "AT_EUID" },
		{ AT_GID, "AT_GID" }, { AT_EGID, "AT_EGID" },
		{ AT_SECURE, "AT_SECURE" }, { AT_RANDOM, "AT_RANDOM" },
		{ AT_HWCAP2, "AT_HWCAP2" }, { AT_EXECFN, "AT_EXECFN" },
		{ AT_PLATFORM, "AT_PLATFORM" }, { AT_MINSIGSTKSZ, "AT_MINSIGSTKSZ" },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		int count = 0;
		for (ElfW(auxv_t) *a = auxv; a->a_type != AT_NULL; a++)
			count += a->a_type == types[i].type;
		show("%s %d", types[i].name, count);
	}
}

/* The vDSO is an ELF file with a soname and the four functions. */
static void check_vdso(unsigned long base)
{
	const ElfW(Ehdr) *ehdr = (const void *)base;

	if (!check("vDSO has an ELF header", base != 0 && memcmp(ehdr->e_ident, ELFMAG, SELFMAG) == 0))
		return;
	check("vDSO is page aligned", base % 4096 == 0);
	check("vDSO is a shared object", ehdr->e_type == ET_DYN && ehdr->e_machine == MACHINE);

	const ElfW(Phdr) *phdr = (const void *)(base + ehdr->e_phoff);
	const ElfW(Dyn) *dyn = NULL;
	unsigned long bias = base;
	for (int i = 0; i < ehdr->e_phnum; i++) {
		if (phdr[i].p_type == PT_LOAD)
			bias = base + phdr[i].p_offset - phdr[i].p_vaddr;
		if (phdr[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(base + phdr[i].p_offset);
	}
	if (!check("vDSO has a dynamic section", dyn != NULL))
		return;

	const char *strings = NULL;
	const ElfW(Sym) *symbols = NULL;
	const uint32_t *hash = NULL;
	bool has_verdef = false;
	for (; dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_STRTAB)
			strings = (const void *)(bias + dyn->d_un.d_ptr);
		if (dyn->d_tag == DT_SYMTAB)
			symbols = (const void *)(bias + dyn->d_un.d_ptr);
		if (dyn->d_tag == DT_HASH)
			hash = (const void *)(bias + dyn->d_un.d_ptr);
		if (dyn->d_tag == DT_VERDEF)
			has_verdef = true;
	}
	if (!check("vDSO has strings, symbols and a hash table", strings && symbols && hash))
		return;
	check("vDSO has versions", has_verdef);
	static const char *const names[] = { VDSO_NAME("clock_gettime"), VDSO_NAME("gettimeofday"), VDSO_NAME("clock_getres"),
#ifdef __aarch64__
					     VDSO_NAME("rt_sigreturn") };
#else
					     VDSO_NAME("time"), VDSO_NAME("getcpu") };
#endif
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int count = 0;
		for (uint32_t s = 0; s < hash[1]; s++)
			count += strcmp(strings + symbols[s].st_name, names[i]) == 0;
		show("vDSO %s %d", names[i], count);
	}
}

int main(int argc, char **argv)
{
	char **end = environ;

	while (*end != NULL)
		end++;
	ElfW(auxv_t) *auxv = (ElfW(auxv_t) *)(end + 1);

	check("the vector follows the environment", find(auxv, AT_PAGESZ) != NULL);
	check_presence(auxv);
	check("page size", value_of(auxv, AT_PAGESZ) == 4096);
	check("clock ticks", value_of(auxv, AT_CLKTCK) == 100);
	check("flags", value_of(auxv, AT_FLAGS) == 0);
	check("not secure", value_of(auxv, AT_SECURE) == 0);
	check("ids", value_of(auxv, AT_UID) == getuid() && value_of(auxv, AT_EUID) == geteuid() &&
			     value_of(auxv, AT_GID) == getgid() && value_of(auxv, AT_EGID) == getegid());
	show("uid %d gid %d", getuid(), getgid());
	check("HWCAP has what every such CPU has", (value_of(auxv, AT_HWCAP) & HWCAP_ALWAYS) == HWCAP_ALWAYS);
	check("PHENT", value_of(auxv, AT_PHENT) == sizeof(ElfW(Phdr)));
	check("MINSIGSTKSZ is sane", value_of(auxv, AT_MINSIGSTKSZ) >= MIN_STACK &&
					     value_of(auxv, AT_MINSIGSTKSZ) < 65536);
	show("platform %s", (const char *)value_of(auxv, AT_PLATFORM));

	const char *execfn = (const char *)value_of(auxv, AT_EXECFN);
	check("EXECFN names this file", execfn != NULL && access(execfn, X_OK) == 0);
	check("AT_EXECFN is absolute", execfn != NULL && execfn[0] == '/');

	const unsigned char *random = (const void *)value_of(auxv, AT_RANDOM);
	int nr_zero = 0;
	for (int i = 0; i < 16; i++)
		nr_zero += random[i] == 0;
	check("16 random bytes", nr_zero < 6);

	/* The program headers that AT_PHDR points at are this program's own. */
	const ElfW(Phdr) *phdr = (const void *)value_of(auxv, AT_PHDR);
	bool has_code = false;
	unsigned long main_address = (unsigned long)main, bias = 0;
	for (size_t i = 0; i < value_of(auxv, AT_PHNUM); i++)
		if (phdr[i].p_type == PT_LOAD && phdr[i].p_offset == 0)
			bias = (unsigned long)__ehdr_start - phdr[i].p_vaddr;
	for (size_t i = 0; i < value_of(auxv, AT_PHNUM); i++)
		if (phdr[i].p_type == PT_LOAD && main_address - bias - phdr[i].p_vaddr < phdr[i].p_memsz)
			has_code |= (phdr[i].p_flags & PF_X) != 0;
	check("program headers cover main", has_code);
	check("entry is near main", labs((long)(value_of(auxv, AT_ENTRY) - main_address)) < 16 << 20);
	check("stack pointers are ordered", (char *)argv < (char *)auxv && (char *)auxv < execfn);
	check("argc lies below argv", ((long *)argv)[-1] == argc);
	check_vdso(value_of(auxv, AT_SYSINFO_EHDR));
	return test_end();
}
