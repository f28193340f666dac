/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses in lines: what servers read in PORT and EPRT, and clients in 227 and 229. */
#ifndef FTPNAT_MODEL_ALG_PLACE_H
#define FTPNAT_MODEL_ALG_PLACE_H

#include "alg_addr.h"

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

/* The address from offset `at` on; UNCLEAR: *p is what to replace. */
enum reading find_port(const uint8_t *s, size_t len, size_t at, struct place *p);
enum reading find_eprt(const uint8_t *s, size_t len, size_t at, struct place *p);
enum reading find_227(const uint8_t *s, size_t len, size_t at, struct place *p);
enum reading find_229(const uint8_t *s, size_t len, size_t at, struct place *p);
size_t find_stray(const uint8_t *s, size_t len, unsigned open);

#endif
