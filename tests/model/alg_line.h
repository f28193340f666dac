/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines of a control connection: verbs, and addresses in them. A line is `len` bytes at `s`. */
#ifndef FTPNAT_MODEL_ALG_LINE_H
#define FTPNAT_MODEL_ALG_LINE_H

#include "alg_addr.h"

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
	ALIEN,	/* of another protocol */
	BINARY, /* of none that is text */
	CUT,	/* ended by what proftpd takes for a Telnet option: its verb goes on */
};

/* What servers make of an address. */
enum reading {
	UNREADABLE, /* none takes it */
	READ,	    /* all that take it read the same */
	UNCLEAR,
};

/* An address in a line: [start, end) are the bytes to replace. */
struct place {
	struct alg_addr addr;
	unsigned port;
	size_t start, end;
	uint8_t delimiter;
};

bool blank(uint8_t c);
/* Offset behind the Telnet commands, and the blanks if `blanks`, that it begins with. */
size_t skip_telnet(const uint8_t *s, size_t len, bool blanks);

/* What the client says; *args: offset behind the verb. */
int verb_of(const uint8_t *s, size_t len, size_t *args);

/* The argument of an EPSV: 0: none, a character in capitals, '?': more than one. */
char epsv_argument(const uint8_t *s, size_t len, size_t args);
/* Is this, in any case, the first word behind the verb? */
bool argument_is(const uint8_t *s, size_t len, size_t args, const char *word);

/* The address from offset `at` on; UNCLEAR: *p is what to replace. */
enum reading find_port(const uint8_t *s, size_t len, size_t at, struct place *p);
enum reading find_eprt(const uint8_t *s, size_t len, size_t at, struct place *p);
enum reading find_227(const uint8_t *s, size_t len, size_t at, struct place *p);
enum reading find_229(const uint8_t *s, size_t len, size_t at, struct place *p);
size_t find_stray(const uint8_t *s, size_t len, unsigned open);

#endif
