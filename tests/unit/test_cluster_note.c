// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What `run` notes of its cluster, also where there is no room for it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/options.h"
#include "cluster/member_note.h"
#include "cluster/note.h"

#define DIR  "/sys/fs/bpf/note"
#define FULL RUN_DIR "/full"

static bool missing; /* no mounts of our own */

/* A small disk in the place of RUN_DIR. */
static int own_disk(void **state)
{
	(void)state;
	mkdir(RUN_DIR, 0700);
	missing = unshare(CLONE_NEWNS) ||
		  mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		  mount("tmpfs", RUN_DIR, "tmpfs", 0, "size=32k");
	return 0;
}

static int take_down(void **state)
{
	(void)state;
	return missing ? 0 : umount2(RUN_DIR, MNT_DETACH);
}

static void fill(void)
{
	static const uint8_t zeros[4096];
	int fd = open(FULL, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static int write_number(int number)
{
	json_auto_t *note = json_pack("{s:i}", "number", number);

	return cluster_note_write(DIR, note);
}

static void reads(int number)
{
	json_auto_t *note = cluster_note_read(DIR);

	assert_int_equal(json_integer_value(json_object_get(note, "number")), number);
}

/* The new one takes the room of the old one. */
static void test_full(void **state)
{
	(void)state;
	if (missing)
		skip();
	assert_int_equal(write_number(1), 0);
	reads(1);
	fill();
	for (int number = 2; number < 5; number++) {
		assert_int_equal(write_number(number), 0);
		reads(number);
	}
	cluster_note_remove(DIR);
}

/* Somebody else took that, too: nothing is there then, and never what was true once. */
static void test_no_room_at_all(void **state)
{
	(void)state;
	if (missing)
		skip();
	fill();
	assert_int_equal(write_number(1), -ENOSPC);
	assert_null(cluster_note_read(DIR));
	unlink(FULL);
	assert_int_equal(write_number(2), 0);
	reads(2);
	cluster_note_remove(DIR);
	assert_null(cluster_note_read(DIR));
}

/* ---- what is in it ---- */

static uint64_t first(const struct engine *engine)
{
	(void)engine;
	return 1;
}

/* What is wrong with a cluster of two, of which the second one says these. */
static void says(const char *version, const char *form, const char *wrong)
{
	static const struct engine_kind kind = { .self = first };
	struct options options = { .pin = DIR };
	struct member *member = calloc(1, sizeof(*member));
	json_auto_t *note = NULL;
	const char *said;

	*member = (struct member){
		.options = &options,
		.kind = &kind,
		.engine = (struct engine *)member, /* reached */
		.synced = true,
		.form = "0123456789abcdef",
		.peers = 2,
		.peer = { { .id = 1,
			    .known = true,
			    .slot = 1,
			    .version = FTPNAT_VERSION,
			    .form = "0123456789abcdef" },
			  { .id = 2, .known = true, .slot = 2 } },
	};
	snprintf(member->peer[1].version, sizeof(member->peer[1].version), "%s", version);
	snprintf(member->peer[1].form, sizeof(member->peer[1].form), "%s", form);
	member_write_note(member);
	note = cluster_note_read(DIR);
	said = json_string_value(json_array_get(json_object_get(note, "degraded"), 0));
	if (wrong)
		assert_non_null(strstr(said ? said : "", wrong));
	else
		assert_null(said);
	cluster_note_remove(DIR);
	free(member);
}

/* A member of another version has other defaults, perhaps: that is no other configuration. */
static void test_other_rules(void **state)
{
	(void)state;
	if (missing)
		skip();
	says(FTPNAT_VERSION, "0123456789abcdef", NULL);
	says(FTPNAT_VERSION, "fedcba9876543210", "Slot 2 () has other rules");
	says("9.9", "fedcba9876543210", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_no_room_at_all),
		cmocka_unit_test(test_other_rules),
	};

	return cmocka_run_group_tests_name("cluster_note", tests, own_disk, take_down);
}
