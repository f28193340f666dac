/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sentences in lists, for people. */
#ifndef FTPNAT_SENTENCE_H
#define FTPNAT_SENTENCE_H

#include <jansson.h>

/* Adds a sentence to the list. Without memory it is missing. */
void __attribute__((format(printf, 2, 3)))
sentence(json_t *list, const char *format, ...);

#endif
