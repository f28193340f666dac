// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/file.h>
#include <xdp/libxdp.h>

#include "base/netdev.h"
#include "base/util.h"
#include "dataplane/attach.h"
#include "dataplane/kernel_log.h"
#include "dataplane/prog_fds.h"
#include "ftpnat_xdp.skel.h"

#define LIBXDP_DIR  "/sys/fs/bpf/xdp"
#define MAX_CHAINED 10 /* programs of a libxdp dispatcher */

/* ---- what is there ---- */

static void close_multiprog(struct xdp_multiprog **multiprog)
{
	xdp_multiprog__close(*multiprog);
}

static void close_program(struct xdp_program **program)
{
	xdp_program__close(*program);
}

/* The programs of an interface; 0 and NULL: it has none. */
static int open_multiprog(__u32 ifindex, struct xdp_multiprog **out)
{
	struct xdp_multiprog *multiprog;
	long err;

	libxdp_set_print(NULL); /* its errors are returned, and explained by us */
	multiprog = xdp_multiprog__get_from_ifindex((int)ifindex);
	err = libxdp_get_error(multiprog);
	*out = err ? NULL : multiprog;
	return err == -ENOENT ? 0 : (int)err;
}

static struct xdp_program *next_program(struct xdp_program *program,
					struct xdp_multiprog *multiprog)
{
	if (!multiprog)
		return NULL;
	if (!xdp_multiprog__is_legacy(multiprog))
		return xdp_multiprog__next_prog(program, multiprog);
	return program ? NULL : xdp_multiprog__main_prog(multiprog);
}

/* The instance's program; not the one that stays. */
static struct xdp_program *find_own(struct xdp_multiprog *multiprog, __u32 state_id,
				    __u32 stays)
{
	struct xdp_program *program = NULL;

	while ((program = next_program(program, multiprog)))
		if (xdp_program__id(program) != stays &&
		    prog_holds(xdp_program__id(program), state_id))
			return program;
	return NULL;
}

static enum ftpnat_xdp_mode mode_of(const struct xdp_multiprog *multiprog)
{
	return xdp_multiprog__attach_mode(multiprog) == XDP_MODE_SKB ?
		       FTPNAT_XDP_MODE_GENERIC :
		       FTPNAT_XDP_MODE_NATIVE;
}

int xdp_query(const struct ftpnat_interface *interface, __u32 state_id,
	      struct xdp_attached *attached)
{
	_cleanup_prog_fds_ struct prog_fds before;
	_cleanup_(close_multiprog) struct xdp_multiprog *multiprog = NULL;
	struct xdp_program *own, *program = NULL;
	int err;

	prog_fds_note(&before);
	err = open_multiprog(interface->ifindex, &multiprog);
	*attached = (struct xdp_attached){ .mode = FTPNAT_XDP_MODE_OFF };
	if (err || !multiprog)
		return err;
	own = find_own(multiprog, state_id, 0);
	attached->chained = !xdp_multiprog__is_legacy(multiprog);
	if (own) {
		attached->mode = mode_of(multiprog);
		attached->prog_id = xdp_program__id(own);
	}
	while ((program = next_program(program, multiprog))) {
		if (program == own)
			continue;
		attached->others++;
		snprintf(attached->other, sizeof(attached->other), "%s",
			 xdp_program__name(program));
	}
	return 0;
}

/* ---- detaching ---- */

/* Is a program of the instance pinned in this directory? */
static bool holds_own(const char *dir, __u32 state_id)
{
	for (int i = 0; i < MAX_CHAINED; i++) {
		_cleanup_close_ int fd = -1;
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/prog%d-prog", dir, i);
		fd = bpf_obj_get(path);
		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) &&
		    prog_holds(info.id, state_id))
			return true;
	}
	return false;
}

static void remove_dispatcher(const char *dir)
{
	char path[PATH_MAX];

	for (int i = 0; i < MAX_CHAINED; i++) {
		snprintf(path, sizeof(path), "%s/prog%d-prog", dir, i);
		unlink(path);
		snprintf(path, sizeof(path), "%s/prog%d-link", dir, i);
		unlink(path);
	}
	rmdir(dir);
}

/* Is this program attached to the interface, in whichever mode? Also where that can't be known. */
static bool in_use(__u32 ifindex, __u32 id)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, found);
	int err = bpf_xdp_query((int)ifindex, 0, &found);

	if (err)
		return err != -ENODEV;
	return id == found.prog_id || id == found.drv_prog_id ||
	       id == found.skb_prog_id || id == found.hw_prog_id;
}

/*
 * libxdp pins a dispatcher before it attaches it, and unpins the previous one
 * afterwards. Removes what a kill in between left with a program of ours in it, under
 * libxdp's lock, which every query for programs takes too.
 */
static void remove_left(__u32 ifindex, __u32 state_id)
{
	_cleanup_close_ int lock = open(LIBXDP_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(globfree) glob_t found = { 0 };
	char pattern[64];
	__u32 id;

	if (lock < 0 || flock(lock, LOCK_EX))
		return;
	snprintf(pattern, sizeof(pattern), LIBXDP_DIR "/dispatch-%u-*", ifindex);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		id = (__u32)strtoul(strrchr(found.gl_pathv[i], '-') + 1, NULL, 10);
		if (!in_use(ifindex, id) && holds_own(found.gl_pathv[i], state_id))
			remove_dispatcher(found.gl_pathv[i]);
	}
}

static int remove_own(__u32 ifindex, __u32 state_id, __u32 stays)
{
	int err;

	/* there is more than one only after a kill */
	do {
		_cleanup_(close_multiprog) struct xdp_multiprog *multiprog = NULL;
		struct xdp_program *own;

		err = open_multiprog(ifindex, &multiprog);
		own = find_own(multiprog, state_id, stays);
		if (!own)
			break;
		err = xdp_program__detach(own, (int)ifindex,
					  xdp_multiprog__attach_mode(multiprog), 0);
	} while (!err);
	remove_left(ifindex, state_id);
	rmdir(LIBXDP_DIR); /* which libxdp makes and never removes; stays if it is in use */
	return err;
}

int xdp_remove(const struct ftpnat_interface *interface, __u32 state_id)
{
	_cleanup_prog_fds_ struct prog_fds before;
	int err;

	prog_fds_note(&before);
	kernel_log_start();
	err = remove_own(interface->ifindex, state_id, 0);
	return err && netdev_is_gone(interface->ifindex) ? 0 : err;
}

/* ---- attaching ---- */

static void destroy_object(struct ftpnat_xdp **object)
{
	ftpnat_xdp__destroy(*object);
}

/* The program that translates between the families, too, or the one that does not. */
static struct bpf_program *program_of(const struct ftpnat_xdp *object, bool across)
{
	return across ? object->progs.ftpnat_xdp : object->progs.ftpnat_xdp_same;
}

/* The object with one of its programs, not loaded yet: libxdp loads it with its final type. */
static int open_object(const struct ftpnat_interface *interface,
		       const struct dataplane *dataplane, enum ftpnat_xdp_mode mode,
		       bool across, struct ftpnat_xdp **out)
{
	struct ftpnat_xdp *object = ftpnat_xdp__open();
	struct ftpnat_xdp_self *self;
	struct bpf_map *map;
	int err = 0;

	*out = object;
	if (!object)
		return -errno;
	self = &object->rodata->ftpnat_self;
	memcpy(self->mac, interface->mac, sizeof(self->mac));
	self->generic = mode == FTPNAT_XDP_MODE_GENERIC;
	dataplane_get_qos(dataplane, self->qos);
	/*
	 * Behind a generic program with this flag, TC doesn't see the Ethernet header (6.18:
	 * the kernel makes a copy of the packet, which has no mac_len).
	 */
	if (mode == FTPNAT_XDP_MODE_NATIVE)
		bpf_program__set_flags(program_of(object, across), BPF_F_XDP_HAS_FRAGS);
	bpf_program__set_autoload(program_of(object, !across), false);
	bpf_object__for_each_map(map, object->obj)
		if (!err && dataplane_is_state(map))
			err = bpf_map__reuse_fd(
				map, dataplane_map(dataplane,
						   map_of_name(bpf_map__name(map))));
	return err;
}

/* A program that is alone can't be replaced by libxdp. */
static int replace_alone(const struct ftpnat_interface *interface,
			 struct ftpnat_xdp *object, enum ftpnat_xdp_mode mode,
			 bool across, const struct xdp_program *own)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = xdp_program__fd(own));
	int err = bpf_object__load(object->obj);

	return err   ?:
		       bpf_xdp_attach((int)interface->ifindex,
				      bpf_program__fd(program_of(object, across)),
				      mode == FTPNAT_XDP_MODE_GENERIC ?
					      XDP_FLAGS_SKB_MODE :
					      XDP_FLAGS_DRV_MODE,
				      &opts);
}

static int add(const struct ftpnat_interface *interface, const struct ftpnat_xdp *object,
	       enum ftpnat_xdp_mode mode, bool across, __u32 state_id)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = object->obj,
			    .prog_name = bpf_program__name(program_of(object, across)));
	_cleanup_(close_program) struct xdp_program *program = xdp_program__create(&opts);
	int err = (int)libxdp_get_error(program);

	if (err) {
		program = NULL;
		return err;
	}
	return xdp_program__attach(program, (int)interface->ifindex, mode == FTPNAT_XDP_MODE_GENERIC ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0) ?:
		       remove_own(interface->ifindex, state_id, xdp_program__id(program));
}

static int put(const struct ftpnat_interface *interface,
	       const struct dataplane *dataplane, enum ftpnat_xdp_mode mode, bool across,
	       __u32 state_id, char why[FTPNAT_XDP_WHY_LEN])
{
	_cleanup_prog_fds_ struct prog_fds before;
	_cleanup_(close_multiprog) struct xdp_multiprog *multiprog = NULL;
	_cleanup_(destroy_object) struct ftpnat_xdp *object = NULL;
	struct xdp_program *own;
	int err;

	prog_fds_note(&before);
	kernel_log_start();
	err = open_object(interface, dataplane, mode, across, &object) ?:
		      open_multiprog(interface->ifindex, &multiprog);
	own = err ? NULL : find_own(multiprog, state_id, 0);
	if (own && mode_of(multiprog) != mode) { /* the kernel has one mode at a time */
		err = remove_own(interface->ifindex, state_id, 0);
		own = NULL;
	}
	if (!err)
		err = own && xdp_multiprog__is_legacy(multiprog) ?
			      replace_alone(interface, object, mode, across, own) :
			      add(interface, object, mode, across, state_id);
	remove_left(interface->ifindex, state_id);
	if (err)
		snprintf(why, FTPNAT_XDP_WHY_LEN, "%s",
			 kernel_log_reason(object ? object->obj : NULL, err));
	return err;
}

int xdp_put(const struct ftpnat_interface *interface, const struct dataplane *dataplane,
	    enum ftpnat_xdp_mode mode, __u32 state_id, char why[FTPNAT_XDP_WHY_LEN])
{
	int err = put(interface, dataplane, mode, true, state_id, why);

	/* a dispatcher may take no program that moves the frame's head */
	return err ? put(interface, dataplane, mode, false, state_id, why) : 0;
}
