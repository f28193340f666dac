/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* JSON as YAML: blocks outside, flow style for what holds only scalars. */
#ifndef FTPNAT_CONFIG_YAML_PRINT_H
#define FTPNAT_CONFIG_YAML_PRINT_H

#include <jansson.h>
#include <stdio.h>

/* The keys of an object, one per line; the first follows `lead`, if there is one. */
void config_yaml_print(FILE *out, json_t *object, int indent, const char *lead);

#endif
