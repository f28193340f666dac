// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"

int config_value_bad(struct config_parser *p, const struct config_key *key,
		     const yaml_node_t *node, const char *is)
{
	char quoted[CONFIG_TEXT_LEN];

	config_error_at(p->err, config_yaml_mark(node), -EINVAL,
			"%s: '%s' %s; accepted: %s", key->name,
			config_quote(quoted, (const char *)node->data.scalar.value), is,
			key->accepted);
	return -EINVAL;
}

int config_value_empty(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *list)
{
	return config_error_at(p->err, config_yaml_mark(list), -EINVAL,
			       "%s: is an empty list; accepted: %s", key->name,
			       key->accepted);
}

int config_value_text(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, const char **out)
{
	const char *text = (const char *)node->data.scalar.value;
	const char *is;

	if (node->type == YAML_SEQUENCE_NODE)
		is = "is a list";
	else if (node->type != YAML_SCALAR_NODE)
		is = "is a mapping";
	else if (node->data.scalar.length == 0)
		is = "is empty";
	else if (memchr(text, '\0', node->data.scalar.length))
		is = "contains a NUL character";
	else
		is = NULL;
	if (is) {
		config_error_at(p->err, config_yaml_mark(node), -EINVAL,
				"%s: %s; accepted: %s", key->name, is, key->accepted);
		return -EINVAL;
	}
	*out = text;
	return 0;
}

/*
 * `out` is where the pointer to the array is kept. The array and its length are
 * stored before the items are read: what is there is freed with the rest.
 */
int config_value_list(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out)
{
	size_t n = config_yaml_length(node);
	const char *text;
	char *items;
	int ret = 0;

	if (node->type != YAML_SEQUENCE_NODE && key->list_only) {
		if (node->type == YAML_MAPPING_NODE)
			return config_error_at(
				p->err, config_yaml_mark(node), -EINVAL,
				"%s: is a mapping, not a list; accepted: %s, with `- ` before each",
				key->name, key->accepted);
		ret = config_value_text(p, key, node, &text);
		return ret ? ret : config_value_bad(p, key, node, "is not a list");
	}
	if (n == 0 && !key->may_be_empty)
		return config_value_empty(p, key, node);
	if (n > key->most)
		return config_error_at(
			p->err, config_yaml_mark(config_yaml_item(p, node, key->most)),
			-EINVAL, "%s: has %zu items; accepted: at most %zu", key->name, n,
			key->most);
	if (n == 0)
		return 0;
	items = calloc(n, key->item_size);
	if (!items)
		return config_error_at(p->err, config_yaml_mark(node), -ENOMEM,
				       "out of memory");
	memcpy(out, &items, sizeof(items));
	memcpy((char *)out + key->count, &n, sizeof(n));
	for (size_t i = 0; i < n; i++) {
		int err = key->item(p, key, config_yaml_item(p, node, i),
				    items + i * key->item_size);

		if (err == -ENOMEM)
			return err;
		if (err)
			ret = err;
	}
	return ret;
}

/* As YAML 1.1 has it: no, false and off are one. */
static bool means_off(const struct config_key *key, const char *text)
{
	bool off = false;

	for (unsigned int i = 0; i < key->names_n; i++)
		off = off || !strcmp(key->names[i], "off");
	return off && (!strcasecmp(text, "no") || !strcasecmp(text, "false"));
}

int config_value_choice(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *out)
{
	unsigned int *choice = out;
	const char *text;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < key->names_n; i++) {
		if (strcmp(text, key->names[i]) == 0) {
			*choice = i;
			return 0;
		}
	}
	return config_value_bad(p, key, node,
				means_off(key, text) ?
					"is not one of the choices (did you mean off?)" :
					"is not one of the choices");
}

int config_value_flag(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out)
{
	bool *flag = out;
	unsigned int choice;
	int ret = config_value_choice(p, key, node, &choice);

	if (!ret)
		*flag = choice == 1;
	return ret;
}

int config_value_digits(const char *text, const char **end, uint64_t *out)
{
	uint64_t number = 0;
	const char *c = text;

	for (; isdigit((unsigned char)*c); c++) {
		if (c - text < 18)
			number = number * 10 + (uint64_t)(*c - '0');
	}
	*end = c;
	*out = number;
	if (c == text)
		return -EINVAL;
	return c - text > 18 ? -ERANGE : 0;
}

int config_value_number(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *out)
{
	uint32_t *number = out;
	const char *text, *end;
	uint64_t value;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	ret = config_value_digits(text, &end, &value);
	if (ret == -EINVAL || *end)
		return config_value_bad(p, key, node, "is not a number");
	if (ret || value < key->min || value > key->max)
		return config_value_bad(p, key, node, "is out of range");
	*number = (uint32_t)value;
	return 0;
}

int config_value_seconds(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out)
{
	uint32_t *number = out;
	const char *text;
	uint64_t seconds;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	ret = duration_parse(text, &seconds);
	if (ret == -EINVAL)
		return config_value_bad(p, key, node, "is not a time");
	if (ret || seconds > key->max || seconds < key->min)
		return config_value_bad(p, key, node, "is out of range");
	*number = (uint32_t)seconds;
	return 0;
}

/* N/TIME, where TIME may be a unit alone: 30/min, 5/10min */
int config_value_pace(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out)
{
	static const struct {
		const char *unit;
		uint32_t seconds;
	} units[] = { { "s", 1 },    { "sec", 1 },     { "m", 60 },    { "min", 60 },
		      { "h", 3600 }, { "hour", 3600 }, { "d", 86400 }, { "day", 86400 } };
	uint64_t number, count = 1, seconds = 0;
	struct config_pace *pace = out;
	const char *text, *end;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	if (config_value_digits(text, &end, &number) == -EINVAL || *end != '/')
		return config_value_bad(p, key, node, "is not a number in a time");
	text = end + 1;
	if (isdigit((unsigned char)*text))
		config_value_digits(text, &end, &count);
	else
		end = text;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(end, units[i].unit))
			seconds = units[i].seconds;
	if (!seconds)
		return config_value_bad(p, key, node, "is not a number in a time");
	if (number < key->min || number > key->max || !count ||
	    count > CONFIG_MAX_PACE_TIME / seconds)
		return config_value_bad(p, key, node, "is out of range");
	pace->number = (uint32_t)number;
	pace->seconds = (uint32_t)(count * seconds);
	return 0;
}

/* A text that fits into `size` bytes. */
static int parse_name(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, size_t size, const char **text)
{
	int ret = config_value_text(p, key, node, text);

	if (!ret && strlen(*text) >= size)
		ret = config_value_bad(p, key, node, "is too long");
	return ret;
}

int config_value_name(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_.-";
	const char *text;
	int ret = parse_name(p, key, node, FTPNAT_NAME_LEN, &text);

	if (ret)
		return ret;
	if (text[strspn(text, allowed)])
		return config_value_bad(p, key, node, "is not a name");
	strcpy(out, text);
	return 0;
}

int config_value_rule_name(struct config_parser *p, const struct config_key *key,
			   const yaml_node_t *node, void *out)
{
	struct config_rule *rule = out;
	int ret = config_value_name(p, key, node, rule->name);

	if (!ret)
		rule->at = config_yaml_mark(node);
	return ret;
}

int config_value_interface(struct config_parser *p, const struct config_key *key,
			   const yaml_node_t *node, void *out)
{
	struct config_interface *interface = out;
	const char *text;
	int ret = parse_name(p, key, node, sizeof(interface->name), &text);

	if (ret)
		return ret;
	/* what the kernel refuses, and what should not reach a terminal */
	for (const char *c = text; *c; c++) {
		if (!isgraph((unsigned char)*c) || *c == '/' || *c == ':')
			return config_value_bad(p, key, node, "is not an interface name");
	}
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return config_value_bad(p, key, node, "is not an interface name");
	interface->at = config_yaml_mark(node);
	strcpy(interface->name, text);
	return 0;
}

int config_value_address(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out)
{
	struct ftpnat_addr *addr = out;
	const char *text;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	if (ftpnat_addr_parse(text, addr))
		return config_value_bad(p, key, node, "is not an address");
	if (!ftpnat_addr_is_unicast(addr))
		return config_value_bad(p, key, node, "is not the address of a host");
	return 0;
}

/* 229, the reply to EPSV, names a port only (RFC 2428, 3), so an IPv6 one is of no use. */
int config_value_address_of_227(struct config_parser *p, const struct config_key *key,
				const yaml_node_t *node, void *out)
{
	int ret = config_value_address(p, key, node, out);

	if (!ret && ftpnat_addr_family(out) != FTPNAT_V4)
		ret = config_value_bad(p, key, node,
				       "is an IPv6 address, which no reply names");
	return ret;
}

/* What is wrong with a text that does not parse as one. */
static const char *endpoint_fault(const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[FTPNAT_ENDPOINT_STRLEN];
	struct ftpnat_addr addr;
	uint16_t port;
	size_t len;

	if (!ftpnat_addr_parse(text, &addr))
		return "has no port";
	len = colon ? (size_t)(colon - text) : strlen(text);
	if (colon && len > 2 && text[0] == '[' && colon[-1] == ']') {
		text++;
		len -= 2;
	}
	snprintf(host, sizeof(host), "%.*s", (int)len, text);
	if (colon && colon[1] && !colon[1 + strspn(colon + 1, "0123456789")] &&
	    ftpnat_port_parse(colon + 1, &port) && !ftpnat_addr_parse(host, &addr))
		return "has a port out of range";
	if (isalpha((unsigned char)host[0]) && !strchr(host, ':'))
		return "is a host name, where an address is needed";
	return "is not an address with port";
}

int config_value_endpoint(struct config_parser *p, const struct config_key *key,
			  const yaml_node_t *node, void *out)
{
	const char *text;
	int ret = config_value_text(p, key, node, &text);

	if (!ret && ftpnat_endpoint_parse(text, out))
		ret = config_value_bad(p, key, node, endpoint_fault(text));
	return ret;
}

static bool is_any_address(const struct ftpnat_addr *addr)
{
	return ftpnat_addr_is_none(addr) ||
	       (ftpnat_addr_is_v4(addr) && !addr->w[3]); /* 0.0.0.0 */
}

int config_value_unicast(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out)
{
	struct ftpnat_endpoint *endpoint = out;
	int ret = config_value_endpoint(p, key, node, endpoint);

	if (ret || ftpnat_addr_is_unicast(&endpoint->addr))
		return ret;
	if (is_any_address(&endpoint->addr))
		return config_value_bad(p, key, node,
					"means all addresses: list each one instead");
	return config_value_bad(p, key, node, "is not the address of a host");
}

int config_value_prefix(struct config_parser *p, const struct config_key *key,
			const yaml_node_t *node, void *out)
{
	struct ftpnat_prefix *prefix = out;
	char meant[FTPNAT_PREFIX_STRLEN], is[128];
	const char *text;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	switch (ftpnat_prefix_parse(text, prefix)) {
	case 0:
		return 0;
	case -ERANGE:
		snprintf(is, sizeof(is), "has host bits set (did you mean '%s'?)",
			 ftpnat_prefix_str(meant, prefix));
		return config_value_bad(p, key, node, is);
	default:
		return config_value_bad(p, key, node, "is not a prefix");
	}
}

int config_value_port(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out)
{
	struct config_port *port = out;
	const char *text;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	port->at = config_yaml_mark(node);
	if (ftpnat_port_parse(text, &port->port))
		return config_value_bad(p, key, node, "is not a port");
	return 0;
}

int config_value_ports(struct config_parser *p, const struct config_key *key,
		       const yaml_node_t *node, void *out)
{
	const char *text;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	switch (ftpnat_ports_parse(text, out)) {
	case 0:
		return 0;
	case -ERANGE:
		return config_value_bad(p, key, node, "is a reversed range");
	default:
		return config_value_bad(p, key, node, "is not a port range");
	}
}

int config_value_family_address(struct config_parser *p, const struct config_key *key,
				const yaml_node_t *node, struct config_addresses *out)
{
	struct ftpnat_addr addr;
	int ret = config_value_address(p, key, node, &addr);
	enum ftpnat_family family;
	char is[64];

	if (ret)
		return ret;
	family = ftpnat_addr_family(&addr);
	if (!ftpnat_addr_is_none(&out->family[family])) {
		snprintf(is, sizeof(is), "is a second %s address",
			 ftpnat_family_str(family));
		return config_value_bad(p, key, node, is);
	}
	out->family[family] = addr;
	return 0;
}
