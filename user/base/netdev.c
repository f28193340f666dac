// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/netdev.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/util.h"

/* linux/netdev.h */
#define NETDEV_FAMILY		  "netdev"
#define NETDEV_CMD_DEV_GET	  1
#define NETDEV_A_DEV_IFINDEX	  1
#define NETDEV_A_DEV_XDP_FEATURES 3

#define ARPHRD_IP6GRE 823 /* linux/if_arp.h, which net/if.h leaves no room for */

#define ANSWER_LEN 8192
#define ATTR_ROOM  32

static int socket_ioctl(unsigned long request, void *arg)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || ioctl(fd, request, arg) ? -errno : 0;
}

static int if_ioctl(const char *name, unsigned long request, struct ifreq *ifr)
{
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	return socket_ioctl(request, ifr);
}

void netdev_driver(const char *name, char driver[NETDEV_DRIVER_LEN])
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { .ifr_data = (void *)&info };
	bool known = !if_ioctl(name, SIOCETHTOOL, &ifr);

	snprintf(driver, NETDEV_DRIVER_LEN, "%.*s", NETDEV_DRIVER_LEN - 1,
		 known ? info.driver : "");
}

/* What the driver says now: IFF_RUNNING follows within a second or so. */
static bool has_link(const char *name)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GLINK };
	struct ifreq ifr = { .ifr_data = (void *)&value };

	return !if_ioctl(name, SIOCETHTOOL, &ifr) && value.data;
}

enum netdev_link netdev_link(const char *name)
{
	struct ifreq ifr = { 0 };

	if (if_ioctl(name, SIOCGIFFLAGS, &ifr))
		return NETDEV_LINK_UP;
	if (!(ifr.ifr_flags & IFF_UP))
		return NETDEV_LINK_DOWN;
	if (ifr.ifr_flags & IFF_RUNNING || has_link(name))
		return NETDEV_LINK_UP;
	return NETDEV_LINK_NO_CARRIER;
}

/* ---- interfaces on top of others ---- */

static bool is_vlan(const char *driver)
{
	return !strcmp(driver, "802.1Q VLAN Support");
}

bool netdev_is_gone(__u32 ifindex)
{
	char name[IF_NAMESIZE];

	return !if_indextoname(ifindex, name);
}

bool netdev_is_upper(const char *name)
{
	char driver[NETDEV_DRIVER_LEN];

	netdev_driver(name, driver);
	return is_vlan(driver) || !strcmp(driver, "macvlan") || !strcmp(driver, "ipvlan");
}

static bool is_vlan_of(const char *name, const char *below)
{
	struct vlan_ioctl_args args = { .cmd = GET_VLAN_REALDEV_NAME_CMD };
	char driver[NETDEV_DRIVER_LEN];

	netdev_driver(name, driver); /* for others the ioctl would load the module */
	snprintf(args.device1, sizeof(args.device1), "%s", name);
	return is_vlan(driver) && !socket_ioctl(SIOCGIFVLAN, &args) &&
	       !strcmp(args.u.device2, below);
}

bool netdev_has_vlan(const char *name)
{
	struct if_nameindex *all = if_nameindex();
	bool found = false;

	for (struct if_nameindex *i = all; i && i->if_index && !found; i++)
		found = is_vlan_of(i->if_name, name);
	if (all)
		if_freenameindex(all);
	return found;
}

/* ---- addresses ---- */

static void free_ifaddrs(struct ifaddrs **list)
{
	if (*list)
		freeifaddrs(*list);
}

/* Has the tunnel a remote end of its own? It is its link-layer broadcast address. */
static bool has_remote(const char *name)
{
	_cleanup_(free_ifaddrs) struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list))
		return false;
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		const struct sockaddr_ll *remote = (void *)i->ifa_broadaddr;

		if (strcmp(i->ifa_name, name) || !i->ifa_addr ||
		    i->ifa_addr->sa_family != AF_PACKET || !remote)
			continue;
		for (size_t byte = 0; byte < remote->sll_halen; byte++)
			found |= ((const __u8 *)remote->sll_addr)[byte] != 0;
	}
	return found;
}

int netdev_header(const char *name)
{
	char driver[NETDEV_DRIVER_LEN];
	struct ifreq ifr = { 0 };
	int err = if_ioctl(name, SIOCGIFHWADDR, &ifr);

	if (err)
		return err;
	switch (ifr.ifr_hwaddr.sa_family) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return NETDEV_HEADER_ETHERNET;
	case ARPHRD_PPP:
		return NETDEV_HEADER_NONE;
	/* without a remote end GRE shows TC its outer header, and the others need more than a route */
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return has_remote(name) ? NETDEV_HEADER_NONE : -EDESTADDRREQ;
	case ARPHRD_NONE:
		netdev_driver(name, driver);
		return strcmp(driver, "tun") && strcmp(driver, "wireguard") ?
			       -EAFNOSUPPORT :
			       NETDEV_HEADER_NONE;
	default:
		return -EAFNOSUPPORT;
	}
}

bool netdev_is_loopback(const char *name)
{
	struct ifreq ifr = { 0 };

	return !if_ioctl(name, SIOCGIFHWADDR, &ifr) &&
	       ifr.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
}

int netdev_mac(const char *name, __u8 mac[6])
{
	struct ifreq ifr = { 0 };
	int err = if_ioctl(name, SIOCGIFHWADDR, &ifr);

	if (err)
		return err;
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EAFNOSUPPORT;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	return 0;
}

/* ---- generic netlink ---- */

struct genl_request {
	struct nlmsghdr header;
	struct genlmsghdr genl;
	struct nlattr attr;
	char value[ATTR_ROOM];
};

struct genl_answer {
	struct nlmsghdr header;
	struct genlmsghdr genl;
	char attrs[ANSWER_LEN];
};

/* One question with one attribute. */
static int ask(int fd, __u16 family, __u8 command, __u16 type, const void *value,
	       size_t len, struct genl_answer *answer)
{
	struct genl_request request = {
		.header = { .nlmsg_len = (__u32)(NLMSG_LENGTH(GENL_HDRLEN) +
						 NLA_ALIGN(NLA_HDRLEN + len)),
			    .nlmsg_type = family,
			    .nlmsg_flags = NLM_F_REQUEST },
		.genl = { .cmd = command, .version = 1 },
		.attr = { .nla_len = (__u16)(NLA_HDRLEN + len), .nla_type = type },
	};
	ssize_t n;

	memcpy(request.value, value, len);
	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(fd, answer, sizeof(*answer), 0);
	if (n < 0)
		return -errno;
	if (!NLMSG_OK(&answer->header, (size_t)n))
		return -EBADMSG;
	if (answer->header.nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)NLMSG_DATA(&answer->header))->error ?:
			       -EBADMSG;
	return 0;
}

/* Copies the value of an attribute. */
static int get_attr(const struct genl_answer *answer, __u16 type, void *value, size_t len)
{
	size_t end = answer->header.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN), at = 0;

	while (at + NLA_HDRLEN <= end) {
		struct nlattr attr;

		memcpy(&attr, answer->attrs + at, sizeof(attr));
		if (attr.nla_len < NLA_HDRLEN || attr.nla_len > end - at)
			return -EBADMSG;
		if ((attr.nla_type & NLA_TYPE_MASK) == type &&
		    attr.nla_len == NLA_HDRLEN + len) {
			memcpy(value, answer->attrs + at + NLA_HDRLEN, len);
			return 0;
		}
		at += NLA_ALIGN(attr.nla_len);
	}
	return -ENODATA;
}

int netdev_xdp_features(__u32 ifindex, __u64 *features)
{
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	_cleanup_free_ struct genl_answer *answer = calloc(1, sizeof(*answer));
	struct timeval wait = { .tv_sec = 10 };
	__u16 family;
	int err;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		return -errno;
	if (!answer)
		return -ENOMEM;
	err = ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME,
		  NETDEV_FAMILY, sizeof(NETDEV_FAMILY), answer);
	if (!err)
		err = get_attr(answer, CTRL_ATTR_FAMILY_ID, &family, sizeof(family));
	if (!err)
		err = ask(fd, family, NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, &ifindex,
			  sizeof(ifindex), answer);
	return err   ?:
		       get_attr(answer, NETDEV_A_DEV_XDP_FEATURES, features,
				sizeof(*features));
}
