#!/bin/sh
# SEQ_CST stands in atomic_fence() only.
#
# Every protocol here that needs it is "store mine, then look at yours" on both sides. A sequentially consistent store or
# read-modify-write does not order a later relaxed look (C11 7.17.3; stlr and ldr may pass each other, Arm ARM B2.3, and so
# do a store and a load on x86): wake-ups were lost that way. The fence does, and has a place for its comment.
cd "$(dirname "$0")/.." || exit 1
found=$(grep -rnE 'SEQ_CST' --include='*.[chS]' libc sched mmu fs net linux virtio virtio-mmio boards gic arch-* |
	grep -vE 'atomic_fence\(SEQ_CST\)|^libc/atomic\.h:')
[ -z "$found" ] || {
	echo "$found" >&2
	echo "lint: write RELAXED and atomic_fence(SEQ_CST) between the store and the look (tools/orders.sh says why)" >&2
	exit 1
}
