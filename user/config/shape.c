// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/shape.h"

#include <errno.h>
#include <string.h>

#include "config/value.h"

int config_shape_modes(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *list, void *out)
{
	uint8_t *modes = out;
	unsigned int mode;
	int ret = 0;

	*modes = 0;
	if (config_yaml_length(list) == 0)
		return config_value_empty(p, key, list);
	for (size_t i = 0; i < config_yaml_length(list); i++) {
		const yaml_node_t *node = config_yaml_item(p, list, i);

		if (config_value_choice(p, key, node, &mode))
			ret = -EINVAL;
		else if (*modes & 1 << mode)
			ret = config_value_bad(p, key, node, "is listed twice");
		else
			*modes |= (uint8_t)(1 << mode);
	}
	return ret;
}

/* keep, gateway, or an address of each family */
int config_shape_source(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *list, void *rule)
{
	struct config_publish *publish = rule;
	const char *text;
	int ret = 0;

	publish->source = CONFIG_SOURCE_ADDRESS;
	publish->source_address.at = config_yaml_mark(list);
	if (list->type == YAML_SCALAR_NODE) {
		ret = config_value_text(p, key, list, &text);
		if (ret)
			return ret;
		for (int i = 0; i < CONFIG_SOURCE_ADDRESS; i++) {
			if (strcmp(text, config_source_names[i]) == 0) {
				publish->source = i;
				return 0;
			}
		}
	} else if (config_yaml_length(list) == 0) {
		return config_value_empty(p, key, list);
	}
	for (size_t i = 0; i < config_yaml_length(list); i++) {
		if (config_value_family_address(p, key, config_yaml_item(p, list, i),
						&publish->source_address))
			ret = -EINVAL;
	}
	return ret;
}

/* `interface`, or addresses, or both */
int config_shape_to(struct config_parser *p, const struct config_key *key,
		    const yaml_node_t *list, void *rule)
{
	struct config_masquerade *masquerade = rule;
	const char *text;
	int ret = 0;

	masquerade->to.at = config_yaml_mark(list);
	if (config_yaml_length(list) == 0)
		return config_value_empty(p, key, list);
	for (size_t i = 0; i < config_yaml_length(list); i++) {
		const yaml_node_t *node = config_yaml_item(p, list, i);
		int err = config_value_text(p, key, node, &text);

		if (!err && strcmp(text, "interface") == 0)
			masquerade->to_interface = true;
		else if (!err)
			err = config_value_family_address(p, key, node, &masquerade->to);
		if (err)
			ret = err;
	}
	return ret;
}

/* Letters, digits, hyphens and dots; the last label is not a number, as in an address. */
static bool is_host_name(const char *text)
{
	size_t label = 0, total = strlen(text);
	bool digits = true;

	if (total > 253)
		return false;
	for (const char *c = text; *c; c++) {
		if (*c == '.') {
			if (label == 0 || c[-1] == '-')
				return false;
			/* a final dot ends the last label */
			if (!c[1])
				return !digits;
			label = 0;
			digits = true;
			continue;
		}
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
			    *c) ||
		    (*c == '-' && label == 0) || ++label > 63)
			return false;
		digits = digits && *c >= '0' && *c <= '9';
	}
	return label > 0 && !digits && text[total - 1] != '-';
}

/* A host name, or an IPv4 address */
int config_shape_data_address(struct config_parser *p, const struct config_key *key,
			      const yaml_node_t *list, void *rule)
{
	struct config_publish *publish = rule;
	struct ftpnat_addr addr;
	const char *text;
	int ret;

	publish->data_address.at = config_yaml_mark(list);
	if (config_yaml_length(list) == 0)
		return config_value_empty(p, key, list);
	for (size_t i = 0; i < config_yaml_length(list); i++) {
		const yaml_node_t *node = config_yaml_item(p, list, i);

		ret = config_value_text(p, key, node, &text);
		if (ret)
			return ret;
		if (ftpnat_addr_parse(text, &addr) && is_host_name(text) &&
		    config_yaml_length(list) == 1) {
			publish->data_host = strdup(text);
			if (!publish->data_host)
				return config_error_at(p->err, config_yaml_mark(node),
						       -ENOMEM, "out of memory");
			return 0;
		}
		ret = config_value_address_of_227(p, key, node, &addr) ?:
			      config_value_family_address(p, key, node,
							  &publish->data_address);
		if (ret)
			return ret;
	}
	return 0;
}
