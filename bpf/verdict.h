/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each step of a packet's way returns: GO_ON, or the reason with which the program
 * ends.
 */
#ifndef FTPNAT_BPF_VERDICT_H
#define FTPNAT_BPF_VERDICT_H

#include "ftpnat_maps.h"

#define GO_ON ((enum ftpnat_reason) - 1) /* none of the reasons */

#endif
