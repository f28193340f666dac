// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster_talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

const enum ftpnat_reason taken_over[] = { FTPNAT_TAKEN_OVER, FTPNAT_REASON_MAX };

struct packet_spec cluster_data_ports(const struct data *data, struct packet_spec spec,
				      enum end from)
{
	spec.sport = data->port[from];
	spec.dport = data->port[!from];
	spec.seq = data->first[from];
	spec.ack = data->first[!from];
	return spec;
}

bool cluster_data(const char *says, const struct talk *talk, struct data *data,
		  enum end from, uint8_t flags, const char *payload,
		  const enum ftpnat_reason *also)
{
	struct packet_spec in = cluster_data_ports(data, talk_sent(talk, from), from);
	struct packet_spec out = cluster_data_ports(data, talk_heard(talk, from), from);

	in.flags = out.flags = flags;
	in.payload = out.payload = payload;
	if (!(flags & ACK))
		in.ack = out.ack = 0;
	data->first[from] += (payload ? (uint32_t)strlen(payload) : 0) + !!(flags & SYN) +
			     !!(flags & FIN);
	return check_from(says, talk, from, &in, &out, talk_reason(talk), also);
}

bool cluster_injected(const char *says, struct talk *talk, enum end from,
		      const struct published *waited, const char *text,
		      enum ftpnat_reason reason, const enum ftpnat_reason *also)
{
	struct packet_spec out = talk_heard(talk, from);
	struct counters before;
	struct packet expected;
	struct run run;
	bool good;

	out.flags = PSH | ACK;
	out.seq = talk->isn[from] + talk->heard[from];
	out.ack = talk->isn[!from] + talk->sent[!from];
	out.payload = talk_text(talk, text);
	option_timestamps(&out.options, talk->clock[from], talk->clock[!from]);
	packet_build(&expected, &out);
	dataplane_counters(&before);
	assert_int_equal(waited->ifindex, dataplane_ifindex(talk_side(talk, from)));
	assert_int_equal(dataplane_try(&run, talk_hook(talk, from), talk_side(talk, from),
				       &waited->frame, 0, INJECT_MARK + !!waited->owner),
			 0);
	good = dataplane_counted(says, &before, reason, also);
	if (reason != FTPNAT_FORWARDED)
		return good && run.action == TC_SHOT;
	memcpy(run.packet.byte, expected.byte, 12); /* by whichever next hop */
	talk->heard[from] += (uint32_t)strlen(out.payload);
	talk->unheard[from][0] = '\0';
	return good && run.action == TC_REDIRECT &&
	       packet_same(says, &expected, &run.packet);
}

void cluster_newest(struct ftpnat_record *record)
{
	const struct published *published;
	size_t n = cluster_published(&published);

	while (n && (published[n - 1].record.type != FTPNAT_RECORD_CONNECTION ||
		     published[n - 1].record.flow.kind != FTPNAT_CONTROL))
		n--;
	assert_true(n > 0);
	*record = published[n - 1].record;
}

__u32 cluster_tell(const struct talk *talk, __u32 has)
{
	struct ftpnat_record *record = calloc(1, sizeof(*record));
	const struct packet_spec syn = talk_sent(talk, CLIENT);
	uint8_t frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame,
		    .data_size_in = sizeof(frame));
	__u32 zero = 0;

	record->key = tuple(syn.src, syn.sport, syn.dst, syn.dport);
	record->has = has;
	assert_int_equal(bpf_map_update_elem(dataplane_fd("ftpnat_inbox"), &zero, record,
					     BPF_ANY),
			 0);
	assert_int_equal(bpf_prog_test_run_opts(dataplane_program("ftpnat_tell"), &run),
			 0);
	free(record);
	return run.retval;
}

__u32 cluster_session(const struct talk *talk)
{
	const struct packet_spec syn = talk_sent(talk, CLIENT);
	const struct ftpnat_tuple key = tuple(syn.src, syn.sport, syn.dst, syn.dport);
	struct ftpnat_flow flow;

	assert_true(dataplane_flow(&key, &flow));
	assert_true(flow.session);
	return flow.session;
}

void cluster_compare(__u32 id, bool expects)
{
	struct ftpnat_session first, second;

	cluster_go_to(FIRST);
	assert_true(dataplane_session(id, &first));
	cluster_go_to(SECOND);
	assert_true(dataplane_session(id, &second));
	second.queued = first.queued;
	second.log = first.log;
	second.logged = first.logged;
	second.keeps_logs = first.keeps_logs;
	if (!expects) {
		first.flags &= (__u8)~FTPNAT_SESSION_EXPECTS;
		second.flags &= (__u8)~FTPNAT_SESSION_EXPECTS;
	}
	assert_memory_equal(&first, &second, sizeof(first));
}
