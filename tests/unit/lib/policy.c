// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "policy.h"

void read_only(struct ftpnat_rule *rule)
{
	rule->commands = COMMANDS_READ_ONLY;
}

void deny(struct ftpnat_rule *rule)
{
	rule->commands = COMMANDS_DENY;
}

void tls_first(struct ftpnat_rule *rule)
{
	rule->flags |= FTPNAT_RULE_TLS_FIRST;
}
