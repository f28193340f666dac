// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/human.h"

#include <stdio.h>

char *human_size(char buf[static HUMAN_STRLEN], double size)
{
	static const char units[] = " KMGTPE";
	size_t unit = 0;

	while (size >= 999.5 && unit < sizeof(units) - 2) {
		size /= 1000;
		unit++;
	}
	if (!unit)
		snprintf(buf, HUMAN_STRLEN, "%.0f", size);
	else
		snprintf(buf, HUMAN_STRLEN, "%.*f%c", size < 9.95, size, units[unit]);
	return buf;
}

char *human_rate(char buf[static HUMAN_STRLEN], double per_second)
{
	if (per_second == 0 || per_second >= 9.95)
		return human_size(buf, per_second);
	snprintf(buf, HUMAN_STRLEN, per_second < 0.095 ? "%.2f" : "%.1f", per_second);
	return buf;
}

char *human_time(char buf[static HUMAN_STRLEN], __u32 seconds)
{
	if (seconds < 100)
		snprintf(buf, HUMAN_STRLEN, "%us", seconds);
	else if (seconds < 6000)
		snprintf(buf, HUMAN_STRLEN, "%um%02us", seconds / 60, seconds % 60);
	else
		snprintf(buf, HUMAN_STRLEN, "%uh%02um", seconds / 3600,
			 seconds / 60 % 60);
	return buf;
}
