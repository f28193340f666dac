/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the file to the model: read, check, fill in defaults. */
#ifndef FTPNAT_CONFIG_LOAD_H
#define FTPNAT_CONFIG_LOAD_H

#include "config/config.h"

/*
 * Read, validate, fill in defaults. 0 and *out,
 * or -errno and all errors that the file has, in *err,
 * which is empty before. All failures are exit code 2 but -ENOMEM.
 */
int config_load(const char *path, struct config **out, struct config_errors *err);
/* The same from memory; `path` only names it in messages. */
int config_load_text(const char *path, const char *text, size_t len, struct config **out,
		     struct config_errors *err);

/* config_load() that prints all that is wrong. An exit code. */
int config_load_or_report(const char *path, struct config **config);

#endif
