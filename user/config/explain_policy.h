/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What clients of a rule may say, in sentences. */
#ifndef FTPNAT_EXPLAIN_POLICY_H
#define FTPNAT_EXPLAIN_POLICY_H

#include <jansson.h>

#include "config/config.h"

/* False: TLS is refused. */
bool explain_tls_policy(json_t *list, enum config_tls tls);

void explain_commands(json_t *list, const struct config_commands *commands,
		      enum config_tls tls);

#endif
