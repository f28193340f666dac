// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/end_flows.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/reset.h"

#define PAUSE_US (20 * 1000)
#define PATIENCE 10 /* seconds without a run of the timer, which runs once a second */

/*
 * What each end of a connection is told, twice: what the receiver expects next is what
 * it has acknowledged, or, where that is late, what it was sent.
 */
enum { ACKNOWLEDGED, SENT, NUMBERS };

struct farewell {
	struct reset end[FTPNAT_DIR_MAX][NUMBERS]; /* FTPNAT_FROM_CLIENT: to the server */
	bool known;
};

/* One run of flows_end(). */
struct ending {
	int flows_fd;
	int sessions_fd;
	int logs_fd;
	int queue_fd;
	__u32 progress; /* when the timer last took something from the queue */
	struct reset_sockets sockets;
	struct farewell *farewell;
};

static void ending_close(struct ending *ending)
{
	close_fd(&ending->flows_fd);
	close_fd(&ending->sessions_fd);
	close_fd(&ending->logs_fd);
	close_fd(&ending->queue_fd);
	reset_close(&ending->sockets);
	free(ending->farewell);
}

static struct ftpnat_tuple swapped(const struct ftpnat_tuple *tuple)
{
	return (struct ftpnat_tuple){ .src = tuple->dst,
				      .dst = tuple->src,
				      .sport = tuple->dport,
				      .dport = tuple->sport };
}

/* The reset to the end of `to`, in the name of the end of `from`. */
static void fill(struct reset reset[NUMBERS], const struct ftpnat_tuple *tuple,
		 const struct ftpnat_flow *from, const struct ftpnat_flow *to)
{
	reset[SENT] = (struct reset){ .tuple = *tuple, .seq = from->end, .ack = to->end };
	reset[ACKNOWLEDGED] = reset[SENT];
	if (to->tcp & FTPNAT_TCP_ACK)
		reset[ACKNOWLEDGED].seq = to->ack;
}

/* The receiver's number of the byte behind all that was sent, with all edits before it. */
static __u32 stream_end(const struct ftpnat_stream *stream, const struct ftpnat_log *log)
{
	__u32 end = stream->next - stream->held_len + stream->base;

	for (unsigned int i = 0; i < stream->edits; i++) {
		const struct ftpnat_edit *edit =
			&log->edit[(stream->first + i) % FTPNAT_MAX_EDITS];

		end += (__u32)edit->new_len - edit->old_len;
	}
	return end;
}

/* Of a control connection whose lines are read, the session knows the numbers. */
static void ask_session(const struct ending *ending, const struct ftpnat_ending *one,
			struct farewell *farewell)
{
	struct ftpnat_logs logs = { 0 };
	struct ftpnat_session session;

	if (bpf_map_lookup_elem(ending->sessions_fd, &one->session, &session) ||
	    memcmp(&session.client, &one->key, sizeof(one->key)))
		return;
	if (session.log) /* else no edits */
		bpf_map_lookup_elem(ending->logs_fd, &session.log, &logs);
	for (int from = 0; from < FTPNAT_DIR_MAX; from++) {
		const struct ftpnat_stream *stream = &session.stream[from];

		farewell->end[from][ACKNOWLEDGED].seq = stream->acked;
		farewell->end[from][SENT].seq = stream_end(stream, &logs.log[from]);
	}
}

/* False: the connection is gone. */
static bool prepare(const struct ending *ending, const struct ftpnat_ending *one,
		    struct farewell *farewell)
{
	struct ftpnat_flow client, server;
	struct ftpnat_tuple reply;

	/* not if another one has its tuple by now */
	if (bpf_map_lookup_elem(ending->flows_fd, &one->key, &client) ||
	    client.created != one->created || client.session != one->session)
		return false;
	reply = swapped(&client.to);
	if (bpf_map_lookup_elem(ending->flows_fd, &reply, &server))
		return true;
	farewell->known = true;
	fill(farewell->end[FTPNAT_FROM_CLIENT], &client.to, &client, &server);
	reply = swapped(&one->key);
	fill(farewell->end[FTPNAT_FROM_SERVER], &reply, &server, &client);
	if (client.kind == FTPNAT_CONTROL)
		ask_session(ending, one, farewell);
	return true;
}

static int wait_for_timer(const struct ending *ending)
{
	if (view_now() - ending->progress > PATIENCE)
		return err_r(-ETIMEDOUT, "the connection timer does not run: "
					 "`ftpnat-load reload` starts it again");
	usleep(PAUSE_US);
	return 0;
}

/* The queue may be full: the timer makes room. */
static int put(struct ending *ending, const struct ftpnat_ending *one)
{
	int err = 0;

	while (!err && bpf_map_update_elem(ending->queue_fd, NULL, one, BPF_ANY)) {
		if (errno != E2BIG)
			return err_r(-errno, "can't write to %s: %s",
				     map_name(FTPNAT_MAP_ENDING), strerror(errno));
		err = wait_for_timer(ending);
	}
	if (!err)
		ending->progress = view_now();
	return err;
}

/* Its numbers go on until then. */
static int wait_until_gone(struct ending *ending, const struct ftpnat_ending *one,
			   struct farewell *farewell)
{
	int err = 0;

	while (!err && prepare(ending, one, farewell))
		err = wait_for_timer(ending);
	if (!err)
		ending->progress = view_now();
	return err;
}

/* An end that can't be reached sees that the connection is gone when it next sends. */
static void tell_end(struct ending *ending, const struct reset reset[NUMBERS])
{
	char end[FTPNAT_ENDPOINT_STRLEN];
	int err = reset_send(&ending->sockets, &reset[ACKNOWLEDGED]);

	if (!err && reset[SENT].seq != reset[ACKNOWLEDGED].seq)
		err = reset_send(&ending->sockets, &reset[SENT]);
	if (err)
		pr_debug("can't reset %s: %s",
			 ftpnat_endpoint_str(end, &reset->tuple.dst, reset->tuple.dport),
			 strerror(-err));
}

int flows_end(const struct view *view, const struct ftpnat_ending *list, size_t number)
{
	_cleanup_(ending_close) struct ending ending = {
		.flows_fd = view_map(view, FTPNAT_MAP_FLOWS),
		.sessions_fd = view_map(view, FTPNAT_MAP_SESSIONS),
		.logs_fd = view_map(view, FTPNAT_MAP_LOGS),
		.queue_fd = view_map(view, FTPNAT_MAP_ENDING),
		.progress = view_now(),
		.sockets = RESET_SOCKETS_INIT,
		.farewell = calloc(number + 1, sizeof(*ending.farewell)),
	};
	int err = 0;

	if (ending.flows_fd < 0 || ending.sessions_fd < 0 || ending.logs_fd < 0 ||
	    ending.queue_fd < 0)
		return -ENOENT;
	if (!ending.farewell)
		return err_r(-ENOMEM, "out of memory");
	for (size_t i = 0; !err && i < number; i++) {
		prepare(&ending, &list[i], &ending.farewell[i]);
		err = put(&ending, &list[i]);
	}
	for (size_t i = 0; !err && i < number; i++) {
		const struct farewell *farewell = &ending.farewell[i];

		err = wait_until_gone(&ending, &list[i], &ending.farewell[i]);
		for (int from = 0; !err && farewell->known && from < FTPNAT_DIR_MAX;
		     from++)
			tell_end(&ending, farewell->end[from]);
	}
	return err;
}
