/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `status` says in words: each sentence with what to do about it. */
#ifndef FTPNAT_SENTENCES_H
#define FTPNAT_SENTENCES_H

#include <jansson.h>

#include "dataplane/view.h"

void __attribute__((format(printf, 2, 3)))
sentence(json_t *list, const char *format, ...);

/*
 * Look for what is wrong with forwarding, the servers, addresses and the service of the
 * rules in force, from inside the instance's network namespace. `hints` gets what may be
 * intended. Reports its errors.
 */
int sentences_forwarding(const struct view *view, json_t *degraded);
int sentences_servers(const struct view *view, json_t *degraded);
int sentences_addresses(const struct view *view, json_t *degraded, json_t *hints);
void sentences_service(const struct view *view, json_t *degraded);

#endif
