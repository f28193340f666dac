/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one contract between the BPF programs and user space: layouts of all
 * pinned maps. Plain data only, fixed widths, explicit padding (always zero).
 * Any change of a layout raises FTPNAT_LAYOUT; the loader refuses maps that
 * carry another.
 *
 * Byte order: __be16/__be32 are network order, all else is host order.
 * Times are whole seconds of CLOCK_MONOTONIC.
 */
#ifndef FTPNAT_MAPS_H
#define FTPNAT_MAPS_H

#include "ftpnat_client.h"
#include "ftpnat_cluster.h"
#include "ftpnat_event.h"
#include "ftpnat_flow.h"
#include "ftpnat_reasons.h"
#include "ftpnat_rule.h"
#include "ftpnat_session.h"
#include "ftpnat_state.h"
#include "ftpnat_transfer.h"
#include "ftpnat_types.h"

#define FTPNAT_LAYOUT 24

#endif
