/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FTPNAT_STATUS_H
#define FTPNAT_STATUS_H

#include "dataplane/view.h"

/*
 * What is wrong: an array as of fault(), empty when all is well, for the caller to
 * release. Reports its errors.
 */
int status_degraded(const struct view *view, json_t **degraded);

#endif
