/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FTPNAT_MODEL_ALG_ADDR_H
#define FTPNAT_MODEL_ALG_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IPv6, or IPv4 as ::ffff:a.b.c.d */
struct alg_addr {
	uint8_t b[16];
};

#define ALG_ADDR_STRLEN 46

bool alg_addr_is_v4(const struct alg_addr *addr);
void alg_addr_set_v4(struct alg_addr *addr, unsigned b0, unsigned b1, unsigned b2,
		     unsigned b3);
/* Into `text`, of ALG_ADDR_STRLEN bytes; `separator` stands between the octets of IPv4. */
const char *alg_addr_str(char *text, const struct alg_addr *addr, char separator);

#endif
