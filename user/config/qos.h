/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* mark and dscp of a rule: parsed, and as the file spells them. */
#ifndef FTPNAT_CONFIG_QOS_H
#define FTPNAT_CONFIG_QOS_H

#include "config/yaml.h"

#define CONFIG_MARK_TEXT                                                                 \
	"MARK or MARK/MASK like 0x10 or 0x10/0xff, from 1 to 0xffffffff, MARK within "   \
	"MASK"
#define CONFIG_DSCP_TEXT                                                                 \
	"a number from 0 to 63, or a name: cs0 to cs7, af11 to af43, ef, va, le, be"

#define CONFIG_MARK_STRLEN sizeof("0x12345678/0x12345678")

/* `out`: struct config_qos */
int config_qos_mark(struct config_parser *p, const struct config_key *key,
		    const yaml_node_t *node, void *out);
int config_qos_dscp(struct config_parser *p, const struct config_key *key,
		    const yaml_node_t *node, void *out);

char *config_mark_str(char text[static CONFIG_MARK_STRLEN], const struct config_qos *qos);
/* Its name (RFC 2474, 2597, 3246, 5865, 8622), or NULL. */
const char *config_dscp_name(uint8_t dscp);

#endif
