// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/exchange.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "base/util.h"
#include "dataplane/map_names.h"
#include "dataplane/pin.h"

static const __u32 zero;

static __u32 now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u32)now.tv_sec;
}

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- opening ---- */

static int open_pin(const char *dir, const char *name, int *fd)
{
	close_fd(fd);
	*fd = pin_open(dir, name);
	return *fd < 0 ? err_r(*fd, "can't open %s/%s: %s", dir, name, strerror(-*fd)) :
			 0;
}

static void read_rules(struct exchange *x)
{
	struct ftpnat_config config = { 0 };

	bpf_map_lookup_elem(x->config_fd, &zero, &config);
	for (__u32 id = 0; id < FTPNAT_MAX_RULES; id++) {
		__u32 key = (config.slot & 1) * FTPNAT_MAX_RULES + id;
		struct ftpnat_rule rule = { 0 };

		bpf_map_lookup_elem(x->rules_fd, &key, &rule);
		memcpy(x->rules[id], rule.name, sizeof(rule.name));
	}
}

int exchange_renew(struct exchange *x)
{
	int err = open_pin(x->dir, "ftpnat_replica", &x->replica_fd) ?:
			  open_pin(x->dir, "ftpnat_tell", &x->tell_fd);

	if (!err)
		err = open_pin(x->dir, "ftpnat_inject", &x->inject_fd);
	if (!err)
		read_rules(x);
	return err;
}

static int see_item(void *arg, void *data, size_t size);

int exchange_open(struct exchange *x, const char *dir)
{
	const struct {
		enum ftpnat_map map;
		int *fd;
	} maps[] = {
		{ FTPNAT_MAP_CLUSTER, &x->cluster_fd },
		{ FTPNAT_MAP_RECORDS, &x->records_fd },
		{ FTPNAT_MAP_INBOX, &x->inbox_fd },
		{ FTPNAT_MAP_FLOWS, &x->flows_fd },
		{ FTPNAT_MAP_RULES, &x->rules_fd },
		{ FTPNAT_MAP_CONFIG, &x->config_fd },
	};
	int err = 0;

	x->dir = dir;
	x->cluster_fd = x->records_fd = x->inbox_fd = x->flows_fd = -1;
	x->rules_fd = x->config_fd = x->replica_fd = x->tell_fd = x->inject_fd = -1;
	x->ring_fd = -1;
	for (size_t i = 0; !err && i < ARRAY_SIZE(maps); i++)
		err = open_pin(dir, map_name(maps[i].map), maps[i].fd);
	if (!err)
		err = exchange_renew(x);
	if (err)
		return err;
	x->ring_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ftpnat_ring", 0, 0,
				    FTPNAT_RECORDS_SIZE, NULL);
	if (x->ring_fd < 0)
		return err_r(-errno, "can't create a ring buffer for the cluster: %s",
			     strerror(errno));
	x->ring = ring_buffer__new(x->ring_fd, see_item, x, NULL);
	if (!x->ring || bpf_map_update_elem(x->records_fd, &zero, &x->ring_fd, BPF_ANY))
		return err_r(-errno, "can't use a ring buffer for the cluster: %s",
			     strerror(errno));
	return 0;
}

void exchange_close(struct exchange *x)
{
	const struct ftpnat_cluster silent = { 0 };

	if (!x->dir)
		return;
	if (x->cluster_fd >= 0)
		exchange_order(x, &silent);
	if (x->records_fd >= 0)
		bpf_map_delete_elem(x->records_fd, &zero);
	while (x->first) {
		struct waiting *next = x->first->next;

		free(x->first);
		x->first = next;
	}
	x->last = NULL;
	x->waiting = 0;
	ring_buffer__free(x->ring);
	x->ring = NULL;
	close_fd(&x->ring_fd);
	close_fd(&x->cluster_fd);
	close_fd(&x->records_fd);
	close_fd(&x->inbox_fd);
	close_fd(&x->flows_fd);
	close_fd(&x->rules_fd);
	close_fd(&x->config_fd);
	close_fd(&x->replica_fd);
	close_fd(&x->tell_fd);
	close_fd(&x->inject_fd);
	x->dir = NULL;
}

/* The programs' own counts stay. */
void exchange_order(const struct exchange *x, const struct ftpnat_cluster *order)
{
	struct ftpnat_cluster now = { 0 };

	bpf_map_lookup_elem(x->cluster_fd, &zero, &now);
	now.tell = order->tell;
	now.commit = order->commit;
	now.go_on = order->go_on;
	now.late = order->late;
	now.refuse = order->refuse;
	now.others = order->others;
	now.alive = now_seconds();
	bpf_map_update_elem(x->cluster_fd, &zero, &now, BPF_ANY);
}

void exchange_told(const struct exchange *x, struct ftpnat_cluster *told)
{
	if (x->dir)
		bpf_map_lookup_elem(x->cluster_fd, &zero, told);
}

/* ---- what the programs publish ---- */

static void wait_frame(struct exchange *x, const struct ftpnat_parked *parked)
{
	struct waiting *waiting = malloc(sizeof(*waiting) + parked->len);

	if (!waiting)
		return; /* its sender repeats it */
	waiting->next = NULL;
	waiting->number = x->number(x->arg);
	waiting->usec = now_usec();
	memcpy(&waiting->frame, parked, sizeof(*parked) + parked->len);
	if (x->last)
		x->last->next = waiting;
	else
		x->first = waiting;
	x->last = waiting;
	x->waiting++;
}

/* What the record has no bit for is of an older one. */
static void forget_unused(struct ftpnat_record *record)
{
	if (record->type == FTPNAT_RECORD_END) {
		const struct ftpnat_record end = { .type = record->type,
						   .key = record->key,
						   .session = record->session };

		*record = end;
	}
	if (!(record->has & FTPNAT_RECORD_SESSION))
		memset(&record->state, 0, sizeof(record->state));
	if (!(record->has & FTPNAT_RECORD_EXPECTED))
		memset(&record->expected, 0, sizeof(record->expected));
}

static int see_item(void *arg, void *data, size_t size)
{
	const struct ftpnat_parked *parked = data;
	struct exchange *x = arg;

	if (parked->type == FTPNAT_RECORD_FRAME ||
	    parked->type == FTPNAT_RECORD_SENT_ON) {
		if (size < sizeof(*parked) || size < sizeof(*parked) + parked->len)
			return 0;
		if (parked->type == FTPNAT_RECORD_FRAME) {
			wait_frame(x, parked);
		} else {
			x->counts.sent_on++;
			x->sent_on(x->arg, parked);
		}
		return 0;
	}
	memset(&x->record, 0, sizeof(x->record));
	memcpy(&x->record, data, size < sizeof(x->record) ? size : sizeof(x->record));
	forget_unused(&x->record);
	x->counts.published++;
	x->record_seen(x->arg, &x->record);
	return 0;
}

int exchange_fd(const struct exchange *x)
{
	return ring_buffer__epoll_fd(x->ring);
}

void exchange_consume(struct exchange *x)
{
	ring_buffer__consume(x->ring);
}

void exchange_put(const struct exchange *x, struct message_row *row,
		  const struct ftpnat_record *record)
{
	wire_put(row, record, x->rules[record->flow.rule % FTPNAT_MAX_RULES],
		 now_seconds());
}

/* ---- running their programs ---- */

static int run(int prog_fd, void *frame, size_t len, __u32 ifindex, bool sent_on)
{
	struct __sk_buff context = { .cb = { ifindex, sent_on } };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = (__u32)len,
		    .ctx_in = ifindex ? &context : NULL,
		    .ctx_size_in = ifindex ? sizeof(context) : 0);

	return bpf_prog_test_run_opts(prog_fd, &run) ? -errno : (int)run.retval;
}

static int run_on_inbox(const struct exchange *x, int prog_fd,
			const struct ftpnat_record *record)
{
	uint8_t frame[64] = { 0 };

	if (bpf_map_update_elem(x->inbox_fd, &zero, record, BPF_ANY))
		return -errno;
	return run(prog_fd, frame, sizeof(frame), 0, false);
}

static int tell(const struct exchange *x, const struct ftpnat_tuple *key, __u32 has)
{
	_cleanup_free_ struct ftpnat_record *record = calloc(1, sizeof(*record));

	if (!record)
		return -ENOMEM;
	record->key = *key;
	record->has = has;
	return run_on_inbox(x, x->tell_fd, record);
}

void exchange_tell(const struct exchange *x, const struct ftpnat_tuple *key)
{
	tell(x, key, 0);
}

bool exchange_take(const struct exchange *x, const struct ftpnat_tuple *key)
{
	return !tell(x, key, FTPNAT_RECORD_CLAIMED);
}

/* What the session's owner did not see through is the new owner's. */
static void forget_session(struct exchange *x, __u32 session)
{
	struct waiting **at = &x->first;

	x->last = NULL;
	while (*at) {
		struct waiting *waiting = *at;

		if (waiting->frame.session != session) {
			x->last = waiting;
			at = &waiting->next;
			continue;
		}
		*at = waiting->next;
		x->waiting--;
		free(waiting);
	}
}

static int rule_id(const struct exchange *x, const char *name)
{
	for (int id = 0; id < FTPNAT_MAX_RULES; id++)
		if (*name && !strncmp(x->rules[id], name, FTPNAT_NAME_LEN))
			return id;
	return -ENOENT;
}

void exchange_apply(struct exchange *x, const struct message *message)
{
	struct ftpnat_record *record = &x->record;
	char rule[FTPNAT_NAME_LEN];
	__u32 session;
	int id;

	if (!wire_get(message, record, rule, now_seconds()))
		return;
	record->type = message->type == MESSAGE_END ? FTPNAT_RECORD_END :
						      FTPNAT_RECORD_CONNECTION;
	if (record->type == FTPNAT_RECORD_CONNECTION) {
		id = rule_id(x, rule);
		if (id < 0) {
			x->counts.unknown++;
			return;
		}
		record->flow.rule = record->other.rule = record->state.rule = (__u16)id;
	}
	session = record->session;
	switch (run_on_inbox(x, x->replica_fd, record)) {
	case FTPNAT_APPLIED:
		x->counts.applied++;
		break;
	case FTPNAT_APPLIED_STALE:
		x->counts.stale++;
		break;
	case FTPNAT_APPLIED_DEMOTED:
		x->counts.demoted++;
		exchange_consume(x); /* some of its frames may still be in the ring */
		forget_session(x, session);
		break;
	default:
		x->counts.full++;
	}
}

/* ---- frames that come in again ---- */

struct injection {
	const struct exchange *exchange;
	__u32 ifindex;
	bool sent_on; /* by another gateway */
};

static void inject(void *arg, uint8_t *piece, size_t len)
{
	const struct injection *injection = arg;

	run(injection->exchange->inject_fd, piece, len, injection->ifindex,
	    injection->sent_on);
}

/* Payload of a segment; a test run takes no more than a page. */
#define LONGEST_FRAME 1400

static void inject_all(struct injection *injection, uint32_t gso, const uint8_t *frame,
		       size_t len)
{
	frame_cut(frame, len, gso && gso < LONGEST_FRAME ? gso : LONGEST_FRAME, inject,
		  injection);
}

void exchange_release(struct exchange *x, uint64_t known, uint64_t usec)
{
	while (x->first && (x->first->number <= known || x->first->usec < usec)) {
		struct waiting *waiting = x->first;
		struct injection injection = { x, waiting->frame.ifindex, false };

		if (waiting->number > known)
			x->counts.unprotected++;
		x->counts.released++;
		x->first = waiting->next;
		if (!x->first)
			x->last = NULL;
		x->waiting--;
		inject_all(&injection, waiting->frame.gso, waiting->frame.frame,
			   waiting->frame.len);
		free(waiting);
	}
}

/* It was for the other gateway's card. 0 or -errno. */
static int address_to(const char *interface, uint8_t *frame)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request))
		return -errno;
	memcpy(frame, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return 0;
}

void exchange_inject(struct exchange *x, const char *interface, uint32_t gso,
		     const uint8_t *frame, size_t len)
{
	struct injection injection = { x, if_nametoindex(interface), true };
	_cleanup_free_ uint8_t *copy = malloc(len);

	if (!injection.ifindex || !copy || len < ETH_HLEN)
		return; /* its sender repeats it, and then it is taken over */
	memcpy(copy, frame, len);
	if (address_to(interface, copy))
		return;
	x->counts.injected++;
	inject_all(&injection, gso, copy, len);
}
