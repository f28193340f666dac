// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "command_line.h"
#include "config/config.h"
#include "dataplane/pin.h"

static const struct verb {
	const char *name;
	const char *arguments;
	const char *help;
	int (*run)(const struct options *options);
} verbs[] = {
	{ "check", "", "validate the configuration and print it with all defaults",
	  verb_check },
	{ "up", "", "load, attach and apply; when already up, the same as reload",
	  verb_up },
	{ "reload", "", "apply the new configuration and programs; connections survive",
	  verb_reload },
	{ "down", "", "detach and remove everything that this instance created",
	  verb_down },
	{ "status", "", "interfaces, programs, rules, occupancy, and what is wrong",
	  verb_status },
	{ "stats", "[--watch SECONDS]", "counters per rule and per reason", verb_stats },
	{ "flows",
	  "[--rule --client --server --port --kind --state] [--sort --wide --delete]",
	  "control and data connections; with filters, those that match all,\n"
	  "            to list or to end",
	  verb_flows },
	{ "expected", "[--rule --client --server --port] [--sort --wide]",
	  "announced data connections that have not arrived yet", verb_expected },
	{ "servers", "[drain | resume RULE ADDRESS] [--now]",
	  "published servers, their connections and weight; drain: no new sessions for\n"
	  "            this server until resume; existing ones continue, or end at once",
	  verb_servers },
	{ "ban", "ADDRESS[/LEN] [--for TIME] [--rule NAME] [--why TEXT] [--cut]",
	  "refuse this client from now on, and, if asked, end its connections",
	  verb_ban },
	{ "unban", "ADDRESS[/LEN] [--rule NAME]", "take a ban back", verb_unban },
	{ "bans", "", "who is banned, how long and why", verb_bans },
	{ "events",
	  "[--rule --client --server --port --kind --reason] [--count N] [--wide]",
	  "follow what happens from now on; with --json one object per line",
	  verb_events },
	{ "top", "[-d | --delay SECONDS]",
	  "live view of rules, servers, sessions and rates", verb_top },
	{ "cluster", "[status | take | drain | resync]",
	  "the members of the cluster, and whether this gateway is synced; own all\n"
	  "            sessions here; give all away; ask the other members for all",
	  verb_cluster },
	{ "metrics", "", "counters for Prometheus, once", verb_metrics },
	{ "run", "",
	  "stay in the foreground as a service: up, metrics endpoint, event log;\n"
	  "            SIGHUP reloads; however it ends, the dataplane keeps working",
	  verb_run },
};

static void print_help(void)
{
	printf("Usage: ftpnat-load [OPTIONS] VERB\n\n"
	       "Verbs:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		printf("  %-9s %s\n", verbs[i].name, verbs[i].help);
		if (*verbs[i].arguments)
			printf("  %-9s %s\n", "", verbs[i].arguments);
	}
	printf("\nOptions, before or after the verb:\n"
	       "  -c, --config FILE      configuration (default " CONFIG_DEFAULT_PATH
	       ")\n"
	       "  -p, --pin DIR          directory of this instance in bpffs (default " PIN_DIR_DEFAULT
	       ")\n"
	       "  -n, --netns NAME|PATH  act on another network namespace\n"
	       "  -j, --json             one JSON document instead of text (events: one per line)\n"
	       "  -v, --verbose          report each step, too\n"
	       "  -h, --help             this text\n"
	       "  -V, --version          version\n\n"
	       "Exit codes: 0 done, 1 failed at run time, 2 wrong usage or configuration,\n"
	       "3 (status, cluster) something is wrong.\n");
}

/* Do the words differ in one letter added, left out or replaced, or in two swapped? */
static bool one_slip_apart(const char *a, const char *b)
{
	size_t same = 0;

	while (a[same] && a[same] == b[same])
		same++;
	a += same;
	b += same;
	if (!*a || !*b)
		return strlen(a) + strlen(b) == 1;
	return !strcmp(a + 1, b) || !strcmp(a, b + 1) || !strcmp(a + 1, b + 1) ||
	       (a[0] == b[1] && a[1] == b[0] && !strcmp(a + 2, b + 2));
}

/* NULL: none is near. */
static const char *nearest_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (one_slip_apart(name, verbs[i].name))
			return verbs[i].name;
	return NULL;
}

static const struct verb *find_verb(const char *name)
{
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(name, verbs[i].name))
			return &verbs[i];
	near = nearest_verb(name);
	if (near)
		pr_err("unknown verb %s, did you mean %s? " SEE_HELP, name, near);
	else
		pr_err("unknown verb %s: " SEE_HELP, name);
	return NULL;
}

static int set_servers(struct options *options, int argc, char **argv)
{
	bool drain = !strcmp(argv[1], "drain");

	if (!drain && one_slip_apart(argv[1], "drain"))
		return err_r(EXIT_USAGE, "servers %s, did you mean drain? " SEE_HELP,
			     argv[1]);
	if (one_slip_apart(argv[1], "resume"))
		return err_r(EXIT_USAGE, "servers %s, did you mean resume? " SEE_HELP,
			     argv[1]);
	if (argc != 4 || (!drain && strcmp(argv[1], "resume")))
		return err_r(
			EXIT_USAGE,
			"servers takes nothing, `drain RULE ADDRESS` or `resume RULE "
			"ADDRESS`: " SEE_HELP);
	options->servers.drain = drain;
	options->servers.rule = argv[2];
	options->servers.address = argv[3];
	return 0;
}

static int set_cluster(struct options *options, int argc, char **argv)
{
	static const char *const orders[] = { "take", "drain", "resync" };

	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(orders); i++)
		if (!strcmp(argv[1], orders[i]))
			options->cluster_order = orders[i];
	if (options->cluster_order || (argc == 2 && !strcmp(argv[1], "status")))
		return 0;
	return err_r(
		EXIT_USAGE,
		"cluster takes nothing, `status`, `take`, `drain` or `resync`: " SEE_HELP);
}

static int set_ban(struct options *options, const char *text)
{
	char meant[FTPNAT_PREFIX_STRLEN];

	switch (ftpnat_prefix_parse(text, &options->ban.prefix)) {
	case 0:
		return 0;
	case -ERANGE:
		return err_r(EXIT_USAGE, "%s has host bits set (did you mean %s?)", text,
			     ftpnat_prefix_str(meant, &options->ban.prefix));
	default:
		return err_r(
			EXIT_USAGE,
			"%s is neither an address nor a prefix: give one like 192.0.2.7 or 2001:db8::/64",
			text);
	}
}

static int end_output(int err)
{
	if ((!err || err == EXIT_DEGRADED) && (fflush(stdout) || ferror(stdout)))
		return err_r(EXIT_RUNTIME, "can't write to standard output: %s",
			     strerror(errno));
	return err;
}

static int run_verb(struct options *options, int argc, char **argv)
{
	const struct verb *verb;
	int err;

	if (!argc)
		return err_r(EXIT_USAGE, "no verb: " SEE_HELP);
	verb = find_verb(argv[0]);
	if (!verb)
		return EXIT_USAGE;
	if (options->json && verb->run == verb_run) /* it logs until it ends */
		log_set_errors(LOG_ERRORS_JSON);
	if (verb->run != verb_check && geteuid())
		return err_r(EXIT_RUNTIME, "must be root: try `sudo ftpnat-load %s`",
			     verb->name);
	if (argc > 1 && verb->run == verb_servers) {
		err = set_servers(options, argc, argv) ?:
			      command_line_check(options, verb->run);
		return err ?: end_output(verb_servers_drain(options));
	}
	if (argc > 1 && verb->run == verb_cluster) {
		err = set_cluster(options, argc, argv);
		if (err || options->cluster_order)
			return err					      ?:
				       command_line_check(options, verb->run) ?:
				       end_output(verb_cluster_order(options));
		argc = 1;
	}
	if (verb->run == verb_ban || verb->run == verb_unban) {
		if (argc != 2)
			return err_r(EXIT_USAGE,
				     "%s takes one ADDRESS or ADDRESS/LEN: " SEE_HELP,
				     verb->name);
		err = set_ban(options, argv[1]) ?: command_line_check(options, verb->run);
		return err ?: end_output(verb->run(options));
	}
	if (argc > 1)
		return err_r(EXIT_USAGE, "%s takes no argument %s: " SEE_HELP, verb->name,
			     argv[1]);
	return command_line_check(options, verb->run) ?: end_output(verb->run(options));
}

static int run_command(int argc, char **argv)
{
	struct options options = { .config = CONFIG_DEFAULT_PATH,
				   .pin = PIN_DIR_DEFAULT };
	int option, err;

	while ((option = command_line_next(argc, argv)) != -1) {
		if (option == 'h') {
			print_help();
			return 0;
		}
		if (option == 'V') {
			printf("ftpnat-load " FTPNAT_VERSION "\n");
			return 0;
		}
		err = command_line_set(&options, option, argv);
		if (err)
			return err;
	}
	return run_verb(&options, argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
	int err;

	opterr = 0;
	setlogmask(LOG_UPTO(LOG_INFO));
	if (command_line_wants_json(argc, argv))
		log_set_errors(LOG_ERRORS_HELD);
	err = run_command(argc, argv);
	/* what succeeded has its own document on standard output */
	log_print_held(err && err != EXIT_DEGRADED ? stdout : stderr);
	return err;
}
