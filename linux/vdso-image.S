/* SPDX-License-Identifier: MIT
 *
 * The finished vDSO (linux/vdso/, built as a shared object of its own), as bytes of the kernel's constants.
 */
	.section .rodata.vdso, "a", %progbits
	.balign	16
	.globl	vdso_image_start
vdso_image_start:
	.incbin	"vdso.so"
	.globl	vdso_image_end
vdso_image_end:
