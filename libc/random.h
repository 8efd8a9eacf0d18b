/* SPDX-License-Identifier: MIT
 *
 * Cryptographically secure random bytes: ChaCha20 (RFC 8439 2.3) under a key made of all entropy that was added, in counter mode. Lock-free: a caller takes
 * counters by one atomic addition, so no two callers see the same block.
 *
 * It never blocks and does not estimate entropy: what the board gives at boot (rng-seed of the device tree, virtio-rng) is what there is.
 * Not done: past output can be computed by who reads the kernel's memory later (no key erasure); adding entropy ends that.
 */
#pragma once

#include <stddef.h>

/* Context: any. */
void random_bytes(void *buf, size_t len);
/* Mix in entropy; more does no harm, whatever it is. Context: thread; callers do not overlap. */
void random_add(const void *data, size_t len);
