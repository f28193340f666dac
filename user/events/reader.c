// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "events/reader.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>

#include "base/log.h"

/*
 * A slot is in use as long as a process holds a lock on the byte with its number, of the
 * instance's directory: a read lock, because nobody can open a directory for writing.
 */
static struct flock lock_of(__u32 slot, short type)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)slot, .l_len = 1
	};
}

static bool slot_in_use(const struct event_reader *reader, __u32 slot)
{
	struct flock lock = lock_of(slot, F_WRLCK); /* could somebody else take one? */

	return fcntl(reader->lock_fd, F_OFD_GETLK, &lock) || lock.l_type != F_UNLCK;
}

static int open_locks(struct event_reader *reader)
{
	const char *dir = reader->maps->dir;

	reader->lock_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (reader->lock_fd < 0)
		return err_r(-errno, "can't open %s: %s", dir, strerror(errno));
	return 0;
}

/*
 * Of a slot that nobody uses. The ring buffer stays open meanwhile: before 6.7 the kernel
 * frees it without a look at programs that still use it, but the deletion waits for these.
 */
static void empty_slot(const struct event_reader *reader, __u32 slot)
{
	int ring_fd;
	__u32 id;

	__atomic_and_fetch(&reader->readers->slots, ~(1U << slot), __ATOMIC_SEQ_CST);
	if (bpf_map_lookup_elem(reader->maps->events_fd, &slot, &id))
		return;
	ring_fd = bpf_map_get_fd_by_id(id);
	bpf_map_delete_elem(reader->maps->events_fd, &slot);
	close_fd(&ring_fd);
}

/* Empties the slots of readers that were killed, and takes the first that is free. */
static int find_slot(struct event_reader *reader)
{
	struct flock lock;

	reader->slot = FTPNAT_READERS;
	for (__u32 slot = FTPNAT_READERS; slot-- > 0;)
		if (!slot_in_use(reader, slot)) {
			empty_slot(reader, slot);
			reader->slot = slot;
		}
	if (reader->slot == FTPNAT_READERS)
		return -EBUSY;
	lock = lock_of(reader->slot, F_RDLCK);
	if (fcntl(reader->lock_fd, F_OFD_SETLK, &lock))
		return err_r(-errno, "can't lock %s: %s", reader->maps->dir,
			     strerror(errno));
	return 0;
}

/* One reader at a time looks for a slot. */
static int take_slot(struct event_reader *reader)
{
	int err;

	if (flock(reader->lock_fd, LOCK_EX))
		return err_r(-errno, "can't lock %s: %s", reader->maps->dir,
			     strerror(errno));
	err = find_slot(reader);
	flock(reader->lock_fd, LOCK_UN);
	return err;
}

static int map_readers(struct event_reader *reader)
{
	void *at = mmap(NULL, sizeof(*reader->readers), PROT_READ | PROT_WRITE,
			MAP_SHARED, reader->maps->readers_fd, 0);

	if (at == MAP_FAILED)
		return err_r(-errno, "can't map ftpnat_readers: %s", strerror(errno));
	reader->readers = at;
	return 0;
}

static void unmap_readers(struct event_reader *reader)
{
	if (reader->readers)
		munmap(reader->readers, sizeof(*reader->readers));
	reader->readers = NULL;
}

static int fill_slot(struct event_reader *reader, __u32 size, ring_buffer_sample_fn each,
		     void *arg)
{
	reader->ring_fd =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ftpnat_ring", 0, 0, size, NULL);
	if (reader->ring_fd < 0)
		return err_r(-errno, "can't create a ring buffer for events: %s",
			     strerror(errno));
	reader->ring = ring_buffer__new(reader->ring_fd, each, arg, NULL);
	if (!reader->ring)
		return err_r(-errno, "can't read a ring buffer of events: %s",
			     strerror(errno));
	reader->lost = reader->readers->lost[reader->slot];
	if (bpf_map_update_elem(reader->maps->events_fd, &reader->slot, &reader->ring_fd,
				BPF_ANY))
		return err_r(-errno, "can't write ftpnat_events: %s", strerror(errno));
	__atomic_or_fetch(&reader->readers->slots, 1U << reader->slot, __ATOMIC_SEQ_CST);
	return 0;
}

int event_reader_open(struct event_reader *reader, const struct event_maps *maps,
		      __u32 size, ring_buffer_sample_fn each, void *arg)
{
	int err;

	*reader = (struct event_reader)EVENT_READER_INIT;
	reader->maps = maps;
	err = open_locks(reader) ?: map_readers(reader);
	err = err ?: take_slot(reader);
	if (err) {
		unmap_readers(reader);
		close_fd(&reader->lock_fd);
		return err;
	}
	err = fill_slot(reader, size, each, arg);
	if (err)
		event_reader_close(reader);
	return err;
}

void event_reader_close(struct event_reader *reader)
{
	if (reader->readers)
		empty_slot(reader, reader->slot);
	unmap_readers(reader);
	ring_buffer__free(reader->ring);
	reader->ring = NULL;
	close_fd(&reader->ring_fd);
	close_fd(&reader->lock_fd);
}

int event_reader_busy(const struct event_maps *maps)
{
	return err_r(
		-EBUSY,
		"%d commands read the events of %s already, and there is no room for "
		"more: end one first (`events`, `top` or `run`)",
		FTPNAT_READERS, maps->dir);
}

__u64 event_reader_lost(const struct event_reader *reader)
{
	return __atomic_load_n(&reader->readers->lost[reader->slot], __ATOMIC_RELAXED) -
	       reader->lost;
}
