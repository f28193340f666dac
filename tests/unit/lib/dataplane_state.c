// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* State and counters, read from the maps. */
#include "dataplane_parts.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

const char *reason_name(enum ftpnat_reason reason)
{
	static const char *const names[] = {
#define X(symbol, string, meaning, advice) [FTPNAT_##symbol] = (string),
		FTPNAT_REASONS(X)
#undef X
	};

	return reason < FTPNAT_REASON_MAX ? names[reason] : "(no reason)";
}

void dataplane_counters(struct counters *counters)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 value[cpus];

	memset(counters, 0, sizeof(*counters));
	for (__u32 key = 0; key < FTPNAT_REASON_MAX; key++) {
		assert_int_equal(
			bpf_map_lookup_elem(
				bpf_map__fd(dataplane_skel()->maps.ftpnat_reasons), &key,
				value),
			0);
		for (int i = 0; i < cpus; i++)
			counters->reason[key] += value[i];
	}
}

bool dataplane_counted(const char *says, const struct counters *before,
		       enum ftpnat_reason reason, const enum ftpnat_reason *also)
{
	__u64 expected[FTPNAT_REASON_MAX] = { 0 };
	struct counters after;
	bool good = true;

	if (reason < FTPNAT_REASON_MAX)
		expected[reason]++;
	for (; also && *also < FTPNAT_REASON_MAX; also++)
		expected[*also]++;
	dataplane_counters(&after);
	for (unsigned int i = 0; i < FTPNAT_REASON_MAX; i++) {
		__u64 got = after.reason[i] - before->reason[i];

		if (got == expected[i])
			continue;
		printf("%s: %s rose by %llu, expected %llu\n", says, reason_name(i), got,
		       expected[i]);
		good = false;
	}
	return good;
}

void dataplane_stats(__u16 rule, struct ftpnat_rule_stats *stats)
{
	int cpus = libbpf_num_possible_cpus();
	struct ftpnat_rule_stats value[cpus];
	const __u32 key = rule;

	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(dataplane_skel()->maps.ftpnat_stats),
				    &key, value),
		0);
	memset(stats, 0, sizeof(*stats));
	for (int i = 0; i < cpus; i++)
		for (size_t n = 0; n < sizeof(*stats) / sizeof(__u64); n++)
			((__u64 *)stats)[n] += ((const __u64 *)&value[i])[n];
}

void dataplane_usage(struct ftpnat_usage *usage)
{
	const __u32 key = 0;

	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(dataplane_skel()->maps.ftpnat_usage),
				    &key, usage),
		0);
}

static bool find(const struct bpf_map *map, const void *key, void *value)
{
	return !bpf_map_lookup_elem(bpf_map__fd(map), key, value);
}

bool dataplane_flow(const struct ftpnat_tuple *key, struct ftpnat_flow *flow)
{
	return find(dataplane_skel()->maps.ftpnat_flows, key, flow);
}

bool dataplane_expected(const struct ftpnat_expected_key *key,
			struct ftpnat_expected *expected)
{
	return find(dataplane_skel()->maps.ftpnat_expected, key, expected);
}

void dataplane_silence(__u32 seconds)
{
	int fd = bpf_map__fd(dataplane_skel()->maps.ftpnat_sessions);
	struct ftpnat_session session;
	__u32 id, *last = NULL;

	while (!bpf_map_get_next_key(fd, last, &id)) {
		assert_int_equal(bpf_map_lookup_elem(fd, &id, &session), 0);
		session.spoken -= seconds;
		assert_int_equal(bpf_map_update_elem(fd, &id, &session, BPF_EXIST), 0);
		last = &id;
	}
}

bool dataplane_session(__u32 id, struct ftpnat_session *session)
{
	return find(dataplane_skel()->maps.ftpnat_sessions, &id, session);
}

static size_t entries(const struct bpf_map *map)
{
	uint8_t key[64], *previous = NULL;
	size_t n = 0;

	assert_true(bpf_map__key_size(map) <= sizeof(key));
	while (!bpf_map_get_next_key(bpf_map__fd(map), previous, key)) {
		previous = key;
		n++;
	}
	return n;
}

size_t dataplane_flows(void)
{
	return entries(dataplane_skel()->maps.ftpnat_flows);
}

size_t dataplane_logs(void)
{
	int fd = bpf_map__fd(dataplane_skel()->maps.ftpnat_sessions);
	struct ftpnat_session session;
	__u32 id, *last = NULL;
	size_t n = 0;

	while (!bpf_map_get_next_key(fd, last, &id)) {
		assert_int_equal(bpf_map_lookup_elem(fd, &id, &session), 0);
		n += !!session.log;
		last = &id;
	}
	return n;
}

size_t dataplane_logs_made(void)
{
	return entries(dataplane_skel()->maps.ftpnat_logs);
}

void dataplane_age_logs(void)
{
	int fd = bpf_map__fd(dataplane_skel()->maps.ftpnat_sessions);
	struct ftpnat_session session;
	__u32 id[LIMIT], *last = NULL;
	size_t n = 0;

	/* first all keys: an update moves its entry to the front */
	while (n < LIMIT && !bpf_map_get_next_key(fd, last, &id[n]))
		last = &id[n++];
	while (n--) {
		assert_int_equal(bpf_map_lookup_elem(fd, &id[n], &session), 0);
		session.logged--;
		assert_int_equal(bpf_map_update_elem(fd, &id[n], &session, BPF_EXIST), 0);
	}
}

size_t dataplane_sessions(void)
{
	return entries(dataplane_skel()->maps.ftpnat_sessions);
}

size_t dataplane_expectations(void)
{
	return entries(dataplane_skel()->maps.ftpnat_expected);
}

void dataplane_expectation(struct ftpnat_expected_key *key,
			   struct ftpnat_expected *expected)
{
	assert_int_equal(dataplane_expectations(), 1);
	assert_int_equal(
		bpf_map_get_next_key(bpf_map__fd(dataplane_skel()->maps.ftpnat_expected),
				     NULL, key),
		0);
	assert_true(dataplane_expected(key, expected));
}

struct ftpnat_tuple tuple(const char *src, uint16_t sport, const char *dst,
			  uint16_t dport)
{
	return (struct ftpnat_tuple){ .src = address(src),
				      .dst = address(dst),
				      .sport = htons(sport),
				      .dport = htons(dport) };
}
