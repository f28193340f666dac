// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/per_client.h"

#include <errno.h>

#include "config/key.h"
#include "config/value.h"

#define PACE_TEXT "NUMBER/TIME like 30/min or 5/10min, up to 1 day"

int config_per_client_parse(struct config_parser *p, const struct config_key *key,
			    const yaml_node_t *node, void *out)
{
#define NUMBER(member)                                                                   \
	KEY(struct config_per_client, member, #member, config_value_number, LIMIT_TEXT,  \
	    .min = 1, .max = CONFIG_MAX_LIMIT)
#define PACE(member)                                                                     \
	KEY(struct config_per_client, member, #member, config_value_pace, PACE_TEXT,     \
	    .min = 1, .max = CONFIG_MAX_LIMIT)
	static const struct config_key keys[] = {
		NUMBER(sessions),
		PACE(new_sessions),
		NUMBER(half_open),
		NUMBER(expected),
		PACE(failed_logins),
		KEY(struct config_per_client, ban, "ban", config_value_seconds, TIME_TEXT,
		    .min = 1, .max = CONFIG_MAX_TIMEOUT),
	};
#undef NUMBER
#undef PACE
	struct config_admission *admission = out;
	struct config_per_client *limit = &admission->per_client;
	int ret;

	admission->per_client_at = config_yaml_mark(node);
	ret = config_yaml_mapping(p, keys, ARRAY_SIZE(keys), key->name, node, limit);
	if (ret)
		return ret;
	if (limit->ban && !limit->failed_logins.number)
		return config_error_at(p->err, admission->per_client_at, -EINVAL,
				       "per_client: ban without failed_logins; accepted: "
				       "both, or failed_logins alone");
	if (!limit->ban)
		limit->ban = limit->failed_logins.seconds;
	return 0;
}
