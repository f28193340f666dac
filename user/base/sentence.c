// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/sentence.h"

#include <stdarg.h>

void sentence(json_t *list, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	json_array_append_new(list, json_vsprintf(format, args));
	va_end(args);
}
