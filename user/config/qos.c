// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/qos.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

#define DSCP_MAX 63

static const struct {
	const char *name;
	uint8_t dscp;
} names[] = {
	{ "cs0", 0 },	{ "cs1", 8 },	{ "cs2", 16 },	{ "cs3", 24 },	{ "cs4", 32 },
	{ "cs5", 40 },	{ "cs6", 48 },	{ "cs7", 56 },	{ "af11", 10 }, { "af12", 12 },
	{ "af13", 14 }, { "af21", 18 }, { "af22", 20 }, { "af23", 22 }, { "af31", 26 },
	{ "af32", 28 }, { "af33", 30 }, { "af41", 34 }, { "af42", 36 }, { "af43", 38 },
	{ "ef", 46 },	{ "va", 44 },	{ "le", 1 },	{ "be", 0 },
};

/* Decimal or 0x and hexadecimal, up to `end`. 0, -EINVAL, or -ERANGE: more than 32 bits. */
static int parse_number(const char *text, const char **end, uint32_t *out)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	size_t n = strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
	unsigned long long value;

	*end = digits + n;
	if (!n)
		return -EINVAL;
	errno = 0;
	value = strtoull(digits, NULL, hex ? 16 : 10);
	*out = (uint32_t)value;
	return errno || value > UINT32_MAX ? -ERANGE : 0;
}

int config_qos_mark(struct config_parser *p, const struct config_key *key,
		    const yaml_node_t *node, void *out)
{
	struct config_qos *qos = out;
	uint32_t mark, mask = UINT32_MAX;
	const char *text, *end;
	int ret = config_value_text(p, key, node, &text), of_mask = 0;

	if (ret)
		return ret;
	ret = parse_number(text, &end, &mark);
	if (ret != -EINVAL && *end == '/')
		of_mask = parse_number(end + 1, &end, &mask);
	if (ret == -EINVAL || of_mask == -EINVAL || *end)
		return config_value_bad(p, key, node, "is not a mark");
	if (ret || of_mask || !mark)
		return config_value_bad(p, key, node, "is out of range");
	if (mark & ~mask)
		return config_value_bad(p, key, node, "has bits outside of its mask");
	qos->mark = mark;
	qos->mark_mask = mask;
	return 0;
}

int config_qos_dscp(struct config_parser *p, const struct config_key *key,
		    const yaml_node_t *node, void *out)
{
	struct config_qos *qos = out;
	const char *text, *end;
	uint32_t number;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(text, names[i].name)) {
			qos->dscp = names[i].dscp;
			qos->has_dscp = true;
			return 0;
		}
	ret = parse_number(text, &end, &number);
	if (ret == -EINVAL || *end)
		return config_value_bad(p, key, node, "is not a DSCP");
	if (ret || number > DSCP_MAX)
		return config_value_bad(p, key, node, "is out of range");
	qos->dscp = (uint8_t)number;
	qos->has_dscp = true;
	return 0;
}

char *config_mark_str(char text[static CONFIG_MARK_STRLEN], const struct config_qos *qos)
{
	if (qos->mark_mask == UINT32_MAX)
		snprintf(text, CONFIG_MARK_STRLEN, "0x%x", qos->mark);
	else
		snprintf(text, CONFIG_MARK_STRLEN, "0x%x/0x%x", qos->mark,
			 qos->mark_mask);
	return text;
}

const char *config_dscp_name(uint8_t dscp)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].dscp == dscp)
			return names[i].name;
	return NULL;
}
