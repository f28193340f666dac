/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines for the FTP grammar, and their meaning. */
#ifndef FTPNAT_TEST_FTP_ROWS_H
#define FTPNAT_TEST_FTP_ROWS_H

#include <stddef.h>
#include <string.h>

#include "ftpnat_ftp.h"

#define BYTES(s) (s), sizeof(s) - 1

/* One line and what it says; `span` is the text that would be replaced. */
struct row {
	const char *text;
	size_t len;
	int command; /* of a reply: its code */
	int form;
	const char *addr;
	unsigned int port;
	const char *span;
};

#define PLAIN(text, command)                                                             \
	{                                                                                \
		BYTES(text), command, FTP_FORM_PLAIN, NULL, 0, NULL                      \
	}
#define BAD(text, command)                                                               \
	{                                                                                \
		BYTES(text), command, FTP_FORM_MALFORMED, NULL, 0, NULL                  \
	}
#define ODD(text, command)                                                               \
	{                                                                                \
		BYTES(text), command, FTP_FORM_AMBIGUOUS, NULL, 0, NULL                  \
	}
#define GOOD(text, command, addr, port, span)                                            \
	{                                                                                \
		BYTES(text), command, FTP_FORM_ADDRESS, addr, port, span                 \
	}

#define X50  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X200 X50 X50 X50 X50
#define S50  "                                                  "
#define S200 S50 S50 S50 S50

typedef int (*feed_fn)(struct ftp_parser *p, __u8 c);
typedef int (*may_fn)(const struct ftp_parser *p);

/* Each line cut at every byte, and its parser used again for another. */
void ftp_run_rows(const struct row *rows, size_t n, feed_fn feed, may_fn may, int reply);

/* May the unfinished line become one with an address? */
struct may_row {
	const char *text;
	size_t len;
	int may;
};

void ftp_run_may(const struct may_row *rows, size_t n, feed_fn feed, may_fn may);

#endif
