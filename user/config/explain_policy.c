// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/explain_policy.h"

#include "config/commands.h"
#include "config/explain_text.h"

/* The sentence about what comes before TLS; false: TLS is refused. */
bool explain_tls_policy(json_t *list, enum config_tls tls)
{
	if (tls == CONFIG_TLS_REQUIRE)
		sentence(
			list,
			"TLS is required: USER, PASS and ACCT before it get 530, and reach no "
			"server.");
	if (tls == CONFIG_TLS_DENY)
		sentence(list,
			 "TLS is refused: the reply to AUTH is 534, and so is that to a "
			 "ClientHello (implicit TLS).");
	return tls != CONFIG_TLS_DENY;
}

static void put_commands(FILE *out, const struct config_command *list, size_t n,
			 const char *last)
{
	char text[CONFIG_COMMAND_STRLEN];

	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", explain_joint(i, n, last),
			config_command_str(text, &list[i]));
}

void explain_commands(json_t *list, const struct config_commands *commands,
		      enum config_tls tls)
{
	static const char refused[] =
		" gets 550 or 502 in the server's place, and reaches no server";
	struct explained s;

	if (!commands->at.line)
		return;
	if (explain_begin(&s, list)) {
		if (commands->read_only) {
			fprintf(s.out,
				"Clients may only read: a command that may change something%s.",
				refused);
		} else if (commands->allow_n) {
			fputs("Besides USER, PASS and QUIT, clients may only use ",
			      s.out);
			put_commands(s.out, commands->allow, commands->allow_n, " and ");
			fprintf(s.out, "; any other command%s.", refused);
		} else {
			fputs("Clients may not use ", s.out);
			put_commands(s.out, commands->deny, commands->deny_n, " or ");
			fprintf(s.out, ", which%s.", refused);
		}
	}
	explain_end(&s);
	if (tls != CONFIG_TLS_DENY)
		sentence(
			list,
			"Warning: %s, because nothing can be read there: set tls: deny if the "
			"commands are to be refused in all sessions.",
			config_commands_allow(commands, "AUTH") ?
				"with TLS the client may use any command" :
				"with implicit TLS the client may use any command");
}
