/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a table of keys is written. */
#ifndef FTPNAT_CONFIG_KEY_H
#define FTPNAT_CONFIG_KEY_H

#include "config/yaml.h"

#define KEY(type, member, name_, parse_, accepted_, ...)                                 \
	{                                                                                \
		.name = (name_), .parse = (parse_), .accepted = (accepted_),             \
		.offset = offsetof(type, member), __VA_ARGS__                            \
	}

/* A list is kept as `member`, its length as `member`_n. */
#define LIST(type, member, name_, item_, most_, accepted_, ...)                          \
	{                                                                                \
		.name = (name_), .parse = config_value_list, .accepted = (accepted_),    \
		.offset = offsetof(type, member), .item = (item_),                       \
		.item_size = sizeof(*((type *)0)->member), .most = (most_),              \
		.count = offsetof(type, member##_n) - offsetof(type, member),            \
		__VA_ARGS__                                                              \
	}

/* What keys in several tables accept. */
#define ENDPOINT_TEXT                                                                    \
	"ADDRESS:PORT with a port from 1 to 65535, IPv6 as \"[2001:db8::10]:21\""
#define TIME_TEXT   "1s to 30d, with s, m, h, d or as plain seconds"
#define LIMIT_TEXT  "a number from 1 to 67108864"
#define NAME_TEXT   "1 to 31 of A-Z a-z 0-9 _ . -"
#define IFNAME_TEXT "an interface name of 1 to 15 characters"

_Static_assert(CONFIG_MAX_LIMIT == 67108864, "as LIMIT_TEXT says");
_Static_assert(CONFIG_MAX_TIMEOUT == 2592000, "as TIME_TEXT says");
_Static_assert(FTPNAT_NAME_LEN == 32 && FTPNAT_IFNAME_LEN == 16, "as the texts say");

#endif
