/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FTPNAT_MAP_NAMES_H
#define FTPNAT_MAP_NAMES_H

#include <stdbool.h>

#include "ftpnat_map_table.h"

/* As in bpf/, and of the pin. */
const char *map_name(enum ftpnat_map map);

/* Does it keep what it holds over a reload? */
bool map_survives(enum ftpnat_map map);

/* FTPNAT_MAP_MAX: none, such as the compiler's .rodata. */
enum ftpnat_map map_of_name(const char *name);

#endif
