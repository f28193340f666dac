// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/commands.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/key.h"
#include "config/value.h"

#define COMMANDS_TEXT                                                                    \
	"a command of up to 8 letters and digits like DELE, SITE with its own one like " \
	"\"SITE CHMOD\", or a list of them"

static const char *const profile_names[] = { "read_only" };

/* What RFC 959 names twice (RFC 1123 section 4.1.3.1). */
static const char *const aliases[][2] = {
	{ "MKD", "XMKD" },  { "RMD", "XRMD" }, { "CWD", "XCWD" },
	{ "CDUP", "XCUP" }, { "PWD", "XPWD" },
};

/* Act on a file or directory: refused with 550, all others with 502. */
static const char *const on_files[] = {
	"APPE", "CWD",	"DELE", "MDTM", "MFCT", "MFF",	"MFMT", "MKD",	"RETR",
	"RMD",	"RNFR", "RNTO", "SITE", "STOR", "STOU", "XCWD", "XMKD", "XRMD",
};

/* A session begins and ends with them: `allow` need not name them. */
static const char *const always[] = { "USER", "PASS", "QUIT" };

/* Carry another command, which can't be read (RFC 2228): `deny` need not name them. */
static const char *const wrappers[] = { "MIC", "CONF", "ENC" };

/* pyftpdlib takes "SITE STAT" for STAT. */
static const char *const synched[] = { "STAT", "ABOR", "QUIT" };

/* read_only: sessions, transfers to the client, listings, facts, negotiation */
static const struct config_command read_only[] = {
	{ .verb = "USER" },
	{ .verb = "PASS" },
	{ .verb = "ACCT" },
	{ .verb = "QUIT" },
	{ .verb = "REIN" },
	{ .verb = "NOOP" },
	{ .verb = "HELP" },
	{ .verb = "FEAT" },
	{ .verb = "OPTS" },
	{ .verb = "LANG" },
	{ .verb = "HOST" },
	{ .verb = "CLNT" },
	{ .verb = "CSID" },
	{ .verb = "SYST" },
	{ .verb = "STAT" },
	{ .verb = "AUTH" },
	{ .verb = "PBSZ" },
	{ .verb = "PROT" },
	{ .verb = "CCC" },
	{ .verb = "ALGS" },
	{ .verb = "PORT" },
	{ .verb = "EPRT" },
	{ .verb = "LPRT" },
	{ .verb = "PASV" },
	{ .verb = "EPSV" },
	{ .verb = "LPSV" },
	{ .verb = "TYPE" },
	{ .verb = "STRU" },
	{ .verb = "MODE" },
	{ .verb = "ABOR" },
	{ .verb = "REST" },
	{ .verb = "RANG" },
	{ .verb = "RETR" },
	{ .verb = "LIST" },
	{ .verb = "NLST" },
	{ .verb = "MLSD" },
	{ .verb = "MLST" },
	{ .verb = "CWD" },
	{ .verb = "CDUP" },
	{ .verb = "PWD" },
	{ .verb = "SIZE" },
	{ .verb = "MDTM" },
	{ .verb = "HASH" },
	{ .verb = "XCRC" },
	{ .verb = "XMD5" },
	{ .verb = "XSHA1" },
	{ .verb = "XSHA256" },
	{ .verb = "XSHA512" },
	{ .verb = "SITE", .word = "HELP" },
};

/* ---- parsed ---- */

/* A word of letters and digits, in upper case; returns its length, 0: none or too long. */
static size_t take_word(const char *text, char *word)
{
	size_t len = 0;

	for (; isalnum((unsigned char)text[len]); len++) {
		if (len == FTP_VERB_LEN)
			return 0;
		word[len] = (char)toupper((unsigned char)text[len]);
	}
	return len;
}

static int parse_command(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out)
{
	struct config_command *command = out;
	const char *text;
	size_t len;
	int ret = config_value_text(p, key, node, &text);

	if (ret)
		return ret;
	len = take_word(text, command->verb);
	if (!len)
		return config_value_bad(p, key, node, "is not a command");
	if (!text[len])
		return 0;
	text += len + strspn(text + len, " ");
	len = take_word(text, command->word);
	if (!len || text[len])
		return config_value_bad(p, key, node, "is not a command");
	if (strcmp(command->verb, "SITE") != 0)
		return config_value_bad(p, key, node,
					"has an argument, which only SITE may have");
	return 0;
}

static int parse_profile(struct config_parser *p, const struct config_key *key,
			 const yaml_node_t *node, void *out)
{
	struct config_commands *commands = out;
	unsigned int choice;
	int ret = config_value_choice(p, key, node, &choice);

	if (!ret)
		commands->read_only = true;
	return ret;
}

int config_commands_parse(struct config_parser *p, const struct config_key *key,
			  const yaml_node_t *node, void *out)
{
	static const struct config_key keys[] = {
		{ .name = "profile",
		  .parse = parse_profile,
		  .accepted = "read_only",
		  .names = profile_names,
		  .names_n = ARRAY_SIZE(profile_names) },
		LIST(struct config_commands, allow, "allow", parse_command,
		     CONFIG_MAX_COMMANDS, COMMANDS_TEXT),
		LIST(struct config_commands, deny, "deny", parse_command,
		     CONFIG_MAX_COMMANDS, COMMANDS_TEXT),
	};
	struct config_commands *commands = out;
	int ret;

	commands->at = config_yaml_mark(node);
	ret = config_yaml_mapping(p, keys, ARRAY_SIZE(keys), key->name, node, commands);
	if (ret)
		return ret;
	if (commands->read_only + !!commands->allow_n + !!commands->deny_n != 1)
		return config_error_at(
			p->err, commands->at, -EINVAL,
			"commands: needs exactly one of profile, allow and deny; "
			"accepted: %s",
			key->accepted);
	return 0;
}

char *config_command_str(char text[static CONFIG_COMMAND_STRLEN],
			 const struct config_command *command)
{
	snprintf(text, CONFIG_COMMAND_STRLEN, "%s%s%s", command->verb,
		 *command->word ? " " : "", command->word);
	return text;
}

static bool is_one_of(const char *verb, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(verb, list[i]))
			return true;
	return false;
}

static bool has(const struct config_command *list, size_t n, const char *verb)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].verb, verb) && !*list[i].word)
			return true;
	return false;
}

bool config_commands_allow(const struct config_commands *commands, const char *verb)
{
	if (!commands->at.line)
		return true;
	if (commands->read_only)
		return has(read_only, ARRAY_SIZE(read_only), verb);
	return commands->allow_n ? has(commands->allow, commands->allow_n, verb) ||
					   is_one_of(verb, always, ARRAY_SIZE(always)) :
				   !has(commands->deny, commands->deny_n, verb);
}

/* ---- as entries ---- */

struct expansion {
	struct config_command_entry *entry;
	size_t n;
	size_t room;
	bool failed;
};

static __u8 refusal_of(const char *verb)
{
	return is_one_of(verb, on_files, ARRAY_SIZE(on_files)) ? FTPNAT_COMMAND_550 :
								 FTPNAT_COMMAND_502;
}

static void fill_word(__u8 to[FTP_VERB_LEN], const char *word)
{
	memset(to, 0, FTP_VERB_LEN);
	memcpy(to, word, strnlen(word, FTP_VERB_LEN));
}

/* The entry of this command; a new one has `policy`. NULL: no memory, as is noted. */
static struct config_command_entry *entry_of(struct expansion *to, const char *verb,
					     const char *word, __u8 policy)
{
	struct ftpnat_command_key key = { 0 };

	fill_word(key.verb, verb);
	fill_word(key.word, word);
	for (size_t i = 0; i < to->n; i++)
		if (!memcmp(&to->entry[i].key, &key, sizeof(key)))
			return &to->entry[i];
	if (to->n == to->room) {
		size_t room = to->room + 64;
		void *more = reallocarray(to->entry, room, sizeof(*to->entry));

		if (!more) {
			to->failed = true;
			return NULL;
		}
		to->entry = more;
		to->room = room;
	}
	to->entry[to->n] =
		(struct config_command_entry){ .key = key, .value.policy = policy };
	return &to->entry[to->n++];
}

/* Sets the policy of a command; `other`: that of its verb with another argument. */
static void put(struct expansion *to, const char *verb, const char *word, __u8 policy,
		__u8 other)
{
	struct config_command_entry *entry;

	if (*word) {
		entry = entry_of(to, verb, "", other);
		if (entry)
			entry->value.has_words = 1;
	}
	entry = entry_of(to, verb, word, policy);
	if (entry)
		entry->value.policy = policy;
}

/* The same for the other name that the command may have. */
static void put_all(struct expansion *to, const struct config_command *command,
		    bool allowed)
{
	const char *verb = command->verb;
	__u8 refused = refusal_of(verb);

	put(to, verb, command->word, allowed ? FTPNAT_COMMAND_PASS : refused,
	    allowed ? refused : FTPNAT_COMMAND_PASS);
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		for (int j = 0; j < 2; j++)
			if (!strcmp(verb, aliases[i][j]))
				put(to, aliases[i][!j], "",
				    allowed ? FTPNAT_COMMAND_PASS : refused, 0);
}

static void expand_allowed(struct expansion *to, const struct config_command *list,
			   size_t n)
{
	put(to, "", "", FTPNAT_COMMAND_502, 0);
	for (size_t i = 0; i < ARRAY_SIZE(on_files); i++)
		put(to, on_files[i], "", FTPNAT_COMMAND_550, 0);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		put(to, always[i], "", FTPNAT_COMMAND_PASS, 0);
	for (size_t i = 0; i < n; i++)
		put_all(to, &list[i], true);
}

static void expand_denied(struct expansion *to, const struct config_command *list,
			  size_t n)
{
	put(to, "", "", FTPNAT_COMMAND_PASS, 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrappers); i++)
		put(to, wrappers[i], "", FTPNAT_COMMAND_502, 0);
	for (size_t i = 0; i < n; i++)
		put_all(to, &list[i], false);
}

int config_commands_expand(const struct config_commands *commands,
			   struct config_command_entry **entries, size_t *n)
{
	struct expansion to = { 0 };

	if (commands->read_only) {
		expand_allowed(&to, read_only, ARRAY_SIZE(read_only));
		/* vsftpd and others set a file's time with it */
		put(&to, "MDTM", "TIME", FTPNAT_COMMAND_550, FTPNAT_COMMAND_PASS);
	} else if (commands->allow_n) {
		expand_allowed(&to, commands->allow, commands->allow_n);
	} else {
		expand_denied(&to, commands->deny, commands->deny_n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(synched); i++)
		if (!config_commands_allow(commands, synched[i]))
			put(&to, "SITE", synched[i], FTPNAT_COMMAND_550,
			    FTPNAT_COMMAND_PASS);
	if (to.failed) {
		free(to.entry);
		return -ENOMEM;
	}
	*entries = to.entry;
	*n = to.n;
	return 0;
}
