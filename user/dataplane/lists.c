// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/lists.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "dataplane/map_names.h"
#include "ftpnat_tc.skel.h"

#define V4_BITS 96 /* in front of an IPv4 address in its 16-byte form */

/* A prefix of one of the lists. */
struct listed {
	struct ftpnat_prefix_key key;
	__u32 admitted;
};

struct listing {
	struct listed *entry;
	size_t n;
};

static void free_listing(struct listing *listing)
{
	free(listing->entry);
}

static void list(struct listing *listing, const struct config_prefix_item *items,
		 size_t n, bool admitted)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < items[i].prefixes_n; j++) {
			const struct ftpnat_prefix *prefix = &items[i].prefixes[j];
			__u32 bits = ftpnat_addr_is_v4(&prefix->addr) ? V4_BITS : 0;

			listing->entry[listing->n++] = (struct listed){
				.key = { .len = bits + prefix->len,
					 .addr = prefix->addr },
				.admitted = admitted,
			};
		}
	}
}

static size_t count_prefixes(const struct config_prefix_item *items, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += items[i].prefixes_n;
	return sum;
}

/* A prefix before those in it; of two that are the same, the one of `deny` first. */
static int compare(const void *one, const void *two)
{
	const struct listed *a = one, *b = two;
	int order = memcmp(&a->key.addr, &b->key.addr, sizeof(a->key.addr));

	if (order)
		return order;
	if (a->key.len != b->key.len)
		return a->key.len < b->key.len ? -1 : 1;
	return (int)a->admitted - (int)b->admitted;
}

static bool contains(const struct ftpnat_prefix_key *outer,
		     const struct ftpnat_prefix_key *inner)
{
	__u32 bytes = outer->len / 8, bits = outer->len % 8;
	const __u8 *a = outer->addr.octet, *b = inner->addr.octet;

	return outer->len <= inner->len && !memcmp(a, b, bytes) &&
	       (!bits || (a[bytes] ^ b[bytes]) >> (8 - bits) == 0);
}

/*
 * Drops prefixes within one of `deny`, and those listed twice: the longest prefix
 * decides then. IPv4 addresses are in no IPv6 prefix.
 */
static void settle(struct listing *listing)
{
	const struct listed *denied = NULL, *last = NULL;
	size_t kept = 0;

	qsort(listing->entry, listing->n, sizeof(*listing->entry), compare);
	for (size_t i = 0; i < listing->n; i++) {
		struct listed entry = listing->entry[i];
		bool same_family = denied && ftpnat_addr_is_v4(&denied->key.addr) ==
						     ftpnat_addr_is_v4(&entry.key.addr);

		if ((same_family && contains(&denied->key, &entry.key)) ||
		    (last && !memcmp(&last->key, &entry.key, sizeof(entry.key))))
			continue;
		listing->entry[kept] = entry;
		last = &listing->entry[kept++];
		if (!entry.admitted)
			denied = last;
	}
	listing->n = kept;
}

static int gather(struct listing *listing, const struct config_admission *admission)
{
	const struct listed all_v4 = {
		.key = { .len = V4_BITS,
			 .addr = { .octet = { [10] = 0xff, [11] = 0xff } } },
		.admitted = !admission->clients_n,
	};
	size_t room = count_prefixes(admission->clients, admission->clients_n) +
		      count_prefixes(admission->deny, admission->deny_n) + 1;
	bool has_all_v4 = false;

	listing->entry = calloc(room, sizeof(*listing->entry));
	if (!listing->entry)
		return -ENOMEM;
	list(listing, admission->clients, admission->clients_n, true);
	list(listing, admission->deny, admission->deny_n, false);
	settle(listing);
	/* of IPv4 clients that are not listed no prefix like ::/0 decides */
	for (size_t i = 0; i < listing->n; i++)
		has_all_v4 |=
			!memcmp(&listing->entry[i].key, &all_v4.key, sizeof(all_v4.key));
	if (!has_all_v4)
		listing->entry[listing->n++] = all_v4;
	return 0;
}

static int create(const struct dataplane *dataplane, size_t entries)
{
	const struct bpf_object *object = dataplane->skel->obj;
	const struct btf *btf = bpf_object__btf(object);
	__s32 key = btf__find_by_name_kind(btf, "ftpnat_prefix_key", BTF_KIND_STRUCT);
	__s32 value = btf__find_by_name_kind(btf, "__u32", BTF_KIND_TYPEDEF);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int fd;

	if (key > 0 && value > 0) {
		opts.btf_fd = (__u32)bpf_object__btf_fd(object);
		opts.btf_key_type_id = (__u32)key;
		opts.btf_value_type_id = (__u32)value;
	}
	fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "ftpnat_prefixes",
			    sizeof(struct ftpnat_prefix_key), sizeof(__u32),
			    (__u32)entries, &opts);
	return fd < 0 ? -errno : fd;
}

static int fill(int fd, const struct listing *listing)
{
	_cleanup_free_ struct ftpnat_prefix_key *keys = calloc(listing->n, sizeof(*keys));
	_cleanup_free_ __u32 *values = calloc(listing->n, sizeof(*values));
	__u32 n = (__u32)listing->n;

	if (!keys || !values)
		return -ENOMEM;
	for (size_t i = 0; i < listing->n; i++) {
		keys[i] = listing->entry[i].key;
		values[i] = listing->entry[i].admitted;
	}
	return bpf_map_update_batch(fd, keys, values, &n, NULL) ? -errno : 0;
}

int lists_put(const struct dataplane *dataplane, __u32 index,
	      const struct config_admission *admission, const char *rule)
{
	_cleanup_(free_listing) struct listing listing = { 0 };
	_cleanup_close_ int fd = -1;
	int err = gather(&listing, admission);

	if (!err) {
		fd = create(dataplane, listing.n);
		err = fd < 0 ? fd : fill(fd, &listing);
	}
	if (!err && bpf_map_update_elem(dataplane_map(dataplane, FTPNAT_MAP_LISTS),
					&index, &fd, BPF_ANY))
		err = -errno;
	if (err)
		return err_r(err,
			     "rule %s: can't load %zu prefixes of clients and deny: %s "
			     "(free memory, or shorten the lists)",
			     rule, listing.n, strerror(-err));
	return 0;
}

void lists_clear(const struct dataplane *dataplane, __u32 slot)
{
	int fd = dataplane_map(dataplane, FTPNAT_MAP_LISTS);

	for (__u32 id = 0; id < FTPNAT_MAX_RULES; id++) {
		__u32 index = slot * FTPNAT_MAX_RULES + id, inner;

		/* each deletion waits for the programs that may read it */
		if (!bpf_map_lookup_elem(fd, &index, &inner))
			bpf_map_delete_elem(fd, &index);
	}
}
