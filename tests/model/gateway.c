// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "gateway.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"
#include "ftpnat_tc.skel.h"

#define ENTRIES 64   /* of the tables; a conversation needs a handful */
#define QUEUE	4096 /* blocks of ftpnat_queue: nobody waits here for what has ended */

/* Addresses of many lengths are routed to both sides, by neighbours that need not be asked for. */
static const char setup[] =
	"set -e; exec >/dev/null; export PATH=$PATH:/usr/sbin:/sbin;"
	"sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
	"ip link add c0 type veth peer name c1; ip link add s0 type veth peer name s1;"
	"for i in lo c0 c1 s0 s1; do ip link set $i up; done;"
	"side() { ip addr add 100.64.$2.1/24 dev $1; ip addr add fd00:$2::1/64 dev $1 nodad;"
	" ip neigh add 100.64.$2.2 lladdr 02:00:00:00:02:0$2 dev $1;"
	" ip neigh add fd00:$2::2 lladdr 02:00:00:00:02:0$2 dev $1;"
	" for net in 10.$2.0.0/16 $2.0.0.0/8 20$2.0.0.0/8;"
	" do ip route add $net via 100.64.$2.2; done;"
	" ip route add fd0$2::/16 via fd00:$2::2; };"
	"side c0 1; side s0 2";

/* Sees what the programs send by themselves. */
static int open_tap(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			htons(ETH_P_ALL));

	if (fd < 0)
		fprintf(stderr, "packet socket: %s\n", strerror(errno));
	return fd;
}

static int find_devices(struct gateway *g)
{
	static const char *const names[] = { "c0", "s0" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (int i = 0; i < 2; i++) {
		struct ifreq ifr = { .ifr_flags = 0 };

		strcpy(ifr.ifr_name, names[i]);
		g->ifindex[i] = if_nametoindex(names[i]);
		if (!g->ifindex[i] || ioctl(fd, SIOCGIFHWADDR, &ifr)) {
			fprintf(stderr, "%s: %s\n", names[i], strerror(errno));
			close(fd);
			return -1;
		}
		memcpy(g->mac[i], ifr.ifr_hwaddr.sa_data, 6);
	}
	close(fd);
	return 0;
}

static int make_network(struct gateway *g)
{
	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "can't make a network namespace: %s\n", strerror(errno));
		return -1;
	}
	if (system(setup)) {
		fprintf(stderr, "can't set up the network namespace\n");
		return -1;
	}
	g->tap = open_tap();
	return g->tap < 0 ? -1 : find_devices(g);
}

static bool of_run(const struct bpf_program *program)
{
	const char *name = bpf_program__name(program);

	return !strcmp(name, "ftpnat_replica") || !strcmp(name, "ftpnat_tell");
}

int gateway_open(struct gateway *g, unsigned slot, const struct gateway *beside)
{
	struct bpf_program *program;

	memset(g, 0, sizeof(*g));
	if (beside)
		*g = *beside;
	else if (make_network(g))
		return -1;
	g->slot = slot;
	g->skel = ftpnat_tc__open();
	if (!g->skel)
		return -1;
	g->skel->rodata->ftpnat_slot = slot;
	g->skel->rodata->ftpnat_inject_mark = GATEWAY_INJECT;
	g->skel->rodata->ftpnat_patience = 1U << 30; /* on the slowest machine */
	bpf_map__set_max_entries(g->skel->maps.ftpnat_flows, ENTRIES);
	bpf_map__set_max_entries(g->skel->maps.ftpnat_sessions, ENTRIES);
	bpf_map__set_max_entries(g->skel->maps.ftpnat_logs, ENTRIES);
	bpf_map__set_max_entries(g->skel->maps.ftpnat_queue, QUEUE);
	bpf_map__set_max_entries(g->skel->maps.ftpnat_tls, ENTRIES);
	bpf_map__set_max_entries(g->skel->maps.ftpnat_expected, ENTRIES);
	bpf_map__set_max_entries(g->skel->maps.ftpnat_clients, ENTRIES);
	bpf_object__for_each_program(program, g->skel->obj)
		bpf_program__set_autoload(program,
					  program == g->skel->progs.ftpnat_ingress ||
						  (slot && of_run(program)));
	if (ftpnat_tc__load(g->skel)) {
		fprintf(stderr, "can't load the programs\n");
		return -1;
	}
	return 0;
}

void gateway_close(struct gateway *g)
{
	ftpnat_tc__destroy(g->skel);
}

static struct ftpnat_addr to_map(const struct alg_addr *a)
{
	struct ftpnat_addr to;

	memcpy(&to, a, sizeof(to));
	return to;
}

static struct alg_addr from_map(const struct ftpnat_addr *a)
{
	struct alg_addr to;

	memcpy(&to, a, sizeof(to));
	return to;
}

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	if (!bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY))
		return;
	fprintf(stderr, "can't write to %s: %s\n", bpf_map__name(map), strerror(errno));
	exit(1);
}

void gateway_configure(struct gateway *g, const struct alg_config *config, uint16_t port,
		       uint16_t server_port)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	/* the server's */
	int family = memcmp(&config->server, mapped, sizeof(mapped)) ? FTPNAT_V6 :
								       FTPNAT_V4;
	const struct ftpnat_config global = {
		.layout = FTPNAT_LAYOUT,
		.selectors = { !config->publish },
		.limit = { 8, 8 },
		.limit_expected = config->no_room ? 0 : 8,
		.timeout = { 7440, 7440 },
		.timeout_closing = 240,
		.period = 240,
		.timeout_expected = 60,
	};
	const struct ftpnat_usage usage = { .expected = 0 };
	const struct ftpnat_ifaddr attached = { .slots = 1 << 0 };
	const struct ftpnat_listen listen = { .rule = 0 };
	struct ftpnat_server server = {
		.addr = to_map(&config->server),
		.port = htons(server_port),
		.weight = 1,
	};
	struct ftpnat_selector selector = {
		.addr = to_map(&config->client),
		.port = htons(port),
	};
	struct ftpnat_rule rule = {
		.name = "model",
		.kind = config->publish ? FTPNAT_PUBLISH : FTPNAT_MASQUERADE,
		.modes = (__u8)(config->active << FTPNAT_ACTIVE |
				config->passive << FTPNAT_PASSIVE),
		.flags = config->foreign ? FTPNAT_RULE_FOREIGN : 0,
		.data_port_min = config->port_min,
		.data_port_max = config->port_max,
		.servers = 1,
	};
	__u32 zero = 0;

	put(g->skel->maps.ftpnat_config, &zero, &global);
	put(g->skel->maps.ftpnat_usage, &zero, &usage);
	for (size_t i = 0; i < sizeof(g->ifindex) / sizeof(*g->ifindex); i++)
		put(g->skel->maps.ftpnat_ifaddrs, &g->ifindex[i], &attached);
	if (config->publish) {
		rule.weight[family] = 1;
		rule.data_address[FTPNAT_V4] = to_map(&config->data_address);
		if (memcmp(&config->client, &config->seen, sizeof(config->client))) {
			rule.source = FTPNAT_SOURCE_ADDRESS;
			server.source = to_map(&config->seen);
		}
		put(g->skel->maps.ftpnat_servers, &zero, &server);
		g->listen.addr = to_map(&config->dialled);
		g->listen.port = htons(port);
		put(g->skel->maps.ftpnat_listens, &g->listen, &listen);
	} else {
		rule.address[family] = to_map(&config->seen);
		memset(&selector.mask, 0xff, sizeof(selector.mask));
		if (alg_across(config)) {
			rule.prefix64 = to_map(&config->dialled);
			rule.prefix64.w[3] = 0;
			rule.prefix64_len = 96;
			selector.by_server = 1;
			selector.server_addr = rule.prefix64;
			memset(&selector.server_mask, 0xff, 12);
		}
		put(g->skel->maps.ftpnat_select, &zero, &selector);
	}
	put(g->skel->maps.ftpnat_rules, &zero, &rule);
}

int gateway_run(struct gateway *g, enum alg_side from, uint8_t *frame, size_t *len,
		unsigned gso_size, unsigned mark)
{
	struct __sk_buff ctx = {
		.cb = { [4] = mark },
		.ifindex = g->ifindex[from],
		.ingress_ifindex = g->ifindex[from],
		.gso_size = gso_size,
		.gso_segs = gso_size ? (__u32)(*len / gso_size + 1) : 0,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .data_in = frame, .data_size_in = (__u32)*len, .data_out = frame,
		    .data_size_out = FRAME_MAX);

	if (bpf_prog_test_run_opts(bpf_program__fd(g->skel->progs.ftpnat_ingress),
				   &opts)) {
		fprintf(stderr, "can't run the program: %s\n", strerror(errno));
		exit(1);
	}
	*len = opts.data_size_out;
	return (int)opts.retval;
}

bool gateway_sent(struct gateway *g, uint8_t *frame, size_t *len)
{
	struct sockaddr_ll to;
	socklen_t size = sizeof(to);
	ssize_t got;

	while ((got = recvfrom(g->tap, frame, FRAME_MAX, 0, (struct sockaddr *)&to,
			       &size)) >= 0)
		if (to.sll_pkttype == PACKET_OUTGOING &&
		    frame[ntohs(to.sll_protocol) == ETH_P_IP ? 23 : 20] == IPPROTO_TCP) {
			*len = (size_t)got;
			return true;
		}
	return false;
}

uint64_t gateway_counted(struct gateway *g, enum ftpnat_reason reason)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 values[cpus], sum = 0;
	__u32 key = reason;

	if (!bpf_map_lookup_elem(bpf_map__fd(g->skel->maps.ftpnat_reasons), &key, values))
		for (int i = 0; i < cpus; i++)
			sum += values[i];
	return sum;
}

void gateway_reasons(struct gateway *g, char *text, size_t size)
{
	static const char *const names[] = {
#define NAME(symbol, name, what, remedy) name,
		FTPNAT_REASONS(NAME)
#undef NAME
	};
	size_t at = 0;

	*text = 0;
	for (unsigned i = 0; i < FTPNAT_REASON_MAX; i++) {
		uint64_t count = gateway_counted(g, i);

		if (count != g->counted[i] && at < size)
			at += (size_t)snprintf(text + at, size - at, " %s", names[i]);
		g->counted[i] = count;
	}
}

bool gateway_log_full(struct gateway *g)
{
	uint64_t before = g->log_full;

	g->log_full = gateway_counted(g, FTPNAT_LOG_FULL);
	return g->log_full != before;
}

bool gateway_progress(struct gateway *g, uint32_t next[2])
{
	struct ftpnat_session session;
	int fd = bpf_map__fd(g->skel->maps.ftpnat_sessions);
	__u32 id = 1; /* the first */

	/* in a cluster, of whichever gateway */
	if (g->slot && bpf_map_get_next_key(fd, NULL, &id))
		return false;
	if (bpf_map_lookup_elem(fd, &id, &session))
		return false;
	next[ALG_CLIENT] = session.stream[FTPNAT_FROM_CLIENT].next;
	next[ALG_SERVER] = session.stream[FTPNAT_FROM_SERVER].next;
	return true;
}

bool gateway_reset(struct gateway *g)
{
	int fd = bpf_map__fd(g->skel->maps.ftpnat_flows);
	struct ftpnat_tuple key, *last = NULL;
	struct ftpnat_flow flow;

	for (; !bpf_map_get_next_key(fd, last, &key); last = &key)
		if (!bpf_map_lookup_elem(fd, &key, &flow) && flow.tcp & FTPNAT_TCP_RST)
			return true;
	return false;
}

/* Takes one entry out of the map. */
static bool take(const struct bpf_map *map, void *key, void *value)
{
	int fd = bpf_map__fd(map);

	if (bpf_map_get_next_key(fd, NULL, key))
		return false;
	if (value)
		bpf_map_lookup_elem(fd, key, value);
	bpf_map_delete_elem(fd, key);
	return true;
}

void gateway_forget(struct gateway *g, struct gateway_rest *rest)
{
	struct ftpnat_expected_key expectation;
	struct ftpnat_expected e;
	struct ftpnat_session session;
	struct ftpnat_tuple flow;
	__u32 id;

	memset(rest, 0, sizeof(*rest));
	while (take(g->skel->maps.ftpnat_expected, &expectation, &e)) {
		rest->expectations++;
		rest->expectation = (struct alg_expectation){
			.peer = from_map(&expectation.peer),
			.public = from_map(&expectation.dst),
			.public_port = ntohs(expectation.dport),
			.to_src = from_map(&e.src),
			.to_dst = from_map(&e.dst),
			.to_sport = ntohs(e.sport),
			.to_dport = ntohs(e.dport),
			.active = e.mode == FTPNAT_ACTIVE,
		};
	}
	while (take(g->skel->maps.ftpnat_flows, &flow, NULL))
		rest->flows++;
	while (take(g->skel->maps.ftpnat_sessions, &id, &session)) {
		rest->sessions++;
		/* for the next session, as they are */
		if (session.log)
			bpf_map_update_elem(bpf_map__fd(g->skel->maps.ftpnat_spare), NULL,
					    &session.log, BPF_ANY);
	}
	if (g->listen.port)
		bpf_map_delete_elem(bpf_map__fd(g->skel->maps.ftpnat_listens),
				    &g->listen);
	g->listen.port = 0;
}
