/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Expectations: which data connection may come, and what its other end reads. */
#ifndef FTPNAT_MODEL_ALG_EXPECT_H
#define FTPNAT_MODEL_ALG_EXPECT_H

#include "alg_model.h"
#include "alg_place.h"

/* PORT or EPRT: the server will connect to the client. `text` replaces *p if not empty. */
enum alg_refusal alg_expect_active(struct alg_model *m, struct place *p, char *text);
/* 227 or 229 in reply to `command`: the client will connect to the server. */
enum alg_refusal alg_expect_passive(struct alg_model *m, struct place *p, bool is_227,
				    const struct alg_command *command, char *text);

#endif
