/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What libyaml can't parse, in words for people who don't know its terms. */
#ifndef FTPNAT_CONFIG_YAML_SYNTAX_H
#define FTPNAT_CONFIG_YAML_SYNTAX_H

#include <yaml.h>

#include "config/config.h"

struct config_mark config_yaml_to_mark(yaml_mark_t mark);

/* -errno: `yaml` has failed on this text. */
int config_yaml_syntax_error(struct config_errors *err, const yaml_parser_t *yaml,
			     const char *text, size_t len);

#endif
