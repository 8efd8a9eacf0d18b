/* SPDX-License-Identifier: MIT
 *
 * Owner, mode and times of files that have no vnode (pipes, sockets, event descriptors), once fchmod(2), fchown(2) or
 * utimensat(2) has changed them. Few programs do, so the owner of such a file has only a pointer, NULL at first, and frees
 * what it points to by kfree().
 */
#pragma once

struct anon_attr;
struct stat_info;
struct vnode_attr;

/* For file_ops.setattr. 0, -ENOMEM. Any thread, any number of them. */
int anon_attr_set(struct anon_attr **slot, const struct vnode_attr *a);
/* For file_ops.stat: what was changed takes the place of what st says. */
void anon_attr_stat(struct anon_attr *const *slot, struct stat_info *st);
