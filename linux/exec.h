/* SPDX-License-Identifier: MIT
 *
 * Loading a program: exec.c opens and checks (may fail, changes nothing), then replaces the image; stack.c builds the initial stack; script.c reads #! lines.
 */
#pragma once

#include "libc/types.h"
#include "linux/elf.h"

struct cred;

struct file;
struct frame;
struct process;

#define EXEC_STRINGS_MAX	(2ul << 20)	/* a quarter of the default stack limit, as Linux */
#define EXEC_STRING_MAX		(128ul << 10)
#define SCRIPT_DEPTH_MAX	4

/* NUL-terminated strings, one after the other. */
struct exec_strings {
	char *data;
	size_t len, capacity;
	unsigned nr;
};

/* 0, -ENOMEM, -E2BIG. */
int exec_strings_add(struct exec_strings *s, const char *text);
/* Replace the first string (if there is one) by nr others. */
int exec_strings_replace_first(struct exec_strings *s, const char *const *texts, unsigned nr);
/* From a NULL-terminated array of pointers in the application; 0: empty. Also -EFAULT. */
int exec_strings_from_user(struct exec_strings *s, vaddr_t array);
void exec_strings_free(struct exec_strings *s);

/* One ELF file, open and checked. */
struct exec_file {
	struct file *file;
	struct elf_image image;
	uint64_t bias;		/* set when it is loaded */
};

/* All the chance that one start takes, drawn at once. */
struct exec_random {
	uint64_t stack, mmap, program, brk;
	uint8_t for_program[16];	/* AT_RANDOM */
};

/* A program about to be run. Made on the heap: too big for a kernel stack. */
struct exec {
	struct exec_strings argv, envp;
	char *path;			/* as the caller gave it: AT_EXECFN */
	struct exec_file program, interp;	/* interp.file NULL: static */
	struct cred *cred;		/* whom the program runs as; own until exec_load() has put it in its place */
	bool is_secure;			/* AT_SECURE */
	struct exec_random random;	/* set by exec_load() */
	char message[256];		/* when it fails: a sentence for people, or "" */
};

struct exec *exec_alloc(void);
void exec_free(struct exec *e);
/* Open and check path (borrow), its interpreter, and the #! lines on the way. 0 or -errno. */
int exec_prepare(struct exec *e, const char *path);
/*
 * Map everything into the current process's address space, which is empty, and set the registers in *f. On failure the address space is unusable.
 */
int exec_load(struct exec *e, struct frame *f);

/* In script.c. If head (len bytes, the start of the file) is a #! line: 1 and the words (interp, arg "" if none); 0: not a script; -ENOEXEC: malformed. */
#define SCRIPT_LINE_MAX	256
int script_parse(const char *head, size_t len, char interp[SCRIPT_LINE_MAX], char arg[SCRIPT_LINE_MAX]);

/* In stack.c: strings, vectors and auxv below top; the stack pointer in *sp. */
int stack_build(struct exec *e, struct process *p, vaddr_t top, vaddr_t *sp);
