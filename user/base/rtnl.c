// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/rtnl.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"

#define ANSWER_LEN 65536

struct dump {
	struct nlmsghdr header;
	struct tcmsg tc;
};

typedef int (*message_fn)(const struct tcmsg *tc, int len, void *arg);

static int open_rtnl(void)
{
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct timeval wait = { .tv_sec = 10 };

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		return -errno;
	return TAKE_FD(fd);
}

/* Messages of one datagram. 0: the dump ended, -EAGAIN: it continues, or another -errno. */
static int take_messages(const struct nlmsghdr *msg, unsigned int len, message_fn each,
			 void *arg, int *verdict)
{
	for (; NLMSG_OK(msg, len); msg = NLMSG_NEXT(msg, len)) {
		if (msg->nlmsg_type == NLMSG_DONE)
			return 0;
		if (msg->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(msg))->error;
		if (msg->nlmsg_len < NLMSG_LENGTH(sizeof(struct tcmsg)) || *verdict)
			continue;
		*verdict = each(
			NLMSG_DATA(msg),
			(int)(msg->nlmsg_len - NLMSG_LENGTH(sizeof(struct tcmsg))), arg);
	}
	return -EAGAIN;
}

static int dump(__u16 type, int ifindex, __u32 parent, message_fn each, void *arg)
{
	struct dump request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = type,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.tc = { .tcm_family = AF_UNSPEC,
			.tcm_ifindex = ifindex,
			.tcm_parent = parent },
	};
	_cleanup_free_ char *answer = malloc(ANSWER_LEN);
	_cleanup_close_ int fd = open_rtnl();
	int verdict = 0, err = -EAGAIN;

	if (!answer || fd < 0)
		return answer ? fd : -ENOMEM;
	if (send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	while (err == -EAGAIN) {
		ssize_t n = recv(fd, answer, ANSWER_LEN, 0);

		if (n < 0)
			return -errno;
		err = take_messages((const struct nlmsghdr *)(const void *)answer,
				    (unsigned int)n, each, arg, &verdict);
	}
	return err ?: verdict;
}

static const struct rtattr *find_attr(const struct rtattr *attr, int len,
				      unsigned short type)
{
	for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len))
		if ((attr->rta_type & NLA_TYPE_MASK) == type)
			return attr;
	return NULL;
}

static bool kind_is(const struct rtattr *attrs, int len, const char *kind)
{
	const struct rtattr *attr = find_attr(attrs, len, TCA_KIND);

	return attr && RTA_PAYLOAD(attr) > strlen(kind) && !strcmp(RTA_DATA(attr), kind);
}

struct qdisc_query {
	int ifindex;
	enum tc_qdisc found;
};

static int see_qdisc(const struct tcmsg *tc, int len, void *arg)
{
	struct qdisc_query *query = arg;

	if (tc->tcm_ifindex != query->ifindex || tc->tcm_parent != TC_H_CLSACT)
		return 0;
	query->found = kind_is(TCA_RTA(tc), len, "clsact") ? TC_QDISC_CLSACT :
							     TC_QDISC_INGRESS;
	return 0;
}

int rtnl_qdisc(int ifindex)
{
	struct qdisc_query query = { .ifindex = ifindex };

	return dump(RTM_GETQDISC, ifindex, 0, see_qdisc, &query) ?: (int)query.found;
}

struct fq_query {
	int ifindex;
	bool found;
	bool other; /* a queue that does not */
};

static int see_fq(const struct tcmsg *tc, int len, void *arg)
{
	struct fq_query *query = arg;

	if (tc->tcm_ifindex != query->ifindex || tc->tcm_parent == TC_H_CLSACT ||
	    kind_is(TCA_RTA(tc), len, "mq"))
		return 0;
	if (kind_is(TCA_RTA(tc), len, "fq"))
		query->found = true;
	else
		query->other = true;
	return 0;
}

int rtnl_paces(int ifindex)
{
	struct fq_query query = { .ifindex = ifindex };

	return dump(RTM_GETQDISC, ifindex, 0, see_fq, &query) ?:
								query.found && !query.other;
}

/* linux/if_link.h of Linux 6.3 */
#define LINK_GRO_MAX	  58
#define LINK_GSO_IPV4_MAX 63
#define LINK_GRO_IPV4_MAX 64

int rtnl_largest_packet(int ifindex)
{
	static const unsigned short limits[] = { IFLA_GSO_MAX_SIZE, LINK_GRO_MAX,
						 LINK_GSO_IPV4_MAX, LINK_GRO_IPV4_MAX };
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = { .header = { .nlmsg_len = sizeof(request),
				  .nlmsg_type = RTM_GETLINK,
				  .nlmsg_flags = NLM_F_REQUEST },
		      .link = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex } };
	_cleanup_free_ char *answer = malloc(ANSWER_LEN);
	_cleanup_close_ int fd = open_rtnl();
	const struct nlmsghdr *msg = (const void *)answer;
	__u32 largest = 0;
	ssize_t n;

	if (!answer || fd < 0)
		return answer ? fd : -ENOMEM;
	if (send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	n = recv(fd, answer, ANSWER_LEN, 0);
	if (n < 0)
		return -errno;
	if (!NLMSG_OK(msg, (unsigned int)n))
		return -EBADMSG;
	if (msg->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(msg))->error ?: -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const struct rtattr *attr = find_attr(IFLA_RTA(NLMSG_DATA(msg)),
						      (int)IFLA_PAYLOAD(msg), limits[i]);
		__u32 limit;

		if (!attr || RTA_PAYLOAD(attr) != sizeof(limit))
			continue;
		memcpy(&limit, RTA_DATA(attr), sizeof(limit));
		if (limit > largest)
			largest = limit;
	}
	return (int)largest;
}

struct filter_query {
	enum tc_hook hook;
	int (*each)(const struct tc_filter *filter, void *arg);
	void *arg;
};

static int see_filter(const struct tcmsg *tc, int len, void *arg)
{
	const struct filter_query *query = arg;
	struct tc_filter filter = { .hook = query->hook,
				    .handle = tc->tcm_handle,
				    .priority = TC_H_MAJ(tc->tcm_info) >> 16 };
	const struct rtattr *options, *id = NULL;

	if (!tc->tcm_handle) /* only announces the filters of a priority */
		return 0;
	options = find_attr(TCA_RTA(tc), len, TCA_OPTIONS);
	if (options && kind_is(TCA_RTA(tc), len, "bpf"))
		id = find_attr(RTA_DATA(options), (int)RTA_PAYLOAD(options), TCA_BPF_ID);
	if (id && RTA_PAYLOAD(id) >= sizeof(filter.prog_id))
		memcpy(&filter.prog_id, RTA_DATA(id), sizeof(filter.prog_id));
	return query->each(&filter, query->arg);
}

static const __u32 parents[TC_HOOK_MAX] = {
	[TC_HOOK_INGRESS] = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
	[TC_HOOK_EGRESS] = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
};

int rtnl_filters(int ifindex, int (*each)(const struct tc_filter *filter, void *arg),
		 void *arg)
{
	for (enum tc_hook hook = 0; hook < TC_HOOK_MAX; hook++) {
		struct filter_query query = { .hook = hook, .each = each, .arg = arg };
		int err =
			dump(RTM_GETTFILTER, ifindex, parents[hook], see_filter, &query);

		if (err)
			return err;
	}
	return 0;
}

/* ---- changes ---- */

#define CHANGE_LEN 160 /* of one message, more than it needs */

static void add_attr(struct nlmsghdr *msg, unsigned short type, const void *data,
		     size_t len)
{
	struct rtattr *attr =
		(struct rtattr *)(void *)((char *)msg + NLMSG_ALIGN(msg->nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attr), data, len);
	msg->nlmsg_len = NLMSG_ALIGN(msg->nlmsg_len) + (__u32)RTA_SPACE(len);
}

/* As tc names a filter: name and id of its program. */
static void add_name(struct nlmsghdr *msg, int prog_fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	char name[BPF_OBJ_NAME_LEN + 16];

	bpf_obj_get_info_by_fd(prog_fd, &info, &len);
	snprintf(name, sizeof(name), "%s:[%u]", info.name, info.id);
	add_attr(msg, TCA_BPF_NAME, name, strlen(name) + 1);
}

/* `msg` is zeroed. Number `seq` of the messages tells its answer. */
static void write_change(struct nlmsghdr *msg, const struct tc_change *change, __u32 seq)
{
	static const __u32 direct = TCA_BPF_FLAG_ACT_DIRECT;
	struct tcmsg *tc = NLMSG_DATA(msg);
	struct rtattr *options;

	msg->nlmsg_len = NLMSG_LENGTH(sizeof(*tc));
	msg->nlmsg_seq = seq;
	msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	msg->nlmsg_type = RTM_DELTFILTER;
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)change->ifindex;
	tc->tcm_parent = parents[change->hook];
	tc->tcm_handle = change->handle;
	tc->tcm_info = TC_H_MAKE(change->priority << 16, htons(ETH_P_ALL));
	add_attr(msg, TCA_KIND, "bpf", sizeof("bpf"));
	if (change->prog_fd < 0)
		return;
	msg->nlmsg_type = RTM_NEWTFILTER;
	msg->nlmsg_flags |= NLM_F_CREATE | (change->handle ? NLM_F_REPLACE : NLM_F_EXCL);
	options = (struct rtattr *)(void *)((char *)msg + NLMSG_ALIGN(msg->nlmsg_len));
	add_attr(msg, TCA_OPTIONS | NLA_F_NESTED, NULL, 0);
	add_attr(msg, TCA_BPF_FD, &change->prog_fd, sizeof(change->prog_fd));
	add_name(msg, change->prog_fd);
	add_attr(msg, TCA_BPF_FLAGS, &direct, sizeof(direct));
	options->rta_len =
		(unsigned short)((char *)msg + msg->nlmsg_len - (char *)options);
}

/* The answers of one datagram. */
static size_t take_answers(const struct nlmsghdr *msg, unsigned int len,
			   struct tc_change *changes, size_t n)
{
	size_t taken = 0;

	for (; NLMSG_OK(msg, len); msg = NLMSG_NEXT(msg, len))
		if (msg->nlmsg_type == NLMSG_ERROR && msg->nlmsg_seq < n) {
			changes[msg->nlmsg_seq].err =
				((const struct nlmsgerr *)NLMSG_DATA(msg))->error;
			taken++;
		}
	return taken;
}

int rtnl_change(struct tc_change *changes, size_t n)
{
	static const int yes = 1;
	_cleanup_close_ int fd = open_rtnl();
	_cleanup_free_ char *request = calloc(n + 1, CHANGE_LEN);
	_cleanup_free_ char *answer = malloc(ANSWER_LEN);
	size_t len = 0, answered = 0;

	if (fd < 0 || !request || !answer)
		return fd < 0 ? fd : -ENOMEM;
	if (setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof(yes)))
		return -errno;
	for (size_t i = 0; i < n; i++) {
		struct nlmsghdr *msg = (struct nlmsghdr *)(void *)(request + len);

		write_change(msg, &changes[i], (__u32)i);
		len += NLMSG_ALIGN(msg->nlmsg_len);
	}
	if (n && send(fd, request, len, 0) < 0)
		return -errno;
	while (answered < n) {
		ssize_t got = recv(fd, answer, ANSWER_LEN, 0);

		if (got < 0)
			return -errno;
		answered += take_answers((const struct nlmsghdr *)(const void *)answer,
					 (unsigned int)got, changes, n);
	}
	return 0;
}
