/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What listings are to show: all that is given must match. */
#ifndef FTPNAT_FILTER_H
#define FTPNAT_FILTER_H

#include <stdbool.h>

#include "base/addr.h"
#include "ftpnat_maps.h"

struct filter {
	const char *rule; /* NULL: all, as of all texts here */
	const char *kind;
	const char *state;
	const char *reason;
	bool by_client;
	bool by_server;
	struct ftpnat_prefix client;
	struct ftpnat_prefix server;
	__be16 port;	    /* any port of the connection; 0: all */
	__be16 server_port; /* that of the server; 0: all */
};

/* Is anything asked for? */
bool filter_given(const struct filter *filter);

/* Does the word match what is asked for, if anything is? */
bool filter_word(const char *wanted, const char *word);

/* The ends: `client` as the client sees the connection, `server` as the server does. */
bool filter_ends(const struct filter *filter, const struct ftpnat_tuple *client,
		 const struct ftpnat_tuple *server);

#endif
