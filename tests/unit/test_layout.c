// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The contract in include/: that its static assertions assert something, shown
 * by breaking a copy; that all padding is written out; that no reason gets
 * another number. Runs in the project's root, as all tests do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ftpnat_maps.h"
#include "base/util.h"

#define COMPILERS 2

/* Both that make the programs and the loader; "%s" is the folder of the headers. */
static const char *const compilers[COMPILERS] = {
	"${CC:-cc} -std=gnu11 -fsyntax-only -Wall -Wextra -Wpadded -Werror -I'%s'",
	"${BPF_CLANG:-clang} -target bpf -std=gnu11 -fsyntax-only -Wall -Wextra -Wpadded "
	"-Werror -idirafter /usr/include/$(gcc -print-multiarch) -I'%s'",
};

/* What the compiler says of a copy of include/ that went through `sed`; 0: it accepts it. */
static int compile(const char *compiler, const char *sed, char *said, size_t size)
{
	char dir[] = "/tmp/ftpnat-layout.XXXXXX";
	char command[2048], call[512];
	FILE *pipe;
	size_t n;
	int status;

	assert_non_null(mkdtemp(dir));
	snprintf(call, sizeof(call), compiler, dir);
	snprintf(command, sizeof(command),
		 "cp include/*.h '%s' && sed -i '%s' '%s'/*.h && "
		 "echo '#include \"ftpnat_maps.h\"' | %s -x c - 2>&1; status=$?; "
		 "rm -r '%s'; exit $status",
		 dir, sed, dir, call, dir);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(said, 1, size - 1, pipe);
	said[n] = '\0';
	while (fgetc(pipe) != EOF)
		;
	status = pclose(pipe);
	return status;
}

static void test_headers_as_they_are(void **state)
{
	static char said[16384];

	(void)state;
	for (size_t i = 0; i < COMPILERS; i++) {
		if (compile(compilers[i], "", said, sizeof(said)))
			fail_msg("%s", said);
	}
}

struct row {
	const char *says;
	const char *sed;
	const char *message; /* a part of what the compiler has to say */
};

static const struct row rows[] = {
	{ "a longer ftpnat_tuple", "/^struct ftpnat_tuple {/a __u32 more;",
	  "sizeof(struct ftpnat_tuple)" },
	{ "a longer ftpnat_expected_key", "/^struct ftpnat_expected_key {/a __u32 more;",
	  "sizeof(struct ftpnat_expected_key)" },
	{ "a longer ftpnat_listen_key", "/^struct ftpnat_listen_key {/a __u32 more;",
	  "sizeof(struct ftpnat_listen_key)" },
	{ "a longer ftpnat_flow", "/^struct ftpnat_flow {/a __u64 more;",
	  "sizeof(struct ftpnat_flow)" },
	{ "a longer ftpnat_expected", "/^struct ftpnat_expected {/a __u64 more;",
	  "sizeof(struct ftpnat_expected)" },
	{ "a longer ftpnat_edit", "/^struct ftpnat_edit {/a __u32 more;",
	  "sizeof(struct ftpnat_edit)" },
	{ "a longer ftpnat_event", "/^struct ftpnat_event {/a __u64 more;",
	  "sizeof(struct ftpnat_event)" },
	{ "a longer ftpnat_line_event", "/^struct ftpnat_line_event {/a __u64 more;",
	  "sizeof(struct ftpnat_line_event)" },
	{ "a session that takes more while it is idle",
	  "s/\\(#define FTPNAT_MAX_COMMANDS\\) 16/\\1 64/",
	  "sizeof(struct ftpnat_session)" },
	{ "a longer ftp_line", "/^struct ftp_line {/a __u32 more;",
	  "sizeof(struct ftp_line)" },
	{ "a longer ftp_parser", "/^struct ftp_parser {/a __u32 more;",
	  "sizeof(struct ftp_parser)" },
	{ "a shorter tuple", "/^struct ftpnat_tuple {/,/^}/{/dport;/d}", "padded" },
	{ "a key whose padding isn't written out",
	  "/^struct ftpnat_expected_key/,/^}/{/pad;/d}", "padded" },
	{ "a value whose padding isn't written out",
	  "/^struct ftpnat_line_event {/,/^}/{/pad\\[/d}", "padded" },
	{ "a member that leaves a hole", "/^struct ftpnat_flow {/a __u8 more;",
	  "padded" },
};

static void test_broken(void **state)
{
	const struct row *row = *state;
	static char said[16384];

	for (size_t i = 0; i < COMPILERS; i++) {
		/* the names of the structures are in the line that the compiler quotes */
		if (!compile(compilers[i], row->sed, said, sizeof(said)))
			fail_msg("the compiler has nothing against %s", row->says);
		if (!strstr(said, row->message))
			fail_msg("no \"%s\" in: %s", row->message, said);
	}
}

/* As first assigned; new ones go to the end. */
static const char *const first_reasons[] = {
	"pass",
	"already_translated",
	"translated",
	"forwarded",
	"held",
	"answered",
	"truncated_header",
	"fragment",
	"vlan",
	"other_host",
	"control_full",
	"data_full",
	"no_memory",
	"no_server",
	"no_port",
	"no_address",
	"no_session",
	"ahead",
	"edit_log_full",
	"session_busy",
	"ttl_exceeded",
	"too_big",
	"write_failed",
	"line_malformed",
	"line_foreign",
	"line_privileged",
	"line_mode",
	"line_no_port",
	"line_full",
	"line_unasked",
	"expected",
	"expected_used",
	"expected_expired",
	"expected_replaced",
	"expected_closed",
	"control_opened",
	"control_closed",
	"data_opened",
	"data_closed",
	"line_lprt",
	"opaque",
	"icmp",
	"line_rewritten",
	"line_unchanged",
	"events_lost",
	"icmp_dropped",
	"xdp_pass",
	"xdp_forwarded",
	"ack_passed",
	"split",
	"repeated",
	"line_tls",
	"clear",
	"tls_data",
	"tracked",
	"guarded",
};

static const char *const reasons[] = {
#define X(symbol, string, meaning, advice) [FTPNAT_##symbol] = (string),
	FTPNAT_REASONS(X)
#undef X
};

static void test_reasons_keep_their_numbers(void **state)
{
	(void)state;
	assert_true(ARRAY_SIZE(reasons) >= ARRAY_SIZE(first_reasons));
	for (size_t i = 0; i < ARRAY_SIZE(first_reasons); i++)
		assert_string_equal(reasons[i], first_reasons[i]);
}

/* They are metric labels and JSON keys. */
static void test_reasons_are_names(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_SIZE(reasons), FTPNAT_REASON_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		assert_true(*reasons[i]);
		assert_int_equal(strspn(reasons[i], "abcdefghijklmnopqrstuvwxyz_"),
				 strlen(reasons[i]));
		for (size_t n = 0; n < i; n++)
			assert_string_not_equal(reasons[i], reasons[n]);
	}
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(rows) + 8];
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_headers_as_they_are),
		cmocka_unit_test(test_reasons_keep_their_numbers),
		cmocka_unit_test(test_reasons_are_names),
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].says,
						.test_func = test_broken,
						.initial_state = (void *)&rows[i] };
	memcpy(tests + ARRAY_SIZE(rows), others, sizeof(others));
	return _cmocka_run_group_tests("layout", tests,
				       ARRAY_SIZE(rows) + ARRAY_SIZE(others), NULL, NULL);
}
