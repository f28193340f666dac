// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "alg_addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool alg_addr_is_v4(const struct alg_addr *addr)
{
	return !memcmp(addr, mapped, sizeof(mapped));
}

void alg_addr_set_v4(struct alg_addr *addr, unsigned b0, unsigned b1, unsigned b2,
		     unsigned b3)
{
	memcpy(addr, mapped, sizeof(mapped));
	addr->b[12] = (uint8_t)b0;
	addr->b[13] = (uint8_t)b1;
	addr->b[14] = (uint8_t)b2;
	addr->b[15] = (uint8_t)b3;
}

const char *alg_addr_str(char *text, const struct alg_addr *addr, char separator)
{
	const uint8_t *b = addr->b + 12;

	if (!alg_addr_is_v4(addr))
		return inet_ntop(AF_INET6, addr, text, ALG_ADDR_STRLEN);
	sprintf(text, "%u%c%u%c%u%c%u", b[0], separator, b[1], separator, b[2], separator,
		b[3]);
	return text;
}
