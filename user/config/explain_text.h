/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sentences about a rule, written piece by piece. */
#ifndef FTPNAT_EXPLAIN_TEXT_H
#define FTPNAT_EXPLAIN_TEXT_H

#include <jansson.h>
#include <stdio.h>

#include "base/sentence.h"
#include "config/config.h"

/* A sentence being written; ends up in the list of its rule. */
struct explained {
	json_t *list;
	FILE *out;
	char *text;
	size_t len;
};

/* NULL: no memory, and the sentence is missing. explain_end() is called anyway. */
FILE *explain_begin(struct explained *s, json_t *list);
void explain_end(struct explained *s);

/* What precedes item i of n: nothing, ", " or the last word. */
const char *explain_joint(size_t i, size_t n, const char *last);

void explain_put_endpoint(FILE *out, const struct ftpnat_endpoint *endpoint);
void explain_put_prefixes(FILE *out, const struct config_prefix *prefixes, size_t n);
void explain_put_control_ports(FILE *out, const struct config_port *ports, size_t n);
void explain_put_ports(FILE *out, const struct ftpnat_ports *ports);

/* "A and B", of the families that there are */
void explain_put_addresses(FILE *out, const struct ftpnat_addr *family);

#endif
