/* SPDX-License-Identifier: MIT
 *
 * The end, without a last look at consoles (board_exit() of linux/linux.h does that first). Any context.
 */
#pragma once

#define EXIT_KERNEL	125	/* Samara itself failed */

_Noreturn void machine_exit(int status);
