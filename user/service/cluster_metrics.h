/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FTPNAT_CLUSTER_METRICS_H
#define FTPNAT_CLUSTER_METRICS_H

#include "cluster/member.h"

/* Adds the cluster's families; none without `cluster:`. */
void cluster_metrics(const struct member *member, json_t *families);

#endif
