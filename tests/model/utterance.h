/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random commands and replies, sound and odd ones. */
#ifndef FTPNAT_MODEL_UTTERANCE_H
#define FTPNAT_MODEL_UTTERANCE_H

#include "conversation.h"

/* One of an array, at random. */
#define CHOOSE(c, list)                                                                  \
	((list)[random_below(&(c)->random, sizeof(list) / sizeof(*(list)))])

/* Text under construction. */
struct text {
	size_t len;
	char byte[16384];
};

void text_add(struct text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool has(const struct conversation *c, unsigned feature);
/* Behind the device c0 (side 1) or s0 (side 2), short and long ones. */
void random_address(struct conversation *c, struct alg_addr *a, unsigned side, bool v6);

/* ---- parts of a line ---- */

void add_verb(struct conversation *c, struct text *t, const char *verb);
void add_end(struct conversation *c, struct text *t);

/* ---- commands ---- */

void plain_command(struct conversation *c, struct text *t);
void garbage(struct conversation *c, struct text *t);
void malformed_command(struct conversation *c, struct text *t);
/* PORT or EPRT. */
void active_command(struct conversation *c, struct text *t);

/* ---- replies ---- */

/* Now and then of several lines. */
void reply(struct conversation *c, struct text *t, unsigned code, const char *says);
void short_reply(struct conversation *c, struct text *t, unsigned code);
void plain_reply(struct conversation *c, struct text *t);
/* 227 or 229, well formed or not. `plain`: one line only. */
void passive_reply(struct conversation *c, struct text *t, bool is_227, bool plain);

#endif
