// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "base/addr.h"
#include "ftpnat_tc.skel.h"
#include "base/util.h"
#include "dataplane/lists.h"
#include "dataplane/load.h"

#define LIMIT 64
#define QUEUE 4096 /* blocks of ftpnat_queue: nobody waits here for what has ended */

#define EVENTS 64 /* kept of each reader */

/* so many of each are cleared between tests */
#define RULES	  8
#define SERVERS	  16
#define SELECTORS 8

static const char *const interface[SIDES] = { "outer0", "inner0" };
static uint8_t mac[SIDES][6];
static int ifindex[SIDES];

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

static int tap = -1;	  /* sees what the programs send */
static char missing[256]; /* why nothing can be tested here */

/* ---- the namespace ---- */

void dataplane_sh(const char *fmt, ...)
{
	char command[4096];
	va_list args;
	int len;

	va_start(args, fmt);
	len = snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin; ");
	vsnprintf(command + len, sizeof(command) - (size_t)len, fmt, args);
	va_end(args);
	if (system(command))
		fail_msg("failed: %s", command);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

static void read_interface(enum side side)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface[side]);
	ifindex[side] = (int)if_nametoindex(interface[side]);
	assert_true(ifindex[side] > 0);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(mac[side], request.ifr_hwaddr.sa_data, sizeof(mac[side]));
	close(fd);
}

/*
 * A permanent address for each neighbour, so that none is resolved; the router behind
 * each interface represents all other hosts.
 */
static void make_network(void)
{
	dataplane_sh("ip link set lo up && ip -batch - <<'END'\n"
		     "link add outer0 address 02:00:00:00:01:01 type veth peer outer1\n"
		     "link add inner0 address 02:00:00:00:02:01 type veth peer inner1\n"
		     "link set outer1 up\n"
		     "link set inner1 up\n"
		     "link set outer0 up\n"
		     "link set inner0 up\n"
		     "addr add 198.51.100.1/24 dev outer0\n"
		     "addr add 203.0.113.7/32 dev outer0\n"
		     "addr add 10.9.0.1/24 dev inner0\n"
		     "addr add 192.168.5.1/22 dev inner0\n"
		     "addr add 2001:db8:1::1/64 dev outer0 nodad\n"
		     "addr add fd00:9::1/64 dev inner0 nodad\n"
		     "neigh add 198.51.100.254 lladdr 02:00:00:00:01:fe dev outer0\n"
		     "neigh add 10.9.0.254 lladdr 02:00:00:00:02:fe dev inner0\n"
		     "neigh add 2001:db8:1::fe lladdr 02:00:00:00:01:fe dev outer0\n"
		     "neigh add fd00:9::fe lladdr 02:00:00:00:02:fe dev inner0\n"
		     "neigh add 198.51.100.7 lladdr 02:00:00:00:01:07 dev outer0\n"
		     "neigh add 198.51.100.8 lladdr 02:00:00:00:01:08 dev outer0\n"
		     "neigh add 198.51.100.21 lladdr 02:00:00:00:01:21 dev outer0\n"
		     "neigh add 10.9.0.10 lladdr 02:00:00:00:02:10 dev inner0\n"
		     "neigh add 10.9.0.11 lladdr 02:00:00:00:02:11 dev inner0\n"
		     "neigh add 2001:db8:1::7 lladdr 02:00:00:00:01:07 dev outer0\n"
		     "neigh add fd00:9::10 lladdr 02:00:00:00:02:10 dev inner0\n"
		     "neigh add 192.168.5.7 lladdr 02:00:00:00:02:07 dev inner0\n"
		     "route add 203.0.113.0/24 via 198.51.100.254\n"
		     "route add unreachable 192.0.2.160/28\n"
		     "route add 10.0.0.0/8 via 10.9.0.254\n"
		     "route add 192.168.0.0/16 via 10.9.0.254\n"
		     "route add 2001:db8:1::/48 via 2001:db8:1::fe\n"
		     "route add fd00::/8 via fd00:9::fe\n"
		     "END\n");
	write_file("/proc/sys/net/ipv4/ip_forward", "1");
	write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	read_interface(OUTER);
	read_interface(INNER);
}

static int open_tap(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			htons(ETH_P_ALL));

	if (fd < 0)
		fail_msg("packet socket: %s", strerror(errno));
	return fd;
}

/* ---- the programs ---- */

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

static void load(void)
{
	libbpf_set_print(quiet);
	gateway->skel = ftpnat_tc__open();
	assert_non_null(gateway->skel);
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
		make_network();
	tap = open_tap();
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
	struct ftpnat_tuple key;

	while (!bpf_map_lookup_and_delete_elem(bpf_map__fd(queue), NULL, &key))
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

/* ---- packets ---- */

const uint8_t *dataplane_mac(enum side side)
{
	return mac[side];
}

int dataplane_ifindex(enum side side)
{
	return ifindex[side];
}

static int run_program(struct run *run, enum hook hook, const struct packet *packet,
		       const struct __sk_buff *ctx)
{
	const struct bpf_program *program = hook == INGRESS ?
						    gateway->skel->progs.ftpnat_ingress :
						    gateway->skel->progs.ftpnat_egress;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->byte,
		    .data_size_in = (__u32)packet->len, .data_out = run->packet.byte,
		    .data_size_out = sizeof(run->packet.byte), .ctx_in = ctx,
		    .ctx_size_in = sizeof(*ctx), .ctx_out = &run->ctx,
		    .ctx_size_out = sizeof(run->ctx));

	memset(run, 0, sizeof(*run));
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &opts))
		return -errno;
	run->action = (int)opts.retval;
	run->packet.len = opts.data_size_out;
	return 0;
}

/* Do the MAC addresses send it from the other side's interface to one of the neighbours there? */
static bool has_next_hop(const struct packet *packet, enum side side)
{
	const uint8_t *other = mac[side == OUTER ? INNER : OUTER];

	return !memcmp(packet->byte + 6, other, 6) && packet->byte[0] == 0x02 &&
	       packet->byte[4] == (side == OUTER ? 2 : 1);
}

int dataplane_try(struct run *run, enum hook hook, enum side side,
		  const struct packet *packet, uint32_t gso_size, uint32_t cb4)
{
	const struct __sk_buff ctx = {
		.ifindex = (__u32)ifindex[side],
		.gso_size = gso_size,
		.cb = { 0x11, 0x22, 0x33, 0x44, cb4 },
	};

	return run_program(run, hook, packet, &ctx);
}

int dataplane_forwarded(struct run *run, enum side side, enum side from,
			const struct packet *packet)
{
	const struct __sk_buff ctx = { .ifindex = (__u32)ifindex[side],
				       .ingress_ifindex = (__u32)ifindex[from] };

	return run_program(run, EGRESS, packet, &ctx);
}

void dataplane_run_marked(struct run *run, enum hook hook, enum side side,
			  const struct packet *packet, uint32_t mark)
{
	const struct __sk_buff ctx = { .ifindex = (__u32)ifindex[side], .mark = mark };
	int err = run_program(run, hook, packet, &ctx);

	if (err)
		fail_msg("the kernel refuses a frame of %zu bytes: %s", packet->len,
			 strerror(-err));
}

void dataplane_run(struct run *run, enum hook hook, enum side side,
		   const struct packet *packet, uint32_t gso_size)
{
	int err = dataplane_try(run, hook, side, packet, gso_size, 0);

	run->at_once = !err && run->action == TC_REDIRECT &&
		       has_next_hop(&run->packet, side);
	if (run->at_once)
		memcpy(run->packet.byte, packet->byte, 12);

	if (err)
		fail_msg("the kernel refuses a frame of %zu bytes: %s", packet->len,
			 strerror(-err));
}

/*
 * Was this sent by a program? The stack sends RSTs on its own when it processes a copy.
 */
static bool is_copy(const struct packet *packet, const struct sockaddr_ll *from)
{
	bool v6 = ntohs(from->sll_protocol) == ETH_P_IPV6;

	return from->sll_pkttype == PACKET_OUTGOING &&
	       packet->byte[v6 ? 20 : 23] == IPPROTO_TCP &&
	       !(packet->byte[packet_tcp(packet) + 13] & RST);
}

bool dataplane_copy(struct packet *copy)
{
	struct sockaddr_ll from;
	socklen_t len;
	ssize_t size;

	do {
		len = sizeof(from);
		size = recvfrom(tap, copy->byte, sizeof(copy->byte), 0,
				(struct sockaddr *)&from, &len);
		if (size < 0)
			return false;
		copy->len = (size_t)size;
	} while (!is_copy(copy, &from));
	for (enum side side = 0; side < SIDES; side++)
		if (has_next_hop(copy, side)) {
			memcpy(copy->byte, mac[side], 6);
			memcpy(copy->byte + 6, "\2\0\0\0\0\x5c", 6);
		}
	return true;
}

/* ---- state ---- */

const char *reason_name(enum ftpnat_reason reason)
{
	static const char *const names[] = {
#define X(symbol, string, meaning, advice) [FTPNAT_##symbol] = (string),
		FTPNAT_REASONS(X)
#undef X
	};

	return reason < FTPNAT_REASON_MAX ? names[reason] : "(no reason)";
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

void dataplane_counters(struct counters *counters)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 value[cpus];

	memset(counters, 0, sizeof(*counters));
	for (__u32 key = 0; key < FTPNAT_REASON_MAX; key++) {
		assert_int_equal(bpf_map_lookup_elem(
					 bpf_map__fd(gateway->skel->maps.ftpnat_reasons),
					 &key, value),
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

void dataplane_stats(__u16 rule, struct ftpnat_rule_stats *stats)
{
	int cpus = libbpf_num_possible_cpus();
	struct ftpnat_rule_stats value[cpus];
	const __u32 key = rule;

	assert_int_equal(
		bpf_map_lookup_elem(bpf_map__fd(gateway->skel->maps.ftpnat_stats), &key,
				    value),
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
		bpf_map_lookup_elem(bpf_map__fd(gateway->skel->maps.ftpnat_usage), &key,
				    usage),
		0);
}

static bool find(const struct bpf_map *map, const void *key, void *value)
{
	return !bpf_map_lookup_elem(bpf_map__fd(map), key, value);
}

bool dataplane_flow(const struct ftpnat_tuple *key, struct ftpnat_flow *flow)
{
	return find(gateway->skel->maps.ftpnat_flows, key, flow);
}

bool dataplane_expected(const struct ftpnat_expected_key *key,
			struct ftpnat_expected *expected)
{
	return find(gateway->skel->maps.ftpnat_expected, key, expected);
}

void dataplane_silence(__u32 seconds)
{
	int fd = bpf_map__fd(gateway->skel->maps.ftpnat_sessions);
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
	return find(gateway->skel->maps.ftpnat_sessions, &id, session);
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
	return entries(gateway->skel->maps.ftpnat_flows);
}

size_t dataplane_logs(void)
{
	int fd = bpf_map__fd(gateway->skel->maps.ftpnat_sessions);
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
	return entries(gateway->skel->maps.ftpnat_logs);
}

void dataplane_age_logs(void)
{
	int fd = bpf_map__fd(gateway->skel->maps.ftpnat_sessions);
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
	return entries(gateway->skel->maps.ftpnat_sessions);
}

size_t dataplane_expectations(void)
{
	return entries(gateway->skel->maps.ftpnat_expected);
}

void dataplane_expectation(struct ftpnat_expected_key *key,
			   struct ftpnat_expected *expected)
{
	assert_int_equal(dataplane_expectations(), 1);
	assert_int_equal(
		bpf_map_get_next_key(bpf_map__fd(gateway->skel->maps.ftpnat_expected),
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

/* ---- rows ---- */

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
