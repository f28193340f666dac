// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs: loaded, emptied between tests, their lists and events. */
#include "dataplane_parts.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/lists.h"
#include "dataplane/load.h"

#define QUEUE 4096 /* blocks of ftpnat_queue: nobody waits here for what has ended */

#define EVENTS 64 /* kept of each reader */

/* so many of each are cleared between tests */
#define RULES	  8
#define SERVERS	  16
#define SELECTORS 8

struct reader {
	struct ring_buffer *ring;
	int fd;
	size_t number; /* since dataplane_readers() */
	struct ftpnat_line_event event[EVENTS];
};

/* The programs of a gateway. */
static struct gateway {
	struct ftpnat_tc *skel;
	struct ftpnat_readers *readers; /* of events */
	struct reader reader[READERS];
} gateways[GATEWAYS + 1], *gateway = gateways; /* the one at hand; 0: without a cluster */

/* dataplane_object() */
static const void *elf;
static size_t elf_size;

static char missing[256]; /* why nothing can be tested here */

struct ftpnat_tc *dataplane_skel(void)
{
	return gateway->skel;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

static int keep_event(void *ctx, void *data, size_t size)
{
	struct reader *reader = ctx;
	struct ftpnat_line_event *e = &reader->event[reader->number % EVENTS];

	assert_true(size == sizeof(e->event) || size == sizeof(*e) ||
		    size == sizeof(struct ftpnat_transfer_event));
	memset(e, 0, sizeof(*e));
	memcpy(e, data,
	       size < sizeof(*e) ? size : sizeof(*e)); /* of a transfer, its start */
	reader->number++;
	return 0;
}

static void begin_reader(__u32 slot)
{
	struct reader *r = &gateway->reader[slot];

	r->fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, NULL, 0, 0,
			       slot ? EVENTS_SIZE : FTPNAT_EVENTS_SIZE, NULL);
	assert_true(r->fd >= 0);
	r->ring = ring_buffer__new(r->fd, keep_event, r, NULL);
	assert_non_null(r->ring);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(gateway->skel->maps.ftpnat_events), &slot,
				    &r->fd, BPF_ANY),
		0);
}

/* ftpnat_tc__open(), of the object that is to be loaded. */
static void open_object(void)
{
	gateway->skel = calloc(1, sizeof(*gateway->skel));
	assert_non_null(gateway->skel);
	assert_int_equal(ftpnat_tc__create_skeleton(gateway->skel), 0);
	if (elf) {
		gateway->skel->skeleton->data = (void *)elf;
		gateway->skel->skeleton->data_sz = elf_size;
	}
	assert_int_equal(bpf_object__open_skeleton(gateway->skel->skeleton, NULL), 0);
}

void dataplane_object(const void *bytes, size_t size)
{
	elf = bytes;
	elf_size = size;
}

static void load(void)
{
	libbpf_set_print(quiet);
	open_object();
	bpf_map__set_max_entries(gateway->skel->maps.ftpnat_flows, 4 * LIMIT);
	bpf_map__set_max_entries(gateway->skel->maps.ftpnat_sessions, LIMIT);
	bpf_map__set_max_entries(gateway->skel->maps.ftpnat_logs, LIMIT);
	bpf_map__set_max_entries(gateway->skel->maps.ftpnat_queue, QUEUE);
	bpf_map__set_max_entries(gateway->skel->maps.ftpnat_transfers, LIMIT);
	bpf_map__set_max_entries(gateway->skel->maps.ftpnat_tls, LIMIT);
	bpf_map__set_max_entries(gateway->skel->maps.ftpnat_expected, LIMIT);
	bpf_map__set_max_entries(gateway->skel->maps.ftpnat_clients, 2 * LIMIT);
	gateway->skel->rodata->ftpnat_slot = (__u32)(gateway - gateways);
	gateway->skel->rodata->ftpnat_inject_mark = INJECT_MARK;
	gateway->skel->rodata->ftpnat_patience = 1U << 30; /* on the slowest machine */
	assert_int_equal(ftpnat_tc__load(gateway->skel), 0);
	gateway->readers = mmap(NULL, sizeof(*gateway->readers), PROT_READ | PROT_WRITE,
				MAP_SHARED,
				bpf_map__fd(gateway->skel->maps.ftpnat_readers), 0);
	assert_true(gateway->readers != MAP_FAILED);
	for (__u32 i = 0; i < READERS; i++)
		begin_reader(i);
}

int dataplane_setup(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET))
		snprintf(missing, sizeof(missing), "no network namespace of its own: %s",
			 strerror(errno));
	else
		dataplane_make_network();
	dataplane_open_tap();
	return 0;
}

int dataplane_teardown(void **state)
{
	(void)state;
	for (gateway = gateways + GATEWAYS;; gateway--) {
		for (__u32 i = 0; i < READERS && gateway->skel; i++) {
			ring_buffer__free(gateway->reader[i].ring);
			close(gateway->reader[i].fd);
		}
		ftpnat_tc__destroy(gateway->skel);
		gateway->skel = NULL;
		if (gateway == gateways)
			return 0;
	}
}

void dataplane_gateway(__u32 slot)
{
	assert_true(slot <= GATEWAYS);
	gateway = &gateways[slot];
}

static void empty(const struct bpf_map *map)
{
	uint8_t key[64];

	assert_true(bpf_map__key_size(map) <= sizeof(key));
	while (!bpf_map_get_next_key(bpf_map__fd(map), NULL, key))
		bpf_map_delete_elem(bpf_map__fd(map), key);
}

/* The first `n` entries of an array, of each half of `half` entries if that isn't 0. */
static void zero(const struct bpf_map *map, __u32 n, __u32 half)
{
	size_t size =
		(size_t)bpf_map__value_size(map) * (size_t)libbpf_num_possible_cpus();
	_cleanup_free_ void *value =
		calloc(1, size + 8 * (size_t)libbpf_num_possible_cpus());

	for (__u32 i = 0; i < n; i++) {
		__u32 second = half + i;

		bpf_map_update_elem(bpf_map__fd(map), &i, value, BPF_ANY);
		if (half)
			bpf_map_update_elem(bpf_map__fd(map), &second, value, BPF_ANY);
	}
}

static void drain(const struct bpf_map *queue)
{
	uint8_t entry[64];

	assert_true(bpf_map__value_size(queue) <= sizeof(entry));
	while (!bpf_map_lookup_and_delete_elem(bpf_map__fd(queue), NULL, entry))
		;
}

/* The servers stay. */
static void serve_none(void)
{
	int fd = bpf_map__fd(gateway->skel->maps.ftpnat_served);
	const struct ftpnat_served none = { 0 };
	struct ftpnat_served_key key;

	for (int end = bpf_map_get_next_key(fd, NULL, &key); !end;
	     end = bpf_map_get_next_key(fd, &key, &key))
		bpf_map_update_elem(fd, &key, &none, BPF_EXIST);
}

void dataplane_forget(void)
{
	/* first: the timer would end the next test's connection of the same tuple, second and id */
	drain(gateway->skel->maps.ftpnat_ending);
	empty(gateway->skel->maps.ftpnat_flows);
	empty(gateway->skel->maps.ftpnat_sessions);
	empty(gateway->skel->maps.ftpnat_logs);
	empty(gateway->skel->maps.ftpnat_transfers);
	drain(gateway->skel->maps.ftpnat_spare);
	empty(gateway->skel->maps.ftpnat_tls);
	empty(gateway->skel->maps.ftpnat_expected);
	empty(gateway->skel->maps.ftpnat_clients);
	zero(gateway->skel->maps.ftpnat_usage, 1, 0);
	serve_none();
	dataplane_readers(1 << 0);
}

/*
 * The working memory of the programs keeps what the previous test left, as in operation.
 */
static void clear(void)
{
	dataplane_forget();
	empty(gateway->skel->maps.ftpnat_served);
	empty(gateway->skel->maps.ftpnat_client_paces);
	zero(gateway->skel->maps.ftpnat_paces, FTPNAT_DIR_MAX * FTPNAT_MAX_RULES, 0);
	empty(gateway->skel->maps.ftpnat_listens);
	empty(gateway->skel->maps.ftpnat_ifaddrs);
	empty(gateway->skel->maps.ftpnat_guards);
	drain(gateway->skel->maps.ftpnat_closed_c);
	drain(gateway->skel->maps.ftpnat_closed_d);
	drain(gateway->skel->maps.ftpnat_half_open);
	lists_clear(&(struct dataplane){ .skel = gateway->skel }, 0);
	lists_clear(&(struct dataplane){ .skel = gateway->skel }, 1);
	zero(gateway->skel->maps.ftpnat_rules, RULES, FTPNAT_MAX_RULES);
	for (__u16 id = 0; id < RULES; id++)
		dataplane_qos(id, 0);
	zero(gateway->skel->maps.ftpnat_servers, SERVERS, FTPNAT_MAX_SERVERS);
	zero(gateway->skel->maps.ftpnat_select, SELECTORS, FTPNAT_MAX_SELECTORS);
	zero(gateway->skel->maps.ftpnat_stats, RULES, 0);
	zero(gateway->skel->maps.ftpnat_reasons, FTPNAT_REASON_MAX, 0);
}

void dataplane_fresh(void)
{
	struct packet copy;

	if (*missing) {
		printf("%s\n", missing);
		skip();
	}
	while (dataplane_copy(&copy))
		;
	if (gateway->skel)
		clear();
	else
		load();
	*dataplane_config() = (struct ftpnat_config){
		.layout = FTPNAT_LAYOUT,
		.limit = { LIMIT, LIMIT },
		.limit_expected = LIMIT,
		.timeout = { 7440, 7440 },
		.timeout_closing = 240,
		.period = 240,
		.timeout_expected = 60,
	};
	dataplane_apply();
	dataplane_attached(OUTER, 1 << 0);
	dataplane_attached(INNER, 1 << 0);
}

__u16 dataplane_lists(__u16 rule, const char *const *clients, const char *const *deny)
{
	const struct dataplane dataplane = { .skel = gateway->skel };
	struct config_prefix_item items[2][8] = { 0 };
	struct ftpnat_prefix prefixes[2][8];
	const char *const *texts[2] = { clients, deny };
	size_t n[2] = { 0, 0 };
	struct config_admission admission;

	for (int i = 0; i < 2; i++)
		for (; texts[i] && texts[i][n[i]]; n[i]++) {
			struct config_prefix_item *item = &items[i][n[i]];

			assert_true(n[i] < ARRAY_SIZE(items[i]));
			item->prefixes = &prefixes[i][n[i]];
			item->prefixes_n = 1;
			assert_int_equal(
				ftpnat_prefix_parse(texts[i][n[i]], item->prefixes), 0);
		}
	admission = (struct config_admission){
		.clients = items[0],
		.clients_n = n[0],
		.deny = items[1],
		.deny_n = n[1],
	};
	assert_int_equal(lists_put(&dataplane,
				   dataplane_config()->slot * FTPNAT_MAX_RULES + rule,
				   &admission, "files"),
			 0);
	return FTPNAT_ADMIT_LISTS | (n[0] ? 0 : FTPNAT_ADMIT_DEFAULT);
}

void dataplane_qos(__u16 id, __u8 does)
{
	dataplane_set_qos(&(struct dataplane){ .skel = gateway->skel }, id, does);
}

int dataplane_program(const char *name)
{
	const struct bpf_program *program =
		bpf_object__find_program_by_name(gateway->skel->obj, name);

	assert_non_null(program);
	return bpf_program__fd(program);
}

int dataplane_fd(const char *map)
{
	return bpf_object__find_map_fd_by_name(gateway->skel->obj, map);
}

void dataplane_readers(__u32 slots)
{
	for (__u32 i = 0; i < READERS; i++) {
		assert_true(ring_buffer__consume(gateway->reader[i].ring) >= 0);
		gateway->reader[i].number = 0;
	}
	gateway->readers->slots = slots;
}

size_t dataplane_events(__u32 slot, const struct ftpnat_line_event **events)
{
	struct reader *r = &gateway->reader[slot];

	assert_true(ring_buffer__consume(r->ring) >= 0);
	assert_true(r->number <= EVENTS);
	*events = r->event;
	return r->number;
}

__u64 dataplane_events_lost(__u32 slot)
{
	return gateway->readers->lost[slot];
}

size_t rows_as_tests(struct CMUnitTest *test, const void *rows, size_t n, size_t size,
		     void (*function)(void **state))
{
	for (size_t i = 0; i < n; i++) {
		const char *row = (const char *)rows + i * size;

		test[i] = (struct CMUnitTest){ .name = *(const char *const *)row,
					       .test_func = function,
					       .initial_state = (void *)row };
	}
	return n;
}
