// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"

#define FILE_MODE 0640 /* whoever may read it: paths and names of users are in it */
#define DIR_MODE  0750

/* The first failure is logged; those that follow are counted until it works again. */
static void fails(struct record_file *file, int err)
{
	if (!file->failed) {
		pr_err("can't write to %s: %s: records are lost, and counted, until it "
		       "can be written",
		       file->path, strerror(err));
		file->lost_before = file->lost;
	}
	file->failed = err;
}

static void works(struct record_file *file)
{
	if (!file->failed)
		return;
	file->failed = 0;
	pr_info("%s can be written again; %llu records were lost", file->path,
		file->lost - file->lost_before);
}

static void make_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash > path ? strndup(path, (size_t)(slash - path)) :
						  NULL;

	if (dir)
		mkdir(dir, DIR_MODE); /* open() says what is wrong */
}

static void open_file(struct record_file *file)
{
	struct stat st;

	make_directory(file->path);
	/* O_NONBLOCK: a FIFO that nobody reads must not stop us */
	file->fd = open(file->path,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			FILE_MODE);
	if (file->fd < 0 || fstat(file->fd, &st)) {
		fails(file, errno);
		close_fd(&file->fd);
		return;
	}
	file->dev = st.st_dev;
	file->ino = st.st_ino;
}

void record_file_use(struct record_file *file, const char *path)
{
	if (!path || !file->path || strcmp(path, file->path)) {
		record_file_close(file);
		file->path = path ? strdup(path) : NULL;
		file->failed = 0;
	}
	close_fd(&file->fd);
	if (file->path)
		open_file(file);
}

void record_file_close(struct record_file *file)
{
	close_fd(&file->fd);
	free(file->path);
	file->path = NULL;
}

/* Half a line is taken back: the next one is to begin where a line does. */
static void take_back(const struct record_file *file, size_t len)
{
	struct stat st;

	if (!fstat(file->fd, &st) && S_ISREG(st.st_mode) && st.st_size >= (off_t)len &&
	    ftruncate(file->fd, st.st_size - (off_t)len))
		pr_warn("%s: a record is there in part", file->path);
}

void record_file_write(struct record_file *file, const char *line, size_t len)
{
	ssize_t done;

	if (!file->path)
		return;
	done = file->fd < 0 ? -1 : write(file->fd, line, len);
	if (done == (ssize_t)len) {
		file->written++;
		works(file);
		return;
	}
	if (file->fd >= 0)
		fails(file, done < 0 ? errno : ENOSPC);
	file->lost++;
	if (done > 0)
		take_back(file, (size_t)done);
}

void record_file_tend(struct record_file *file)
{
	struct stat st;

	if (!file->path)
		return;
	if (file->fd >= 0 && !stat(file->path, &st) && st.st_dev == file->dev &&
	    st.st_ino == file->ino)
		return;
	close_fd(&file->fd);
	open_file(file);
}
