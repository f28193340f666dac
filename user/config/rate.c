// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/rate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/key.h"
#include "config/value.h"

#define RATE_TEXT                                                                        \
	"NUMBER with bit, Kbit, Mbit or Gbit like 50Mbit, from 8Kbit to 1000Gbit"
#define RATE_MIN 8000ULL
#define RATE_MAX 1000000000000ULL

static const struct {
	const char *name;
	uint64_t bits;
} units[] = {
	{ "Gbit", 1000000000 },
	{ "Mbit", 1000000 },
	{ "Kbit", 1000 },
	{ "bit", 1 },
};

static int parse_rate(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out)
{
	uint64_t *rate = out, number;
	const char *text, *end;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	ret = config_value_digits(text, &end, &number);
	if (ret == -EINVAL)
		return config_value_bad(p, key, node, "is not a rate");
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcasecmp(end, units[i].name))
			continue;
		if (ret || number > RATE_MAX / units[i].bits ||
		    number * units[i].bits < RATE_MIN)
			return config_value_bad(p, key, node, "is out of range");
		*rate = number * units[i].bits;
		return 0;
	}
	return config_value_bad(p, key, node, "is not a rate");
}

int config_rate(struct config_parser *p, const struct config_key *key,
		const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		KEY(struct config_qos, rule_rate, "rule", parse_rate, RATE_TEXT),
		KEY(struct config_qos, client_rate, "client", parse_rate, RATE_TEXT),
	};
	const struct config_qos *qos = out;
	int ret = config_yaml_mapping(p, keys, ARRAY_SIZE(keys), key->name, node, out);

	if (ret || qos->rule_rate || qos->client_rate)
		return ret;
	return config_error_at(
		p->err, config_yaml_mark(node), -EINVAL,
		"rate: no limit is given; accepted: rule, client, or both");
}

char *config_rate_str(char text[static CONFIG_RATE_STRLEN], uint64_t bits)
{
	size_t i = 0;

	while (bits % units[i].bits)
		i++;
	snprintf(text, CONFIG_RATE_STRLEN, "%" PRIu64 "%s", bits / units[i].bits,
		 units[i].name);
	return text;
}
