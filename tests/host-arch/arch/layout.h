/* SPDX-License-Identifier: MIT
 *
 * The host as a port: "physical" addresses are the test's own pointers, application addresses too.
 */
#pragma once

#define LAYOUT_UL(x)	x##ul

#define VA_BITS		48
#define USER_TOP	0x0001000000000000ul
#define LINEAR_BASE	0ul
#define KSTACK_BASE	0xffff800000000000ul
#define KMAP_BASE	0xffffc00000000000ul
#define KERNEL_BASE	0xffffffff80000000ul
