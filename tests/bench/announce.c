// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Announces many data connections at once, all like the only one that is announced
 * now: flow n of the generator (frame.h) may then come from
 * FIRST_CLIENT + high part, to port FIRST_PORT + low part.
 *
 *   announce PIN COUNT FIRST_CLIENT FIRST_PORT
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include <bpf/bpf.h>

#include "frame.h"
#include "ftpnat_maps.h"
#include "base/util.h"

static void die(const char *what)
{
	fprintf(stderr, "announce: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_map(const char *pin, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", pin, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		die(path);
	return fd;
}

int main(int argc, char **argv)
{
	_cleanup_free_ struct ftpnat_expected_key *key = NULL;
	_cleanup_free_ struct ftpnat_expected *value = NULL;
	struct ftpnat_expected_key only, next;
	struct ftpnat_expected expectation;
	struct ftpnat_usage usage;
	struct in_addr client;
	const __u32 zero = 0;
	struct timespec now;
	__u32 count, n;
	__u16 port;
	int map, usage_map;

	if (argc != 5 || inet_pton(AF_INET, argv[3], &client) != 1) {
		fprintf(stderr, "usage: announce PIN COUNT FIRST_CLIENT FIRST_PORT\n");
		return 2;
	}
	n = count = (__u32)atoi(argv[2]);
	port = (__u16)atoi(argv[4]);
	map = open_map(argv[1], "ftpnat_expected");
	usage_map = open_map(argv[1], "ftpnat_usage");
	if (bpf_map_get_next_key(map, NULL, &only) ||
	    !bpf_map_get_next_key(map, &only, &next) ||
	    bpf_map_lookup_elem(map, &only, &expectation)) {
		fprintf(stderr,
			"announce: there must be exactly one announced connection\n");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	expectation.created = (__u32)now.tv_sec;

	key = calloc(count, sizeof(*key));
	value = calloc(count, sizeof(*value));
	if (!key || !value)
		die("memory");
	for (__u32 i = 0; i < count; i++) {
		__u16 low = i & ((1 << BENCH_LOW_BITS) - 1);

		key[i] = only;
		key[i].peer.w[3] = htonl(ntohl(client.s_addr) + (i >> BENCH_LOW_BITS));
		key[i].dport = htons((__u16)(port + low));
		value[i] = expectation;
		value[i].dport = key[i].dport;
	}
	if (bpf_map_update_batch(map, key, value, &n, NULL) || n != count)
		die("cannot write ftpnat_expected");
	/* the dataplane counts them off again as they are used */
	if (bpf_map_lookup_elem(usage_map, &zero, &usage))
		die("ftpnat_usage");
	usage.expected += count;
	if (bpf_map_update_elem(usage_map, &zero, &usage, BPF_ANY))
		die("ftpnat_usage");
	return 0;
}
