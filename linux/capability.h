/* SPDX-License-Identifier: MIT
 *
 * What becomes of capabilities when a thread changes its users or its program (capabilities(7)).
 */
#pragma once

#include "fs/cred.h"

struct file;

/* c, a changed copy of old, has other users. */
void capability_users_changed(struct cred *c, const struct cred *old);
/* c, a changed copy of old, makes files as another user. */
void capability_fsuid_changed(struct cred *c, const struct cred *old);
/*
 * execve(2): who the current thread is after it runs the program. *is_secure: the program has rights that its user does
 * not have (AT_SECURE). NULL: no memory. give: process_become() or cred_free().
 */
struct cred *capability_exec(struct file *program, bool *is_secure);
/* The options of prctl(2) about capabilities; -ENOSYS: not one of them. */
long capability_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
