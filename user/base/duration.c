// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/duration.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"

#define DIGITS_MAX 12 /* and a day still fits */

int duration_parse(const char *text, uint64_t *seconds)
{
	static const struct {
		const char *suffix;
		uint32_t seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	uint64_t number = 0;
	const char *c = text;

	for (; isdigit((unsigned char)*c); c++)
		if (c - text < DIGITS_MAX)
			number = number * 10 + (uint64_t)(*c - '0');
	if (c == text)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(c, units[i].suffix))
			continue;
		*seconds = number * units[i].seconds;
		return c - text > DIGITS_MAX ? -ERANGE : 0;
	}
	return -EINVAL;
}
