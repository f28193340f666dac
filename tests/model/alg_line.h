/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines of a control connection: Telnet commands, verbs, arguments. A line is `len` bytes at `s`. */
#ifndef FTPNAT_MODEL_ALG_LINE_H
#define FTPNAT_MODEL_ALG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NONE,
	OTHER,
	PORT,
	EPRT,
	PASV,
	EPSV,
	EPSV_ALL,
	AUTH,
	REIN,
	ABOR,
	LPRT,
	LPSV,
	CCC,
	STAT,
	QUIT,
	PASS,
	ALGS,
	USER,
	RETR,
	STOR,
	STOU,
	APPE,
	LISTING, /* LIST, NLST, MLSD */
	ALIEN,	 /* of another protocol */
	BINARY,	 /* of none that is text */
	CUT,	 /* ended by what proftpd takes for a Telnet option: its verb goes on */
};

bool blank(uint8_t c);
/* Offset of the first byte from `at` on that is not blank. */
size_t skip_blanks(const uint8_t *s, size_t len, size_t at);
/* Offset behind the Telnet commands, and the blanks if `blanks`, that it begins with. */
size_t skip_telnet(const uint8_t *s, size_t len, bool blanks);

/* What the client says; *args: offset behind the verb. */
int verb_of(const uint8_t *s, size_t len, size_t *args);

/* The argument of an EPSV: 0: none, a character in capitals, '?': more than one. */
char epsv_argument(const uint8_t *s, size_t len, size_t args);
/* Is this, in any case, the first word behind the verb? */
bool argument_is(const uint8_t *s, size_t len, size_t args, const char *word);

#endif
