/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Right configuration files. */
#ifndef FTPNAT_TEST_CONFIG_TEXT_H
#define FTPNAT_TEST_CONFIG_TEXT_H

#include "config/config.h"

/* The test fails where it is not a right file. */
struct config *config_parsed(const char *yaml);
/* As `check` would print it, to be freed. */
char *config_printed(const struct config *cfg);

#endif
