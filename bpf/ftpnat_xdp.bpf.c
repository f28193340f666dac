// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fast path of established data connections. It uses the flows and next hops of the
 * TC programs and leaves all unusual packets to them, and SYN, FIN and RST, so that
 * connections begin and end in one place.
 */
#include "clock.h"
#include "accept.h"
#include "count.h"
#include "front.h"

const volatile struct ftpnat_xdp_self ftpnat_self = { 0 };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ftpnat_clock);
} ftpnat_clock SEC(".maps");

static __always_inline __u32 now_seconds(void)
{
	__u32 zero = 0;
	struct ftpnat_clock *clock = bpf_map_lookup_elem(&ftpnat_clock, &zero);

	return clock ? clock_seconds(clock) : 0;
}

static __always_inline bool for_this_host(const struct ethhdr *eth)
{
	const volatile __u8 *mac = ftpnat_self.mac;

	return *(const __u32 *)eth->h_dest == *(const volatile __u32 *)mac &&
	       *(const __u16 *)(eth->h_dest + 4) == *(const volatile __u16 *)(mac + 4);
}

/*
 * Writes the packet, with this DSCP unless it is negative; false: its checksum is still
 * to be computed, as veth hands packets on: for TC, with nothing changed.
 */
static __always_inline bool translate(void *data, void *data_end, bool v6,
				      const struct packet *p,
				      const struct ftpnat_tuple *to,
				      const struct ftpnat_hop *hop, __s32 dscp)
{
	__be16 *check = data + (v6 ? FRONT_V6 : FRONT_V4) - sizeof(*check);
	struct front_change change;

	if ((void *)(check + 1) > data_end || csum_unfinished(p, v6, *check))
		return false;
	change = front_write(data, v6, &p->tuple, to, hop);
	*check = csum_changed(*check, change.addrs + change.ports);
	if (dscp >= 0)
		front_dscp(data, v6, (__u8)dscp);
	return true;
}

/*
 * The same across families: the frame gets another IP header, and so another length. False:
 * for TC, with nothing changed.
 */
static __always_inline bool front_xlat(struct xdp_md *ctx, const struct packet *p,
				       bool v6, const struct ftpnat_flow *flow,
				       const struct ftpnat_hop *hop, __s32 dscp)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__be16 *check = data + (v6 ? FRONT_V4 : FRONT_V6) - sizeof(*check);
	const struct ftpnat_tuple *to = &flow->to;
	__u16 sum;
	__u8 tos;

	if ((void *)(check + 1) > data_end || csum_unfinished(p, !v6, *check))
		return false;
	sum = csum_changed(*check,
			   addrs_change(&p->tuple, to) +
				   word_change(ports_word(&p->tuple), ports_word(to)));
	data += ETH_HLEN;
	tos = v6 ? ((struct iphdr *)data)->tos : ipv6_traffic_class(*(__be32 *)data);
	if (dscp >= 0)
		tos = (__u8)(dscp << 2 | (tos & 3));
	/* TCP stays where it is, and its front is within data_end */
	if (bpf_xdp_adjust_head(ctx, v6 ? -(int)XLAT_GROWTH : (int)XLAT_GROWTH))
		return false;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	check = data + (v6 ? FRONT_V6 : FRONT_V4) - sizeof(*check);
	if ((void *)(check + 1) > data_end)
		return false;
	front_write_xlat(data, v6, to, hop, tos, p->ttl - 1, p->ip_len - (p->l4 - p->l3));
	*check = sum;
	return true;
}

/* One path for each family: Linux 6.1 does not see that they are two. */
static __noinline bool translate_xlat(struct xdp_md *ctx, const struct packet *p,
				      const struct ftpnat_flow *flow,
				      const struct ftpnat_hop *hop, __s32 dscp)
{
	return p->v6 ? front_xlat(ctx, p, false, flow, hop, dscp) :
		       front_xlat(ctx, p, true, flow, hop, dscp);
}

/* By how much the packet gets longer, modulo 2^32. */
static __always_inline __u32 growth(const struct packet *p,
				    const struct ftpnat_flow *flow)
{
	return flow->flags & FTPNAT_FLOW_XLAT ? xlat_growth(p->v6, !p->v6) : 0;
}

/* Once per second and flow: is there a next hop, and can XDP send frames to it? */
static __noinline bool resolve(struct xdp_md *ctx, const struct packet *p,
			       struct ftpnat_flow *flow, __u32 now)
{
	struct bpf_fib_lookup fib;
	struct ftpnat_link *link;
	struct ftpnat_hop *hop;
	void *instance = &ftpnat_state;

	barrier_var(instance); /* identifies the instance to the loader */
	flow->xdp = FTPNAT_XDP_NO;
	flow->hop = 0;
	fib_params(&fib, &flow->to, !addr_is_v4(&flow->to.dst), ctx->ingress_ifindex,
		   p->ip_len + growth(p, flow));
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return false;
	flow->hop = hop_index(&fib, now);
	hop = hop_get(flow);
	if (!hop || hop_bare(hop))
		return false;
	link = bpf_map_lookup_elem(&ftpnat_links, &fib.ifindex);
	if (!ftpnat_self.generic && (!link || !(link->flags & FTPNAT_LINK_XMIT)))
		return false;
	if (seconds_since(hop->confirmed, now) >= HOP_CONFIRM) {
		/* left to TC until it has told the neighbour layer */
		flow->xdp = FTPNAT_XDP_UNKNOWN;
		return false;
	}
	flow->xdp = FTPNAT_XDP_YES;
	flow->seen = now;
	return true;
}

/* By the configuration in force; -1: none. */
static __always_inline __s32 dscp_of(__u32 rule)
{
	__u32 zero = 0, key;
	const struct ftpnat_config *config = bpf_map_lookup_elem(&ftpnat_config, &zero);
	const struct ftpnat_rule *found;

	if (!config)
		return -1;
	key = (config->slot & 1) * FTPNAT_MAX_RULES + rule;
	found = bpf_map_lookup_elem(&ftpnat_rules, &key);
	return found && found->qos.does & FTPNAT_QOS_DSCP ? found->qos.dscp : -1;
}

static __always_inline enum ftpnat_reason handle(struct xdp_md *ctx, bool across)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct ftpnat_flow *flow;
	struct ftpnat_hop *hop;
	enum ftpnat_reason verdict;
	struct packet p;
	__u32 now, rule;
	__s32 dscp;
	__u8 qos;

	if ((void *)(eth + 1) > data_end || !for_this_host(eth))
		return FTPNAT_XDP_PASS;
	verdict = parse_frame(data, data_end, eth->h_proto, (__u32)(data_end - data), 0,
			      ETH_HLEN, &p);
	if (verdict == FTPNAT_TRUNCATED) /* in several pieces? */
		verdict = parse_frame(data, data_end, eth->h_proto,
				      (__u32)bpf_xdp_get_buff_len(ctx), 0, ETH_HLEN, &p);
	if (verdict != GO_ON || !front_plain(&p))
		return FTPNAT_XDP_PASS;
	flow = bpf_map_lookup_elem(&ftpnat_flows, &p.tuple);
	if (!flow || flow->kind != FTPNAT_DATA ||
	    /* the stack sends it on; TC sees to another gateway's */
	    flow->flags & (FTPNAT_FLOW_TRACKED | FTPNAT_FLOW_REPLICA))
		return FTPNAT_XDP_PASS;
	if (!across && flow->flags & FTPNAT_FLOW_XLAT)
		return FTPNAT_XDP_PASS;
	rule = bounded(flow->rule, FTPNAT_MAX_RULES);
	qos = ftpnat_self.qos[rule];
	/* a frame has neither a mark nor a departure time */
	if (qos & (FTPNAT_QOS_MARK | FTPNAT_QOS_RATE))
		return FTPNAT_XDP_PASS;
	if (flow->ifindex != ctx->ingress_ifindex) /* where from? TC looks */
		return FTPNAT_XDP_PASS;
	if (!flow_plain(flow, p.flags) ||
	    !flow_follows(flow, p.seq, p.seq + p.len, p.ack))
		return FTPNAT_XDP_PASS;
	now = now_seconds();
	if ((flow->seen != now || flow->xdp == FTPNAT_XDP_UNKNOWN) &&
	    !resolve(ctx, &p, flow, now))
		return FTPNAT_XDP_PASS;
	hop = hop_get(flow);
	if (flow->xdp != FTPNAT_XDP_YES || !hop || p.ip_len + growth(&p, flow) > hop->mtu)
		return FTPNAT_XDP_PASS;
	dscp = qos & FTPNAT_QOS_DSCP ? dscp_of(rule) : -1;
	if (across && flow->flags & FTPNAT_FLOW_XLAT) {
		if (!translate_xlat(ctx, &p, flow, hop, dscp))
			return FTPNAT_XDP_PASS;
	} else if (!(p.v6 ? translate(data, data_end, true, &p, &flow->to, hop, dscp) :
			    translate(data, data_end, false, &p, &flow->to, hop, dscp)))
		return FTPNAT_XDP_PASS;
	flow->packets++;
	flow->bytes += p.ip_len;
	count_packet(flow->rule,
		     flow->flags & FTPNAT_FLOW_CLIENT ? FTPNAT_FROM_CLIENT :
							FTPNAT_FROM_SERVER,
		     p.ip_len);
	return bpf_redirect(hop->ifindex, 0) == XDP_REDIRECT ? FTPNAT_XDP_FORWARDED :
							       FTPNAT_WRITE;
}

/* The only exit: every packet is counted under a reason, which determines its verdict. */
static __always_inline int act(enum ftpnat_reason reason)
{
	count_exit(reason);
	switch (reason) {
	case FTPNAT_XDP_PASS:
		return XDP_PASS;
	case FTPNAT_XDP_FORWARDED:
		return XDP_REDIRECT;
	default:
		return XDP_DROP;
	}
}

/* The loader adds BPF_F_XDP_HAS_FRAGS for native mode. */
SEC("xdp")
int ftpnat_xdp(struct xdp_md *ctx)
{
	return act(handle(ctx, true));
}

/*
 * Without the translation between the families, which moves the frame's head. In a dispatcher
 * of libxdp, which doesn't, Linux 6.13 and later (and 6.12 since its fix for global functions)
 * refuse a program that does.
 */
SEC("xdp")
int ftpnat_xdp_same(struct xdp_md *ctx)
{
	return act(handle(ctx, false));
}

char LICENSE[] SEC("license") = "GPL";
