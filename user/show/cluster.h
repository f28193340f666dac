/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FTPNAT_SHOW_CLUSTER_H
#define FTPNAT_SHOW_CLUSTER_H

#include "dataplane/view.h"

/* 0, or -ENOENT with a message: its configuration has no `cluster`. */
int cluster_needed(const struct view *view);

#endif
