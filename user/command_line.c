// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "command_line.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/log.h"
#include "base/util.h"
#include "dataplane/pin.h"
#include "dataplane/view.h"

#define WATCH_MAX   86400 /* seconds */
#define COUNT_MAX   1000000000
#define BAN_LONGEST (3650UL * 86400) /* seconds; 32 bits of them pass in 136 years */

/* Long options without a letter. */
enum {
	OPT_RULE = 256,
	OPT_CLIENT,
	OPT_SERVER,
	OPT_PORT,
	OPT_KIND,
	OPT_STATE,
	OPT_REASON,
	OPT_DELETE,
	OPT_SORT,
	OPT_WIDE,
	OPT_WATCH,
	OPT_COUNT,
	OPT_FOR,
	OPT_WHY,
	OPT_CUT,
	OPT_NOW
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "pin", required_argument, NULL, 'p' },
	{ "netns", required_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "rule", required_argument, NULL, OPT_RULE },
	{ "client", required_argument, NULL, OPT_CLIENT },
	{ "server", required_argument, NULL, OPT_SERVER },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "kind", required_argument, NULL, OPT_KIND },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "reason", required_argument, NULL, OPT_REASON },
	{ "delete", no_argument, NULL, OPT_DELETE },
	{ "sort", required_argument, NULL, OPT_SORT },
	{ "wide", no_argument, NULL, OPT_WIDE },
	{ "watch", required_argument, NULL, OPT_WATCH },
	{ "delay", required_argument, NULL, 'd' },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "for", required_argument, NULL, OPT_FOR },
	{ "why", required_argument, NULL, OPT_WHY },
	{ "cut", no_argument, NULL, OPT_CUT },
	{ "now", no_argument, NULL, OPT_NOW },
	{ 0 },
};

static int set_pin(struct options *options, char *dir)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		dir[--len] = '\0';
	if (dir[0] != '/' || len == 1)
		return err_r(
			EXIT_USAGE,
			"--pin %s: an absolute path in a bpffs is needed, such as " PIN_DIR_DEFAULT,
			dir);
	if (len >= sizeof(((struct ftpnat_state *)NULL)->pin))
		return err_r(EXIT_USAGE, "--pin: the path is longer than %zu characters",
			     sizeof(((struct ftpnat_state *)NULL)->pin) - 1);
	options->pin = dir;
	return 0;
}

/* A whole number from 1 to `max`. */
static int set_number(const char *option, const char *of, const char *text,
		      unsigned long max, unsigned int *out)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*end || text[0] < '0' || text[0] > '9' || !number || number > max)
		return err_r(EXIT_USAGE, "--%s %s: a number%s from 1 to %lu is needed",
			     option, text, of, max);
	*out = (unsigned int)number;
	return 0;
}

static int set_delay(struct options *options, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (*end || text[0] < '0' || text[0] > '9' ||
	    !(seconds >= 0.1 && seconds <= 3600))
		return err_r(EXIT_USAGE,
			     "--delay %s: a number of seconds from 0.1 to 3600 is needed",
			     text);
	options->delay_ms = (unsigned int)(seconds * 1000);
	return 0;
}

/* Host bits don't matter here. */
static int set_prefix(const char *option, const char *text, struct ftpnat_prefix *prefix,
		      bool *given)
{
	if (ftpnat_prefix_parse(text, prefix) == -EINVAL)
		return err_r(EXIT_USAGE, "%s %s: an address or prefix is needed", option,
			     text);
	*given = true;
	return 0;
}

static int set_port(const char *text, __be16 *port)
{
	uint16_t number;

	if (ftpnat_port_parse(text, &number))
		return err_r(EXIT_USAGE, "--port %s: a number from 1 to 65535 is needed",
			     text);
	*port = htons(number);
	return 0;
}

/* One of `words`, which ends with NULL. */
static int set_word(const char *option, const char *text, const char *const *words,
		    const char **word)
{
	char all[128] = "";

	*word = text;
	for (; *words; words++) {
		if (!strcmp(text, *words))
			return 0;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s",
			 *all ? ", " : "", *words);
	}
	return err_r(EXIT_USAGE, "%s %s: one of %s is needed", option, text, all);
}

static int set_reason(const char *text, const char **reason)
{
	*reason = text;
	for (__u32 i = 0; i < FTPNAT_REASON_MAX; i++)
		if (!strcmp(text, view_reason_name(i)))
			return 0;
	return err_r(EXIT_USAGE,
		     "--reason %s: not a reason, see REASONS in ftpnat-load(8)", text);
}

static int set_filter(struct filter *filter, int option, const char *text)
{
	static const char *const kinds[] = { "control", "data", "transfer_done", NULL };
	static const char *const states[] = { "new", "established", "closing", "closed",
					      NULL };

	switch (option) {
	case OPT_CLIENT:
		return set_prefix("--client", text, &filter->client, &filter->by_client);
	case OPT_SERVER:
		return set_prefix("--server", text, &filter->server, &filter->by_server);
	case OPT_PORT:
		return set_port(text, &filter->port);
	case OPT_KIND:
		return set_word("--kind", text, kinds, &filter->kind);
	case OPT_STATE:
		return set_word("--state", text, states, &filter->state);
	case OPT_REASON:
		return set_reason(text, &filter->reason);
	default:
		filter->rule = text;
		return 0;
	}
}

static int set_for(struct options *options, const char *text)
{
	uint64_t seconds;

	if (duration_parse(text, &seconds) || !seconds || seconds > BAN_LONGEST)
		return err_r(
			EXIT_USAGE,
			"--for %s: a time from 1s to 3650d is needed, with s, m, h, d "
			"or as plain seconds",
			text);
	options->ban.seconds = (__u32)seconds;
	return 0;
}

/* It is shown in listings. */
static int set_why(struct options *options, const char *text)
{
	options->ban.why = text;
	if (strlen(text) >= FTPNAT_BAN_WHY_LEN)
		return err_r(EXIT_USAGE, "--why: at most %d characters are kept",
			     FTPNAT_BAN_WHY_LEN - 1);
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			return err_r(EXIT_USAGE,
				     "--why: only printable ASCII characters are kept");
	return 0;
}

int command_line_set(struct options *options, int option, char **argv)
{
	switch (option) {
	case 'c':
		options->config = optarg;
		return 0;
	case 'p':
		return set_pin(options, optarg);
	case 'n':
		options->netns = optarg;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case 'v':
		setlogmask(LOG_UPTO(LOG_DEBUG));
		return 0;
	case OPT_RULE:
	case OPT_CLIENT:
	case OPT_SERVER:
	case OPT_PORT:
	case OPT_KIND:
	case OPT_STATE:
	case OPT_REASON:
		return set_filter(&options->filter, option, optarg);
	case OPT_DELETE:
		options->delete_flows = true;
		return 0;
	case OPT_SORT:
		options->sort = optarg;
		return 0;
	case OPT_WIDE:
		options->wide = true;
		return 0;
	case OPT_WATCH:
		return set_number("watch", " of seconds", optarg, WATCH_MAX,
				  &options->watch);
	case 'd':
		return set_delay(options, optarg);
	case OPT_COUNT:
		return set_number("count", "", optarg, COUNT_MAX, &options->count);
	case OPT_FOR:
		return set_for(options, optarg);
	case OPT_WHY:
		return set_why(options, optarg);
	case OPT_NOW:
		options->servers.now = true;
		return 0;
	case OPT_CUT:
		options->ban.cut = true;
		return 0;
	case ':':
		return err_r(EXIT_USAGE, "option %s needs a value: " SEE_HELP,
			     argv[optind - 1]);
	default:
		/* getopt_long() names an option that exists, as `--wide=yes` */
		if (optopt && !strncmp(argv[optind - 1], "--", 2))
			return err_r(EXIT_USAGE, "option %s takes no value: " SEE_HELP,
				     argv[optind - 1]);
		return err_r(EXIT_USAGE, "unknown option %s: " SEE_HELP,
			     argv[optind - 1]);
	}
}

/* Options that not every verb takes. */
int command_line_check(const struct options *options, int (*verb)(const struct options *))
{
	bool flows = verb == verb_flows, events = verb == verb_events,
	     expected = verb == verb_expected;
	bool ban = verb == verb_ban, unban = verb == verb_unban;
	const struct filter *filter = &options->filter;

	if (!ban && (options->ban.seconds || options->ban.why || options->ban.cut))
		return err_r(EXIT_USAGE,
			     "--for, --why and --cut belong to ban: " SEE_HELP);
	if (options->servers.now && !options->servers.drain)
		return err_r(EXIT_USAGE, "--now belongs to servers drain: " SEE_HELP);
	if (filter->rule && !flows && !events && !expected && !ban && !unban)
		return err_r(EXIT_USAGE, "--rule belongs to flows, expected, events, ban "
					 "and unban: " SEE_HELP);
	if ((filter->by_client || filter->by_server || filter->port) && !flows &&
	    !events && !expected)
		return err_r(EXIT_USAGE,
			     "--client, --server and --port belong to flows, expected "
			     "and events: " SEE_HELP);
	if (filter->kind && !flows && !events)
		return err_r(EXIT_USAGE, "--kind belongs to flows and events: " SEE_HELP);
	if (flows && filter->kind && !strcmp(filter->kind, "transfer_done"))
		return err_r(EXIT_USAGE,
			     "--kind transfer_done belongs to events; flows are control "
			     "or data");
	if (filter->state && !flows)
		return err_r(EXIT_USAGE, "--state belongs to flows: " SEE_HELP);
	if (filter->reason && !events)
		return err_r(EXIT_USAGE, "--reason belongs to events: " SEE_HELP);
	if (options->sort && !flows && !expected)
		return err_r(EXIT_USAGE,
			     "--sort belongs to flows and expected: " SEE_HELP);
	if (options->wide && !flows && !expected && !events)
		return err_r(EXIT_USAGE, "--wide belongs to flows, expected and "
					 "events: " SEE_HELP);
	if (options->delete_flows && !flows)
		return err_r(EXIT_USAGE, "--delete belongs to flows: " SEE_HELP);
	if (options->delete_flows && !filter_given(filter))
		return err_r(EXIT_USAGE,
			     "--delete: which connections? A filter is needed, "
			     "such as --client: " SEE_HELP);
	if (options->watch && verb != verb_stats)
		return err_r(EXIT_USAGE, "--watch belongs to stats: " SEE_HELP);
	if (options->delay_ms && verb != verb_top)
		return err_r(EXIT_USAGE, "--delay belongs to top: " SEE_HELP);
	if (options->count && !events)
		return err_r(EXIT_USAGE, "--count belongs to events: " SEE_HELP);
	return 0;
}

int command_line_next(int argc, char **argv)
{
	return getopt_long(argc, argv, ":c:p:n:d:jvhV", long_options, NULL);
}

/* Looked for first: errors about options are JSON, too, wherever it stands. */
bool command_line_wants_json(int argc, char **argv)
{
	/* getopt_long(3) moves the verb behind the options, also behind one without a value */
	_cleanup_free_ char **copy = calloc((size_t)argc + 1, sizeof(*copy));
	bool json = false;
	int option;

	if (!copy)
		return false;
	memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	while ((option = command_line_next(argc, copy)) != -1)
		json = json || option == 'j';
	optind = 0; /* begin again */
	return json;
}
