/* SPDX-License-Identifier: MIT
 *
 * Signals that tell of events on a file (SIGIO, SIGURG): fcntl(2) F_SETOWN, F_SETSIG, O_ASYNC.
 *
 * A file that has an owner, or O_ASYNC, subscribes to its own wait queues as poll(2) would; what wakes those sends the signal. Files without pay nothing.
 */
#pragma once

#include "fs/file.h"

/* Of struct file_owner. Numbers of F_SETOWN_EX. */
#define FILE_OWNER_TID	0
#define FILE_OWNER_PID	1
#define FILE_OWNER_PGRP	2

struct file_owner {
	int type;			/* FILE_OWNER_* */
	int pid;			/* 0: nobody */
	int sig;			/* F_SETSIG; 0: SIGIO without a siginfo of its own */
};

/* What a signal tells: si_code of SIGIO. BAND_URG is BAND_PRI that also has a signal of its own, SIGURG. */
enum file_band { BAND_NONE, BAND_IN, BAND_OUT, BAND_MSG, BAND_ERR, BAND_PRI, BAND_HUP, BAND_URG };

/* what of file_ops.async: the subscription begins, ends. Else events (FILE_POLL*) that were announced just now. */
#define FILE_ASYNC_ON	0x80000000u
#define FILE_ASYNC_OFF	0x40000000u

/* Context of all: thread, no locks of the file's held. */
void file_get_owner(struct file *f, struct file_owner *out);
/* sig < 0: owner's type and pid are set, the signal stays; else only the signal is set. 0, -ENOMEM. */
int file_set_owner(struct file *f, const struct file_owner *o, int sig);
/* O_ASYNC of f; fd is what the signals will name. 0 (also for files that have no such signals), -ENOMEM. */
int file_set_async(struct file *f, int fd, bool is_on);
/* The file's last reference has gone; f->async is not NULL. */
void file_async_release(struct file *f);

/* Of the kinds that tell nothing but that there is something to read, or room: file_ops.async. */
static inline int file_async_plain(struct file *f, uint32_t what)
{
	(void)f;
	if (what & (FILE_ASYNC_ON | FILE_ASYNC_OFF))
		return 0;
	return what & FILE_POLLIN ? BAND_IN : what & FILE_POLLOUT ? BAND_OUT : BAND_NONE;
}

/*
 * Supplied by linux/: send it. fd < 0: without O_ASYNC, only BAND_URG has a signal. Called in whatever thread caused the event, with a wait queue's lock and perhaps the file's
 * own locks held.
 */
extern void (*file_async_signal)(const struct file_owner *o, int fd, enum file_band band);
