// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/commands.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "config/commands.h"
#include "dataplane/map_walk.h"

static int put(const struct dataplane *dataplane, const struct ftpnat_command_key *key,
	       const struct ftpnat_command *value)
{
	if (!bpf_map_update_elem(dataplane_map(dataplane, FTPNAT_MAP_COMMANDS), key,
				 value, BPF_ANY))
		return 0;
	if (errno == E2BIG)
		return err_r(-errno,
			     "commands: too many of all rules together; at most %d, with "
			     "those of the configuration before (see ftpnat.yaml(5))",
			     FTPNAT_MAX_LISTED_COMMANDS);
	return err_r(-errno, "can't write to map ftpnat_commands: %s", strerror(errno));
}

int commands_put(const struct dataplane *dataplane, __u32 slot, __u16 rule,
		 const struct config_commands *commands)
{
	_cleanup_free_ struct config_command_entry *entries = NULL;
	size_t n = 0;
	int err = config_commands_expand(commands, &entries, &n);

	if (err)
		return err_r(err, "out of memory");
	for (size_t i = 0; !err && i < n; i++) {
		entries[i].key.slot = (__u16)slot;
		entries[i].key.list = (__u16)(rule + 1);
		err = put(dataplane, &entries[i].key, &entries[i].value);
	}
	return err ? err : rule + 1;
}

struct found {
	struct ftpnat_command_key *key;
	size_t n;
	__u16 slot;
	__u16 list; /* 0: all */
};

static int see(const void *key, const void *value, void *arg)
{
	const struct ftpnat_command_key *command = key;
	struct found *found = arg;

	(void)value;
	if (command->slot == found->slot &&
	    (!found->list || command->list == found->list) &&
	    found->n < FTPNAT_MAX_LISTED_COMMANDS)
		found->key[found->n++] = *command;
	return 0;
}

/* The keys of a list; found->key is the caller's to free. */
static int find(const struct dataplane *dataplane, struct found *found)
{
	found->key = calloc(FTPNAT_MAX_LISTED_COMMANDS, sizeof(*found->key));
	if (!found->key)
		return -ENOMEM;
	return map_walk(dataplane_map(dataplane, FTPNAT_MAP_COMMANDS), see, found);
}

int commands_keep(const struct dataplane *dataplane, __u32 slot, __u16 list)
{
	struct found found = { .slot = (__u16)!slot, .list = list };
	int fd = dataplane_map(dataplane, FTPNAT_MAP_COMMANDS);
	int err = find(dataplane, &found);
	struct ftpnat_command value;

	if (err)
		err_r(err, "can't read ftpnat_commands: %s", strerror(-err));
	for (size_t i = 0; !err && i < found.n; i++) {
		if (bpf_map_lookup_elem(fd, &found.key[i], &value))
			continue;
		found.key[i].slot = (__u16)slot;
		err = put(dataplane, &found.key[i], &value);
	}
	free(found.key);
	return err;
}

int commands_clear(const struct dataplane *dataplane, __u32 slot)
{
	struct found found = { .slot = (__u16)slot };
	int err = find(dataplane, &found);

	for (size_t i = 0; !err && i < found.n; i++)
		bpf_map_delete_elem(dataplane_map(dataplane, FTPNAT_MAP_COMMANDS),
				    &found.key[i]);
	free(found.key);
	return err;
}
