/* SPDX-License-Identifier: MIT */
/*
 * What the signal-context.c of each machine use: faults that memory gives, and their repair. The machine supplies look(), a
 * handler that keeps the siginfo in info_seen, what else it wants to show, and jumps to `jump` with the signal's number,
 * and show_fault(), which prints that.
 */
#pragma once

#include "test.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

static siginfo_t info_seen;
static sigjmp_buf jump;

static void look(int signal_number, siginfo_t *info, void *context);
static void show_fault(const char *what, int signal_number, const void *address);

/* The statement faults, and si_addr is the address (which may be known only then). */
#define try_fault(what, address, statement)                                  \
	do {                                                                 \
		memset(&info_seen, 0, sizeof(info_seen));                    \
		int number_ = sigsetjmp(jump, 1);                            \
		if (number_ == 0) {                                          \
			statement;                                           \
			show("FAIL %s: no signal", what);                    \
		} else {                                                     \
			show_fault(what, number_, (const void *)(address));  \
		}                                                            \
	} while (0)

static volatile uint8_t *volatile page_zero = (uint8_t *)8, *no_access, *read_only, *unmapped, *beyond_file;

static void catch(int signal_number)
{
	struct sigaction action = { .sa_sigaction = look, .sa_flags = SA_SIGINFO };

	sigaction(signal_number, &action, NULL);
}

static void prepare(void)
{
	no_access = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("short", 0);
	need(fd >= 0 && ftruncate(fd, 100) == 0);
	beyond_file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(beyond_file != MAP_FAILED);
	close(fd);
	unmapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap((void *)unmapped, 4096);
	catch(SIGSEGV);
	catch(SIGBUS);
	catch(SIGILL);
	catch(SIGTRAP);
	catch(SIGFPE);
}

static void test_memory_faults(void)
{
	volatile uint8_t sink;

	try_fault("read unmapped", unmapped, sink = *unmapped);
	try_fault("write unmapped", unmapped, *unmapped = 1);
	try_fault("read PROT_NONE", no_access + 5, sink = no_access[5]);
	try_fault("write read-only", read_only + 9, read_only[9] = 1);
	try_fault("read page zero", page_zero, sink = *page_zero);
	try_fault("read beyond end of file", beyond_file + 4096, sink = beyond_file[4096]);
	try_fault("write beyond end of file", beyond_file + 5000, beyond_file[5000] = 1);
	try_fault("execute unmapped", unmapped, ((void (*)(void))(uintptr_t)unmapped)());
	try_fault("execute data", read_only, ((void (*)(void))(uintptr_t)read_only)());
	(void)sink;
}

/* A handler repairs the cause of a fault, and the instruction runs again. */
static volatile uint8_t *repair_page;

static void repair(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)context;
	mprotect((void *)((uintptr_t)info->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE);
}

static void test_repair(void)
{
	struct sigaction action = { .sa_sigaction = repair, .sa_flags = SA_SIGINFO };

	repair_page = mmap(NULL, 4096 * 64, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &action, NULL);
	for (int i = 0; i < 64; i++)
		repair_page[i * 4096 + i] = (uint8_t)i;
	int sum = 0;
	for (int i = 0; i < 64; i++)
		sum += repair_page[i * 4096 + i];
	show("64 faults repaired, sum %d", sum);
}
