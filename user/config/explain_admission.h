/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What rules of several kinds let through, refuse and mark, in sentences. */
#ifndef FTPNAT_EXPLAIN_ADMISSION_H
#define FTPNAT_EXPLAIN_ADMISSION_H

#include <jansson.h>

#include "config/config.h"

void explain_admission(json_t *list, const struct config_admission *admission);

/* modes: those allowed; foreign: FXP is */
void explain_refused(json_t *list, uint8_t modes, bool foreign);

/* stack: do its forwarded packets go up the stack? */
void explain_qos(json_t *list, const struct config_qos *qos, bool stack);

#endif
