// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/key.h"
#include "config/value.h"

#define COLLECTOR_TEXT                                                                   \
	"ADDRESS:PORT of a collector with a port from 1 to 65535, IPv6 as "              \
	"\"[2001:db8::10]:4739\""

static const char *const transport_names[] = { "udp", "tcp" };
static const char *const flag_names[] = { "false", "true" };

/* The path of a file. It is opened by `run`, whose directory is not the configuration's. */
static int parse_path(struct config_parser *p, const struct config_key *key,
		      const yaml_node_t *node, void *out)
{
	char **path = out;
	const char *text;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	if (text[0] != '/')
		return config_value_bad(p, key, node, "is not an absolute path");
	if (text[strlen(text) - 1] == '/')
		return config_value_bad(p, key, node, "names a directory");
	*path = strdup(text);
	if (!*path)
		return config_error_at(p->err, config_yaml_mark(node), -ENOMEM,
				       "out of memory");
	return 0;
}

/* Of keys that mean nothing without another one. */
static int check_records(struct config_parser *p, const struct config_records *records)
{
	if (!records->transfers && !records->nat && !records->ipfix.port)
		return config_error_at(p->err, records->at, -EINVAL,
				       "records: nothing is to be written; accepted: one "
				       "of transfers, nat, ipfix, or several");
	if (records->format != CONFIG_FORMAT_JSON && !records->transfers)
		return config_error_at(p->err, records->at, -EINVAL,
				       "records: format without transfers; accepted: "
				       "both, or no format");
	if (records->ipfix_tcp && !records->ipfix.port)
		return config_error_at(
			p->err, records->at, -EINVAL,
			"records: ipfix_transport without ipfix; accepted: "
			"both, or no ipfix_transport");
	if (records->nat && records->transfers &&
	    !strcmp(records->nat, records->transfers))
		return config_error_at(p->err, records->at, -EINVAL,
				       "records: transfers and nat are the same file; "
				       "accepted: two files");
	return 0;
}

int config_records(struct config_parser *p, const struct config_key *key,
		   const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		KEY(struct config_records, transfers, "transfers", parse_path,
		    "the absolute path of a file"),
		KEY(struct config_records, format, "format", config_value_choice,
		    "json, xferlog", .names = config_format_names,
		    .names_n = ARRAY_SIZE(config_format_names)),
		KEY(struct config_records, nat, "nat", parse_path,
		    "the absolute path of a file"),
		KEY(struct config_records, ipfix, "ipfix", config_value_unicast,
		    COLLECTOR_TEXT),
		KEY(struct config_records, ipfix_tcp, "ipfix_transport",
		    config_value_flag, "udp, tcp", .names = transport_names,
		    .names_n = ARRAY_SIZE(transport_names)),
		KEY(struct config_records, destinations, "destinations",
		    config_value_flag, "true, false", .names = flag_names,
		    .names_n = ARRAY_SIZE(flag_names)),
	};
	struct config_records *records = out;
	int ret;

	records->at = config_yaml_mark(node);
	ret = config_yaml_mapping(p, keys, ARRAY_SIZE(keys), key->name, node, records);
	return ret ? ret : check_records(p, records);
}
