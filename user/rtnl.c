// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rtnl.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"

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

/* Messages of one datagram. 1: the dump goes on, 0: it ended. */
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
	return 1;
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
	int verdict = 0, err = 1;

	if (!answer || fd < 0)
		return answer ? fd : -ENOMEM;
	if (send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	while (err > 0) {
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

int rtnl_filters(int ifindex, int (*each)(const struct tc_filter *filter, void *arg),
		 void *arg)
{
	static const __u32 parent[TC_HOOK_MAX] = {
		[TC_HOOK_INGRESS] = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		[TC_HOOK_EGRESS] = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
	};

	for (enum tc_hook hook = 0; hook < TC_HOOK_MAX; hook++) {
		struct filter_query query = { .hook = hook, .each = each, .arg = arg };
		int err = dump(RTM_GETTFILTER, ifindex, parent[hook], see_filter, &query);

		if (err)
			return err;
	}
	return 0;
}
