// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/map_walk.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>

#include "base/util.h"

#define BATCH	  256
#define BATCH_MAX (1U << 20) /* entries of one bucket: a batch holds whole buckets */

struct batch {
	__u32 key_size;
	__u32 value_size;
	__u32 room;
	char *keys;
	char *values;
};

static void free_batch(struct batch *batch)
{
	free(batch->keys);
	free(batch->values);
}

static int grow(struct batch *batch, __u32 room)
{
	char *keys = realloc(batch->keys, (size_t)room * batch->key_size);
	char *values;

	if (!keys)
		return -ENOMEM;
	batch->keys = keys;
	values = realloc(batch->values, (size_t)room * batch->value_size);
	if (!values)
		return -ENOMEM;
	batch->values = values;
	batch->room = room;
	return 0;
}

int map_walk(int fd, int (*each)(const void *key, const void *value, void *arg),
	     void *arg)
{
	_cleanup_(free_batch) struct batch batch = { 0 };
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), bucket = 0, next = 0, count;
	bool more = true, begun = false;
	int err;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	batch.key_size = info.key_size;
	batch.value_size = (info.value_size + 7) & ~7U;
	err = grow(&batch, BATCH);
	while (!err && more) {
		count = batch.room;
		err = bpf_map_lookup_batch(fd, begun ? &bucket : NULL, &next, batch.keys,
					   batch.values, &count, NULL);
		if (err == -ENOSPC && batch.room < BATCH_MAX) {
			err = grow(&batch, batch.room * 4);
			continue;
		}
		if (err && err != -ENOENT)
			return err;
		more = !err;
		err = 0;
		for (__u32 i = 0; !err && i < count; i++)
			err = each(batch.keys + (size_t)i * info.key_size,
				   batch.values + (size_t)i * info.value_size, arg);
		bucket = next;
		begun = true;
	}
	return err;
}
