/* SPDX-License-Identifier: MIT */
/*
 * dlopen(3) of a library that wants an executable stack: glibc makes all stacks so, the first thread's (which grows), those of threads that run, and of later ones. The
 * library is made here, byte by byte: it holds nothing but its wish. Only the dynamic program (-pie) can load it.
 */
#include "run-here.h"

#include <dlfcn.h>
#include <elf.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>

#ifdef __aarch64__
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_X86_64
#endif

static void take_signals(void)
{
	stack_t ss = { .ss_sp = malloc(65536), .ss_size = 65536 };

	need(ss.ss_sp && sigaltstack(&ss, NULL) == 0);
}

static pthread_barrier_t step;

static void *early(void *arg)
{
	take_signals();
	try("running thread, before", 0);
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);
	try("running thread, after", 0);
	try("running thread, deep", 20);
	return arg;
}

static void *late(void *arg)
{
	take_signals();
	try("later thread", 0);
	try("later thread, deep", 20);
	return arg;
}

/* A shared object of one page with a table of no symbols, and PT_GNU_STACK as given. */
static void make_library(const char *path, uint32_t stack_flags)
{
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr program[3];
		Elf64_Dyn dynamic[7];
		Elf64_Sym symbol;
		uint32_t hash[4];
		char names[8];
	} l = { 0 };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	memcpy(l.head.e_ident, ELFMAG, SELFMAG);
	l.head.e_ident[EI_CLASS] = ELFCLASS64;
	l.head.e_ident[EI_DATA] = ELFDATA2LSB;
	l.head.e_ident[EI_VERSION] = EV_CURRENT;
	l.head.e_type = ET_DYN;
	l.head.e_machine = MACHINE;
	l.head.e_version = EV_CURRENT;
	l.head.e_phoff = offsetof(typeof(l), program);
	l.head.e_ehsize = sizeof(l.head);
	l.head.e_phentsize = sizeof(l.program[0]);
	l.head.e_phnum = 3;
	l.program[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_filesz = sizeof(l), .p_memsz = sizeof(l), .p_align = 65536 };
	l.program[1] = (Elf64_Phdr){ .p_type = PT_DYNAMIC, .p_flags = PF_R | PF_W, .p_offset = offsetof(typeof(l), dynamic),
				     .p_vaddr = offsetof(typeof(l), dynamic), .p_filesz = sizeof(l.dynamic), .p_memsz = sizeof(l.dynamic), .p_align = 8 };
	l.program[2] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = stack_flags, .p_align = 16 };
	l.dynamic[0] = (Elf64_Dyn){ DT_HASH, { offsetof(typeof(l), hash) } };
	l.dynamic[1] = (Elf64_Dyn){ DT_STRTAB, { offsetof(typeof(l), names) } };
	l.dynamic[2] = (Elf64_Dyn){ DT_SYMTAB, { offsetof(typeof(l), symbol) } };
	l.dynamic[3] = (Elf64_Dyn){ DT_STRSZ, { sizeof(l.names) } };
	l.dynamic[4] = (Elf64_Dyn){ DT_SYMENT, { sizeof(l.symbol) } };
	l.hash[0] = 1;	/* buckets; one chain, of the symbol 0 */
	l.hash[1] = 1;
	need(fd >= 0 && write(fd, &l, sizeof(l)) == sizeof(l) && close(fd) == 0);
}

static void load(const char *what, const char *path)
{
#ifdef __PIE__
	void *lib = dlopen(path, RTLD_NOW);

	show("%s: %s", what, lib ? "loaded" : dlerror());
#else
	show("%s: %s needs a dynamic program", what, path);
#endif
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER };
	pthread_t first, second;

	take_signals();
	need(sigaction(SIGSEGV, &sa, NULL) == 0 && pthread_barrier_init(&step, NULL, 2) == 0);
	make_library("/tmp/plain.so", PF_R | PF_W);
	make_library("/tmp/wants.so", PF_R | PF_W | PF_X);
	load("a library without wishes", "/tmp/plain.so");
	try("first thread, before", 0);
	need(pthread_create(&first, NULL, early, NULL) == 0);
	pthread_barrier_wait(&step);
	load("one that wants an executable stack", "/tmp/wants.so");
	try("first thread, after", 0);
	try("first thread, deep", 300);
	pthread_barrier_wait(&step);
	need(pthread_join(first, NULL) == 0);
	need(pthread_create(&second, NULL, late, NULL) == 0 && pthread_join(second, NULL) == 0);
	load("again", "/tmp/wants.so");
	return test_end();
}
