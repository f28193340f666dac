/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which command a reply answers. */
#ifndef FTPNAT_MODEL_ALG_COMMAND_H
#define FTPNAT_MODEL_ALG_COMMAND_H

#include "alg_model.h"

/* The command that a reply of this code answers; NONE: any. */
int alg_command_of(unsigned code);
/*
 * 227, 229 and 234 answer the oldest PASV, EPSV or AUTH wherever it waits, and all before
 * it are through. Any other reply answers the oldest command, if it can.
 */
struct alg_command alg_command_take(struct alg_model *m, unsigned code);
/* Is the oldest command that matters a PASV or EPSV, from before the present line? */
bool alg_command_awaits_passive(const struct alg_model *m);

#endif
