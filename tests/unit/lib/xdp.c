// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "xdp.h"

#include <errno.h>
#include <linux/if_link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "ftpnat_xdp.skel.h"
#include "base/util.h"

static struct ftpnat_xdp *object[SIDES][XDP_MODES];
static __u8 qos; /* of rule 0 */

static struct ftpnat_xdp *load(enum side side, enum xdp_mode mode)
{
	struct ftpnat_xdp *skel = ftpnat_xdp__open();
	struct bpf_map *map;

	assert_non_null(skel);
	memcpy(skel->rodata->ftpnat_self.mac, dataplane_mac(side), 6);
	skel->rodata->ftpnat_self.generic = mode == GENERIC;
	skel->rodata->ftpnat_self.qos[0] = qos;
	if (mode == NATIVE)
		bpf_program__set_flags(skel->progs.ftpnat_xdp, BPF_F_XDP_HAS_FRAGS);
	bpf_object__for_each_map(map, skel->obj)
		if (!bpf_map__is_internal(map) && map != skel->maps.ftpnat_clock)
			assert_int_equal(
				bpf_map__reuse_fd(map, dataplane_fd(bpf_map__name(map))),
				0);
	assert_int_equal(ftpnat_xdp__load(skel), 0);
	return skel;
}

int xdp_program(enum side side, enum xdp_mode mode)
{
	return bpf_program__fd(object[side][mode]->progs.ftpnat_xdp);
}

/*
 * A test run takes the interface only if it has native XDP. That it has: of a program
 * that counts nothing, since the interface may get packets of the kernel's own.
 */
static void attach_pass(void)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	_cleanup_close_ int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass,
					       ARRAY_SIZE(pass), NULL);

	assert_true(fd >= 0);
	for (enum side side = 0; side < SIDES; side++)
		assert_int_equal(bpf_xdp_attach(dataplane_ifindex(side), fd,
						XDP_FLAGS_DRV_MODE, NULL),
				 0);
}

static void load_all(void)
{
	for (enum side side = 0; side < SIDES; side++)
		for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++)
			object[side][mode] = load(side, mode);
	attach_pass();
}

static void unload_all(void)
{
	for (enum side side = 0; side < SIDES; side++)
		for (enum xdp_mode mode = 0; mode < XDP_MODES; mode++) {
			ftpnat_xdp__destroy(object[side][mode]);
			object[side][mode] = NULL;
		}
}

int xdp_teardown(void **state)
{
	unload_all();
	return dataplane_teardown(state);
}

void xdp_qos(__u8 does)
{
	unload_all();
	qos = does;
}

void xdp_fresh(void)
{
	if (!object[OUTER][NATIVE])
		load_all();
	xdp_link(OUTER, true);
	xdp_link(INNER, true);
	xdp_set_hops(&(struct ftpnat_hop){ 0 });
}

void xdp_link(enum side side, bool transmits)
{
	const __u32 key = (__u32)dataplane_ifindex(side);
	const struct ftpnat_link link = { .flags = transmits ? FTPNAT_LINK_XMIT : 0 };

	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_links"), &key, &link,
					     BPF_ANY),
			 0);
}

void xdp_run(struct xdp_run *run, enum xdp_mode mode, enum side side,
	     const struct packet *packet)
{
	struct xdp_md ctx = { .data_end = (__u32)packet->len,
			      .ingress_ifindex = (__u32)dataplane_ifindex(side) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->byte,
		    .data_size_in = (__u32)packet->len, .data_out = run->packet.byte,
		    .data_size_out = sizeof(run->packet.byte), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	memset(run, 0, sizeof(*run));
	if (bpf_prog_test_run_opts(xdp_program(side, mode), &opts))
		fail_msg("the kernel refuses a frame of %zu bytes: %s", packet->len,
			 strerror(errno));
	run->action = (int)opts.retval;
	run->packet.len = opts.data_size_out;
}

bool xdp_check(const char *says, enum xdp_mode mode, enum side side,
	       const struct packet *in, const struct packet *out)
{
	int action = out ? XDP_REDIRECT : XDP_PASS;
	struct packet expected;
	struct counters before;
	struct xdp_run run;
	bool good = true;
	__u32 begun;

	do { /* again, if what was confirmed has ended with its second */
		begun = xdp_now();
		if (out)
			xdp_confirm();
		dataplane_counters(&before);
		xdp_run(&run, mode, side, in);
	} while (run.action != action && xdp_now() != begun);
	if (run.action != action) {
		printf("%s: returned %d, expected %d\n", says, run.action, action);
		good = false;
	}
	expected = out ? *out : *in;
	/* across families, identification and DF are the translator's */
	if (out && memcmp(in->byte + 12, out->byte + 12, 2))
		packet_translated(&expected, &run.packet);
	good &= packet_same(says, &expected, &run.packet);
	good &= dataplane_counted(says, &before,
				  out ? FTPNAT_XDP_FORWARDED : FTPNAT_XDP_PASS, NULL);
	return good;
}

/* ---- maps ---- */

__u32 xdp_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (__u32)now.tv_sec;
}

void xdp_set_flow(const struct ftpnat_tuple *key, const struct ftpnat_flow *flow)
{
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_flows"), key, flow,
					     BPF_EXIST),
			 0);
}

void xdp_hop(__u32 index, struct ftpnat_hop *hop)
{
	assert_int_equal(bpf_map_lookup_elem(dataplane_fd("ftpnat_hops"), &index, hop),
			 0);
}

void xdp_set_hop(__u32 index, const struct ftpnat_hop *hop)
{
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_hops"), &index, hop,
					     BPF_ANY),
			 0);
}

/* Looks at all, or changes all. */
static void all_hops(struct ftpnat_hop *hop, bool write)
{
	static __u32 key[FTPNAT_MAX_HOPS];
	__u32 n = FTPNAT_MAX_HOPS, out;
	int fd = dataplane_fd("ftpnat_hops");

	for (__u32 i = 0; i < FTPNAT_MAX_HOPS; i++)
		key[i] = i;
	if (write)
		assert_int_equal(bpf_map_update_batch(fd, key, hop, &n, NULL), 0);
	else
		bpf_map_lookup_batch(fd, NULL, &out, key, hop, &n, NULL);
	assert_int_equal(n, FTPNAT_MAX_HOPS);
}

static struct ftpnat_hop hops[FTPNAT_MAX_HOPS];

void xdp_confirm(void)
{
	all_hops(hops, false);
	for (__u32 i = 0; i < FTPNAT_MAX_HOPS; i++)
		hops[i].confirmed = xdp_now();
	all_hops(hops, true);
}

void xdp_set_hops(const struct ftpnat_hop *hop)
{
	for (__u32 i = 0; i < FTPNAT_MAX_HOPS; i++)
		hops[i] = *hop;
	all_hops(hops, true);
}

/* ---- the data connection of a talk ---- */

void xdp_begin(struct talk *talk, enum scene_id id)
{
	dataplane_fresh();
	xdp_fresh();
	data_open(talk, id);
}

const uint8_t *xdp_mac_of(const char *addr, enum side side)
{
	static const struct {
		const char *addr;
		uint8_t mac[6];
	} known[] = {
		{ "198.51.100.7", { 2, 0, 0, 0, 1, 0x07 } },
		{ "198.51.100.8", { 2, 0, 0, 0, 1, 0x08 } },
		{ "198.51.100.21", { 2, 0, 0, 0, 1, 0x21 } },
		{ "10.9.0.10", { 2, 0, 0, 0, 2, 0x10 } },
		{ "10.9.0.11", { 2, 0, 0, 0, 2, 0x11 } },
		{ "2001:db8:1::7", { 2, 0, 0, 0, 1, 0x07 } },
		{ "fd00:9::10", { 2, 0, 0, 0, 2, 0x10 } },
		{ "192.168.5.7", { 2, 0, 0, 0, 2, 0x07 } },
	};
	static const uint8_t router[SIDES][6] = {
		[OUTER] = { 2, 0, 0, 0, 1, 0xfe }, [INNER] = { 2, 0, 0, 0, 2, 0xfe }
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(addr, known[i].addr))
			return known[i].mac;
	return router[side];
}

static enum side other(enum side side)
{
	return side == OUTER ? INNER : OUTER;
}

struct packet_spec xdp_leaves(const struct talk *talk, enum end from)
{
	struct packet_spec spec = data_heard(talk, from);
	enum side side = other(talk_side(talk, from));

	spec.src_mac = dataplane_mac(side);
	spec.dst_mac = xdp_mac_of(spec.dst, side);
	return spec;
}

struct ftpnat_tuple xdp_key(const struct packet_spec *spec)
{
	return tuple(spec->src, spec->sport, spec->dst, spec->dport);
}

struct ftpnat_flow xdp_flow(const struct packet_spec *spec)
{
	const struct ftpnat_tuple key = xdp_key(spec);
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	return flow;
}

bool xdp_takes(const char *says, const struct talk *talk, enum xdp_mode mode, bool yes)
{
	struct packet_spec in = data_sent(talk, CLIENT), out = xdp_leaves(talk, CLIENT);
	struct packet packet, expected;

	packet_build(&packet, &in);
	packet_build(&expected, &out);
	return xdp_check(says, mode, talk_side(talk, CLIENT), &packet,
			 yes ? &expected : NULL);
}
