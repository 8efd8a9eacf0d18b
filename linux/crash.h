/* SPDX-License-Identifier: MIT
 *
 * What is printed when a signal ends the program.
 */
#pragma once

struct frame;
struct siginfo;

const char *signal_name(int sig);
/* Context: the thread that crashed; f its registers. */
void crash_report(const struct frame *f, int sig, const struct siginfo *info);
