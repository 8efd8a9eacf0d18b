/* SPDX-License-Identifier: MIT
 *
 * Weak stand-ins for what is being written: system calls, signal frames, veneers, vDSO. Goes away with the last of them.
 */
#include <arch/signal.h>
#include <arch/veneer.h>

#define WEAK __attribute__((weak))

extern const uint8_t vdso_image_start[], vdso_image_end[];
void arch_syscall_init_cpu(void);
void syscall_fast_frame(void);
WEAK const uint8_t vdso_image_start[1], vdso_image_end[1];
WEAK void arch_syscall_init_cpu(void) { }
WEAK void syscall_fast_frame(void) { }
WEAK int arch_signal_push(struct frame *f, const struct arch_signal *s) { (void)f; (void)s; return -14; }
WEAK int arch_signal_pop(struct frame *f, uint64_t *mask, vaddr_t *alt_sp, uint64_t *alt_size, int *alt_flags) { (void)f; (void)mask; (void)alt_sp; (void)alt_size; (void)alt_flags; return -22; }
WEAK vaddr_t arch_user_sp(void) { return 0; }
WEAK void arch_veneer_write(void *at, vaddr_t veneer, vaddr_t site) { (void)at; (void)veneer; (void)site; }
WEAK vaddr_t arch_veneer_read_site(const void *at, vaddr_t veneer) { (void)at; (void)veneer; return 0; }
WEAK void arch_veneer_sync(const void *at, size_t len) { (void)at; (void)len; }
WEAK bool arch_site_patch(void *alias, vaddr_t site, vaddr_t veneer) { (void)alias; (void)site; (void)veneer; return false; }
WEAK bool arch_site_unpatch(void *alias, vaddr_t site, vaddr_t veneer) { (void)alias; (void)site; (void)veneer; return false; }
WEAK vaddr_t arch_veneer_shown_pc(vaddr_t site, size_t offset) { (void)offset; return site; }
