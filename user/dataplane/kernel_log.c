// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/kernel_log.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "base/util.h"
#include "dataplane/kernel_lacks.h"
#include "dataplane/map_names.h"

#define TAIL_LINES 10
#define TAIL_LEN   2048
#define NAME_LEN   64
#define WHAT_LEN   64

/* libbpf's callback gets no argument of ours: hence the one static object. */
static struct {
	char map[NAME_LEN];
	char prog[NAME_LEN];
	char tail[TAIL_LEN]; /* of the verifier's log */
	char last[TAIL_LEN]; /* last message that was none of these */
} said;

/* The last lines of the verifier's log, without its statistics. */
static void keep_tail(const char *text)
{
	const char *begin = strchr(text, '\n'), *end = strstr(text, "\nprocessed ");
	const char *start;
	size_t len;

	if (!end)
		end = strstr(text, "-- END PROG LOAD LOG");
	if (!end)
		end = text + strlen(text);
	begin = begin && begin < end ? begin + 1 : text;
	start = end;
	for (int lines = 0; start > begin && end - start < TAIL_LEN - 1; start--)
		if (start[-1] == '\n' && start != end && ++lines == TAIL_LINES)
			break;
	len = (size_t)(end - start);
	memcpy(said.tail, start, len);
	said.tail[len] = '\0';
}

static int keep(enum libbpf_print_level level, const char *format, va_list args)
{
	_cleanup_free_ char *text = NULL;
	char name[NAME_LEN];

	if (level == LIBBPF_DEBUG)
		return 0;
	if (vasprintf(&text, format, args) < 0) {
		text = NULL;
		return 0;
	}
	if (sscanf(text, "libbpf: map '%63[^']': failed to create", name) == 1 &&
	    strstr(text, "failed to create"))
		memcpy(said.map, name, sizeof(name));
	else if (sscanf(text, "libbpf: prog '%63[^']':", name) == 1) {
		memcpy(said.prog, name, sizeof(name));
		if (strstr(text, "BEGIN PROG LOAD LOG"))
			keep_tail(text);
	} else {
		snprintf(said.last, sizeof(said.last), "%s", text);
	}
	return 0;
}

void kernel_log_start(void)
{
	memset(&said, 0, sizeof(said));
	libbpf_set_print(keep);
}

static const char *limit_of(const char *map)
{
	static const struct {
		enum ftpnat_map map;
		const char *keys;
	} table[] = {
		{ FTPNAT_MAP_FLOWS, "lower limits.control or limits.data" },
		{ FTPNAT_MAP_QUEUE, "lower limits.control or limits.data" },
		{ FTPNAT_MAP_SESSIONS, "lower limits.control" },
		{ FTPNAT_MAP_LOGS, "lower limits.control" },
		{ FTPNAT_MAP_EXPECTED, "lower limits.expected" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (map_of_name(map) == table[i].map)
			return table[i].keys;
	return "see `dmesg`";
}

static void explain_prog(int err)
{
	struct utsname host = { 0 };

	uname(&host);
	pr_err("kernel %s refuses program %s: %s", host.release, said.prog,
	       strerror(-err));
	if (said.tail[0])
		fprintf(stderr, "%s\n", said.tail);
	pr_err("ftpnat supports Linux " KERNEL_LOWEST
	       " and later: on such a kernel, please report these lines");
}

int kernel_log_explain(const struct bpf_object *object, int err)
{
	char what[WHAT_LEN];

	if (err == -ENOSYS || err == -EPERM)
		return err_r(err, "can't load the BPF programs: %s",
			     kernel_bpf_strerror(err));
	if (object && kernel_lacks(object, what, sizeof(what)))
		return err_r(err,
			     "this kernel lacks %s: ftpnat needs Linux " KERNEL_LOWEST
			     " or later",
			     what);
	if (said.map[0])
		return err_r(err, "can't create map %s: %s (%s)", said.map,
			     strerror(-err), limit_of(said.map));
	if (said.prog[0])
		explain_prog(err);
	else
		pr_err("can't load the BPF object: %s %s", strerror(-err), said.last);
	return err;
}

const char *kernel_log_reason(const struct bpf_object *object, int err)
{
	static const char mark[] = "Kernel error message: ";
	static char reason[WHAT_LEN + sizeof("the kernel lacks ")];
	char what[WHAT_LEN];
	char *words = strstr(said.last, mark);

	if (object && said.prog[0] && kernel_lacks(object, what, sizeof(what))) {
		snprintf(reason, sizeof(reason), "the kernel lacks %s", what);
		return reason;
	}
	if (said.prog[0])
		return "the kernel refuses the program";
	if (!words)
		return kernel_bpf_strerror(err);
	words += strlen(mark);
	words[strcspn(words, "\n")] = '\0';
	return words;
}
