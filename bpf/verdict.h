/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each step returns: GO_ON, or the enum ftpnat_reason with which the program ends.
 */
#ifndef FTPNAT_BPF_VERDICT_H
#define FTPNAT_BPF_VERDICT_H

#include "ftpnat_maps.h"

#define GO_ON (-1) /* no reason is negative */

#endif
