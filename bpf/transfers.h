/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transfers, from the client's line to the server's reply and the end of the data
 * connection, each of which may come last. Only while records are on. Functions that use
 * ftpnat_transfers need the session's lock.
 */
#ifndef FTPNAT_BPF_TRANSFERS_H
#define FTPNAT_BPF_TRANSFERS_H

#include "config.h"
#include "events.h"
#include "ftp_command.h"
#include "payload.h"

#define REPLY_REFUSES 400 /* and above (RFC 959 section 4.2.1) */

static __always_inline bool transfers_on(void)
{
	const struct ftpnat_config *config = config_get();

	return config && config->records;
}

/* The entry of the session with this id, entered if need be. NULL: no memory. */
static __always_inline struct ftpnat_transfer *
transfer_enter(const struct ftpnat_session *session, struct scratch *s)
{
	struct ftpnat_transfer *t = bpf_map_lookup_elem(&ftpnat_transfers, &s->transfer);
	struct ftpnat_event *e;

	if (t)
		return t;
	bpf_map_update_elem(&ftpnat_transfers, &s->transfer, &s->no_transfer,
			    BPF_NOEXIST);
	t = bpf_map_lookup_elem(&ftpnat_transfers, &s->transfer);
	if (!t)
		return NULL;
	e = &t->done.event;
	e->reason = FTPNAT_TRANSFER_DONE;
	e->session = s->transfer;
	e->client = session->client;
	e->server = session->server;
	e->rule = session->rule;
	e->kind = FTPNAT_CONTROL;
	return t;
}

static __always_inline __u32 transfer_payload(const struct ftpnat_transfer *t,
					      const struct ftpnat_flow *flow, __u32 dir)
{
	return flow->end - t->first[dir & 1] - !!(flow->tcp & FTPNAT_TCP_FIN);
}

/* The figures of its data connection until now; `peer`, the other entry, may be gone. */
static __always_inline void transfer_measure(struct ftpnat_transfer *t,
					     const struct ftpnat_flow *owner,
					     const struct ftpnat_flow *peer)
{
	struct ftpnat_event *e = &t->done.event;

	e->packets[FTPNAT_FROM_CLIENT] = owner->packets;
	e->bytes[FTPNAT_FROM_CLIENT] = owner->bytes;
	t->done.payload[FTPNAT_FROM_CLIENT] =
		transfer_payload(t, owner, FTPNAT_FROM_CLIENT);
	if (!peer)
		return;
	e->packets[FTPNAT_FROM_SERVER] = peer->packets;
	e->bytes[FTPNAT_FROM_SERVER] = peer->bytes;
	t->done.payload[FTPNAT_FROM_SERVER] =
		transfer_payload(t, peer, FTPNAT_FROM_SERVER);
}

static __always_inline void transfer_measure_open(struct ftpnat_transfer *t,
						  struct scratch *s)
{
	const struct ftpnat_flow *owner = bpf_map_lookup_elem(&ftpnat_flows, &t->data);

	if (!owner || owner->created != t->data_created)
		return;
	tuple_swap(&s->transfer_other, &owner->to);
	transfer_measure(t, owner,
			 bpf_map_lookup_elem(&ftpnat_flows, &s->transfer_other));
}

/* The way that the file takes. */
static __always_inline enum ftpnat_dir transfer_dir(const struct ftpnat_transfer *t)
{
	return t->done.verb == FTP_TRANSFER_RETR ? FTPNAT_FROM_SERVER :
						   FTPNAT_FROM_CLIENT;
}

static __always_inline void transfer_to_reader(const struct ftpnat_transfer *t,
					       __u32 slot)
{
	void *ring = bpf_map_lookup_elem(&ftpnat_events, &slot);

	if (ring && bpf_ringbuf_output(ring, (void *)&t->done, sizeof(t->done), 0))
		event_lost(slot);
}

/* The event of the transfer of s->transfer that is pending. Of two CPUs, one writes it. */
__noinline int transfer_tell(void)
{
	struct scratch *s = scratch_get();
	struct ftpnat_transfer *t;
	__u64 begun, ended;
	__u32 readers, slot;

	t = s ? bpf_map_lookup_elem(&ftpnat_transfers, &s->transfer) : NULL;
	if (!t || !__sync_lock_test_and_set(&t->pending, 0))
		return 0;
	begun = t->begun;
	ended = bpf_ktime_get_ns();
	t->done.event.time = ended;
	t->done.flags &= (__u8)~FTPNAT_TRANSFER_DATA;
	if (t->data_state != FTPNAT_TRANSFER_NONE) {
		t->done.flags |= FTPNAT_TRANSFER_DATA;
		if (t->data_begun > begun)
			begun = t->data_begun;
	}
	if (t->data_state == FTPNAT_TRANSFER_OPEN) {
		transfer_measure_open(t, s);
		/* should another one go through it, it begins here (RFC 959 section 3.4.2) */
		t->first[0] += t->done.payload[0];
		t->first[1] += t->done.payload[1];
	} else if (t->data_state == FTPNAT_TRANSFER_ENDED) {
		t->data_state = FTPNAT_TRANSFER_NONE;
		if (t->data_ended > begun)
			ended = t->data_ended;
	}
	t->done.nanoseconds = ended - begun;
	count(FTPNAT_TRANSFER_DONE);
	readers = event_readers();
	for (slot = 0; slot < FTPNAT_READERS; slot++)
		if (readers & 1U << slot)
			transfer_to_reader(t, slot);
	t->done.flags = 0;
	return 0;
}

/* Keeps the bytes of the client's line that are new, of its argument. */
static __noinline int transfer_collect(struct scan *c)
{
	const struct segment *seg = &c->s->segment;
	__u32 from = seg->scan.line + ftp_argument(&c->stream->parser), begin = from;
	__u32 until = c->stream->next, at, len;
	struct ftpnat_transfer *t;
	const struct payload *piece;

	if (!transfers_on())
		return 0;
	c->s->transfer = seg->session;
	t = transfer_enter(c->session, c->s);
	if (!t)
		return 0;
	if (seq_before(from, seg->scan.fresh))
		from = seg->scan.fresh;
	if (!seq_before(from, until)) {
		if (from == begin)
			t->argument_len = 0;
		return 0;
	}
	at = from - begin;
	len = until - from;
	t->argument_len = (__u16)(at + len < FTP_LENGTH_MAX ? at + len : FTP_LENGTH_MAX);
	piece = piece_at(c, from - seg->start);
	if (at >= FTPNAT_PATH_LEN || !piece)
		return 0;
	if (len > FTPNAT_PATH_LEN)
		len = FTPNAT_PATH_LEN;
	bpf_probe_read_kernel(t->argument + bounded(at, FTPNAT_PATH_LEN),
			      bounded_len(len, FTPNAT_PATH_LEN),
			      piece->byte + bounded(from - seg->start, PAYLOAD_LEN));
	return 0;
}

/* The client's line is complete and goes to the server: USER or a transfer. */
__noinline int transfer_line(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	struct ftpnat_transfer *t;
	const struct ftp_line *line;

	if (!s || !session)
		return 0;
	s->transfer = s->segment.session;
	t = bpf_map_lookup_elem(&ftpnat_transfers, &s->transfer);
	if (!t)
		return 0;
	line = &session->stream[FTPNAT_FROM_CLIENT].parser.line;
	if (line->command == FTP_COMMAND_USER) {
		t->done.user_len = t->argument_len;
		bpf_probe_read_kernel(t->done.user, sizeof(t->done.user), t->argument);
		return 0;
	}
	transfer_tell(); /* the one before, of which something is missing */
	t->done.verb = line->delimiter;
	t->done.code = 0;
	t->done.path_len = t->argument_len;
	bpf_probe_read_kernel(t->done.path, sizeof(t->done.path), t->argument);
	t->begun = bpf_ktime_get_ns();
	t->pending = 1;
	return 0;
}

/* Nobody is logged in any more, or nobody knows who is. */
__noinline int transfer_forget_user(void)
{
	struct scratch *s = scratch_get();
	struct ftpnat_transfer *t;

	t = s ? bpf_map_lookup_elem(&ftpnat_transfers, &s->segment.session) : NULL;
	if (t)
		t->done.user_len = 0;
	return 0;
}

/* The final reply to the transfer's command. */
__noinline int transfer_reply(__u16 code)
{
	struct scratch *s = scratch_get();
	struct ftpnat_transfer *t;

	if (!s)
		return 0;
	s->transfer = s->segment.session;
	t = bpf_map_lookup_elem(&ftpnat_transfers, &s->transfer);
	if (!t || !t->pending)
		return 0;
	t->done.code = code;
	if (t->data_state == FTPNAT_TRANSFER_OPEN) {
		transfer_measure_open(t, s);
		/* its data may still be on the way; of a refused one there is none */
		if (code < REPLY_REFUSES || t->done.payload[transfer_dir(t) & 1])
			return 0;
	}
	return transfer_tell();
}

/* Both ends of a data connection of the session of s->transfer have answered. */
static __always_inline void transfer_data_opened(const struct ftpnat_session *session,
						 struct scratch *s,
						 const struct ftpnat_tuple *key,
						 const struct ftpnat_flow *owner,
						 const struct ftpnat_flow *peer)
{
	struct ftpnat_transfer *t = transfer_enter(session, s);

	if (!t)
		return;
	t->data = *key;
	t->data_created = owner->created;
	t->data_begun = bpf_ktime_get_ns();
	/* each has acknowledged the other's SYN, and nothing else yet */
	t->first[FTPNAT_FROM_CLIENT] = peer->ack;
	t->first[FTPNAT_FROM_SERVER] = owner->ack;
	t->done.mode = owner->flags & FTPNAT_FLOW_ACTIVE ? FTPNAT_ACTIVE : FTPNAT_PASSIVE;
	t->data_state = FTPNAT_TRANSFER_OPEN;
}

/*
 * A data connection of that session has lost an end, or both: `over`. The file is
 * complete with the end of its sender.
 */
static __always_inline void transfer_data_ended(const struct ftpnat_session *session,
						struct scratch *s,
						const struct ftpnat_tuple *key,
						const struct ftpnat_flow *owner,
						const struct ftpnat_flow *peer, bool over)
{
	struct ftpnat_transfer *t = bpf_map_lookup_elem(&ftpnat_transfers, &s->transfer);
	const struct ftpnat_flow *sender = owner;

	if (!t || t->data_state != FTPNAT_TRANSFER_OPEN ||
	    t->data_created != owner->created || !tuple_equal(&t->data, key))
		return;
	if (transfer_dir(t) == FTPNAT_FROM_SERVER)
		sender = peer;
	if (!over && !(t->pending && sender && sender->tcp & FTPNAT_TCP_FIN))
		return;
	transfer_measure(t, owner, peer);
	t->data_ended = bpf_ktime_get_ns();
	t->data_state = FTPNAT_TRANSFER_ENDED;
	if (t->pending) {
		if (t->done.code || session->closing)
			transfer_tell();
	} else if (session->flags & FTPNAT_SESSION_OPAQUE) {
		t->done.flags = FTPNAT_TRANSFER_OPAQUE;
		t->done.verb = FTP_TRANSFER_NONE;
		t->done.code = 0;
		t->done.user_len = 0;
		t->done.path_len = 0;
		t->begun = t->data_begun;
		t->pending = 1;
		transfer_tell();
	} else {
		t->data_state = FTPNAT_TRANSFER_NONE; /* of a listing */
	}
}

/* The control connection of this session has ended: no reply will come. */
static __always_inline void transfer_session_ends(__u32 id)
{
	struct scratch *s = scratch_get();
	struct ftpnat_transfer *t;

	if (!s || !transfers_on())
		return;
	s->transfer = id;
	t = bpf_map_lookup_elem(&ftpnat_transfers, &s->transfer);
	if (t && t->data_state != FTPNAT_TRANSFER_OPEN)
		transfer_tell();
}

/* The session is removed. The id is in the memory of a map. */
static __always_inline void transfer_remove(__u32 *id)
{
	struct scratch *s = scratch_get();

	if (!s)
		return;
	s->transfer = *id;
	transfer_tell();
	bpf_map_delete_elem(&ftpnat_transfers, id);
}

#endif
