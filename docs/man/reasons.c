// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of reasons for ftpnat-load(8), in scdoc, from the one list that the programs have. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ftpnat_reasons.h"

static const struct {
	const char *name;
	const char *meaning;
	const char *advice;
} reasons[] = {
#define X(symbol, string, meaning, advice) { (string), (meaning), (advice) },
	FTPNAT_REASONS(X)
#undef X
};

/* A sentence; with a backslash before all that scdoc might take for its own marks. */
static void print_sentence(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (ispunct((unsigned char)text[i]))
			putchar('\\');
		putchar(i ? text[i] : toupper((unsigned char)text[i]));
	}
	if (text[len - 1] != '.')
		putchar('.');
}

int main(void)
{
	for (int i = 0; i < FTPNAT_REASON_MAX; i++) {
		printf("*%s*\n\t", reasons[i].name);
		print_sentence(reasons[i].meaning);
		if (strcmp(reasons[i].advice, "Nothing.")) {
			printf("++\n");
			print_sentence(reasons[i].advice);
		}
		printf("\n\n");
	}
	return 0;
}
