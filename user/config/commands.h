/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `commands` of a rule: parsed, as the file spells it, and as entries of ftpnat_commands. */
#ifndef FTPNAT_CONFIG_COMMANDS_H
#define FTPNAT_CONFIG_COMMANDS_H

#include "config/yaml.h"

#define CONFIG_COMMANDS_TEXT "{profile: read_only}, {allow: COMMANDS} or {deny: COMMANDS}"
#define CONFIG_MAX_COMMANDS  256 /* of one list */

/* "SITE CHMOD" */
#define CONFIG_COMMAND_STRLEN (2 * FTP_VERB_LEN + 2)

/* `out`: struct config_commands */
int config_commands_parse(struct config_parser *p, const struct config_key *key,
			  const yaml_node_t *node, void *out);

char *config_command_str(char text[static CONFIG_COMMAND_STRLEN],
			 const struct config_command *command);

/* One entry of ftpnat_commands, but for slot and list. */
struct config_command_entry {
	struct ftpnat_command_key key;
	struct ftpnat_command value;
};

/* All entries that the programs need; *entries is the caller's to free. 0 or -ENOMEM. */
int config_commands_expand(const struct config_commands *commands,
			   struct config_command_entry **entries, size_t *n);

/* May this command be used, whatever follows it? */
bool config_commands_allow(const struct config_commands *commands, const char *verb);

#endif
