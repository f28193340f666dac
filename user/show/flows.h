/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FTPNAT_FLOWS_H
#define FTPNAT_FLOWS_H

#include "show/connections.h"

/*
 * Ends the connections that match, and the data connections of those that are control
 * connections. `ended` gets all of them. Reports its errors.
 */
int flows_delete(const struct view *view, const struct filter *filter,
		 struct connections *ended);

#endif
