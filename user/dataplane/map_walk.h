/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef FTPNAT_MAP_WALK_H
#define FTPNAT_MAP_WALK_H

/*
 * Calls `each` for every entry of a hash map, in batches. The table may change during
 * the walk, which ends all the same and sees entries that stay exactly once. A return
 * other than 0 ends the walk and is returned; -errno if the map can't be read.
 */
int map_walk(int fd, int (*each)(const void *key, const void *value, void *arg),
	     void *arg);

#endif
