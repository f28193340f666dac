/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables of `status` as text, from the arrays of its JSON document. */
#ifndef FTPNAT_STATUS_TABLES_H
#define FTPNAT_STATUS_TABLES_H

#include <jansson.h>

void status_print_interfaces(const json_t *interfaces);
void status_print_programs(const json_t *programs);
void status_print_rules(const json_t *rules);
void status_print_guards(const json_t *guards);

#endif
