// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "alg_command.h"

#include <string.h>

#include "alg_line.h"

/* The oldest n commands are through; the last of them. */
static struct alg_command drop(struct alg_model *m, unsigned n)
{
	struct alg_command last = { .verb = NONE, .refusal = REFUSE_NONE };

	if (n > m->commands)
		n = m->commands;
	if (!n)
		return last;
	last = m->command[n - 1];
	m->commands -= n;
	memmove(m->command, m->command + n, m->commands * sizeof(*m->command));
	return last;
}

/* Can a reply of this code be meant for the command? */
static bool suits(const struct alg_command *command, unsigned code)
{
	bool named = command->verb == PASV || command->verb == EPSV ||
		     command->verb == AUTH;
	bool matters = (command->expectation && !command->transfer) ||
		       command->refusal != REFUSE_NONE;

	if (code < 400)
		return !named;
	return !matters || command->alone || (code / 10 % 10 != 5 && code != 421);
}

int alg_command_of(unsigned code)
{
	switch (code) {
	case 227:
		return PASV;
	case 229:
		return EPSV;
	case 234:
		return AUTH;
	default:
		return NONE;
	}
}

struct alg_command alg_command_take(struct alg_model *m, unsigned code)
{
	struct alg_command none = { .verb = NONE, .refusal = REFUSE_NONE }, taken;
	int asked = alg_command_of(code);
	bool again = asked != NONE && m->again.verb == asked;
	struct alg_command last = m->again;

	for (unsigned i = 0; asked != NONE && i < m->commands; i++)
		if (m->command[i].verb == asked && m->command[i].refusal == REFUSE_NONE)
			return drop(m, i + 1);
	if (asked != NONE)
		m->again.verb = NONE;
	if (again)
		return (struct alg_command){ .verb = asked,
					     .said = last.said,
					     .refusal = REFUSE_NONE };
	if (code == 227 || code == 229) {
		drop(m, 1);
		return none;
	}
	if (!m->commands || !suits(&m->command[0], code) ||
	    (m->command[0].matters && m->command[0].number > m->commands_before))
		return none;
	taken = drop(m, 1);
	if (taken.verb == PASV || taken.verb == EPSV || taken.verb == AUTH)
		m->again = taken;
	return taken;
}

bool alg_command_awaits_passive(const struct alg_model *m)
{
	for (unsigned i = 0; i < m->commands; i++) {
		const struct alg_command *command = &m->command[i];

		if (command->matters)
			return command->number <= m->commands_before &&
			       command->refusal == REFUSE_NONE &&
			       (command->verb == PASV || command->verb == EPSV);
	}
	return false;
}
