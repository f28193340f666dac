// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/host_watch.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/host_sysctl.h"
#include "base/hostaddr.h"
#include "base/log.h"
#include "dataplane/fastpath.h"
#include "dataplane/instance.h"
#include "dataplane/map_names.h"
#include "dataplane/pin.h"
#include "dataplane/xdp.h"

#define SECOND	   1000000ULL
#define SETTLE	   SECOND	 /* changes come in groups */
#define LOOK_AGAIN (30 * SECOND) /* where the reload failed */

/* ---- has the host changed since? ---- */

/* An address was replaced by another, or the first one was added. */
static bool addr_is_replaced(const struct ftpnat_addr *taken,
			     const struct ftpnat_addr *now)
{
	return !ftpnat_addr_is_none(now) && !host_is_link_local(now) &&
	       (!host_is_local(taken) || host_is_link_local(taken));
}

static bool filter_has_changed(const char *interface, const struct ftpnat_ifaddr *taken)
{
	struct ftpnat_ifaddr now = { 0 };

	return !host_source_filter(interface, &now) &&
	       (now.rp_filter != taken->rp_filter ||
		now.accept_local != taken->accept_local);
}

static bool interface_has_changed(const struct instance *instance,
				  const struct ftpnat_interface *interface, int addrs_fd)
{
	struct xdp_attached xdp;
	struct ftpnat_addr now[FTPNAT_FAMILY_MAX];
	struct ftpnat_ifaddr taken;
	__u32 ifindex = if_nametoindex(interface->name);

	if (!ifindex)
		return false; /* a reload needs it: perhaps it comes back */
	if (ifindex != interface->ifindex)
		return true;
	if (!xdp_query(interface, instance->state_id, &xdp) &&
	    xdp.mode != FTPNAT_XDP_MODE_OFF && fastpath_mac_is_new(interface))
		return true;
	if (bpf_map_lookup_elem(addrs_fd, &ifindex, &taken))
		return false;
	if (filter_has_changed(interface->name, &taken))
		return true;
	if (host_interface_addrs(interface->name, now))
		return false;
	for (int i = 0; i < FTPNAT_FAMILY_MAX; i++)
		if (addr_is_replaced(&taken.addr[i], &now[i]))
			return true;
	return false;
}

static bool host_has_changed(const struct options *options)
{
	_cleanup_instance_ struct instance instance = INSTANCE_INIT;
	_cleanup_close_ int addrs_fd =
		pin_open(options->pin, map_name(FTPNAT_MAP_IFADDRS));

	if (addrs_fd < 0 || instance_open(&instance, options->pin, 0, 0) ||
	    instance_check_layout(&instance))
		return false;
	for (__u32 i = 0; i < instance.state.interfaces && i < FTPNAT_MAX_INTERFACES; i++)
		if (interface_has_changed(&instance, &instance.state.interface[i],
					  addrs_fd))
			return true;
	return false;
}

/* ---- when to look ---- */

static int look_in(struct host_watch *watch, uint64_t usec)
{
	return sd_event_source_set_time_relative(watch->timer, usec) ?:
		       sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

static int see_time(sd_event_source *source, uint64_t usec, void *arg)
{
	struct host_watch *watch = arg;

	(void)source;
	(void)usec;
	watch->soon = false;
	if (!host_has_changed(watch->options))
		return 0;
	watch->changed(watch->arg);
	return host_has_changed(watch->options) ? look_in(watch, LOOK_AGAIN) : 0;
}

static int see_message(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct host_watch *watch = arg;
	char message[8192];

	(void)source;
	(void)events;
	while (recv(fd, message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC) >= 0 ||
	       errno == ENOBUFS) /* some were lost: that is a reason too */
		;
	if (watch->soon)
		return 0;
	watch->soon = true;
	return look_in(watch, SETTLE);
}

static int open_groups(void)
{
	const struct sockaddr_nl groups = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
			     1U << (RTNLGRP_IPV4_NETCONF - 1), /* rp_filter */
	};
	_cleanup_close_ int fd = socket(
		AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&groups, sizeof(groups)))
		return -errno;
	return TAKE_FD(fd);
}

int host_watch_open(struct host_watch *watch, sd_event *event,
		    const struct options *options, void (*changed)(void *arg), void *arg)
{
	_cleanup_close_ int fd = open_groups();
	int err = fd;

	*watch = (struct host_watch){
		.options = options, .changed = changed, .arg = arg, .soon = true
	};
	if (err >= 0)
		err = sd_event_add_io(event, &watch->io, fd, EPOLLIN, see_message, watch);
	if (err >= 0) {
		sd_event_source_set_io_fd_own(watch->io, true);
		TAKE_FD(fd);
		/* what has changed since it was put in force is seen as well */
		err = sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC,
						 SETTLE, 0, see_time, watch);
	}
	return err < 0 ? err_r(err, "can't watch interfaces and addresses: %s",
			       strerror(-err)) :
			 0;
}

void host_watch_close(struct host_watch *watch)
{
	watch->io = sd_event_source_disable_unref(watch->io);
	watch->timer = sd_event_source_disable_unref(watch->timer);
}
