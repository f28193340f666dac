// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/explain_text.h"

#include <stdlib.h>

FILE *explain_begin(struct explained *s, json_t *list)
{
	*s = (struct explained){ .list = list };
	s->out = open_memstream(&s->text, &s->len);
	return s->out;
}

void explain_end(struct explained *s)
{
	if (s->out)
		fclose(s->out);
	if (s->text)
		json_array_append_new(s->list, json_string(s->text));
	free(s->text);
}

const char *explain_joint(size_t i, size_t n, const char *last)
{
	if (i == 0)
		return "";
	return i + 1 < n ? ", " : last;
}

void explain_put_endpoint(FILE *out, const struct ftpnat_endpoint *endpoint)
{
	char text[FTPNAT_ENDPOINT_STRLEN];

	fputs(ftpnat_endpoint_str(text, &endpoint->addr, endpoint->port), out);
}

void explain_put_prefixes(FILE *out, const struct config_prefix *prefixes, size_t n)
{
	char text[FTPNAT_PREFIX_STRLEN];

	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", explain_joint(i, n, " or "),
			ftpnat_prefix_str(text, &prefixes[i].prefix));
}

void explain_put_control_ports(FILE *out, const struct config_port *ports, size_t n)
{
	fputs(n == 1 ? "port " : "ports ", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%u", explain_joint(i, n, " or "), ports[i].port);
}

void explain_put_ports(FILE *out, const struct ftpnat_ports *ports)
{
	if (ports->min == ports->max)
		fprintf(out, "port %u", ports->min);
	else
		fprintf(out, "ports %u-%u", ports->min, ports->max);
}

void explain_put_addresses(FILE *out, const struct ftpnat_addr *family)
{
	char text[FTPNAT_ADDR_STRLEN];
	const char *and = "";

	for (int i = 0; i < FTPNAT_FAMILY_MAX; i++) {
		if (ftpnat_addr_is_none(&family[i]))
			continue;
		fprintf(out, "%s%s", and, ftpnat_addr_str(text, &family[i]));
		and = " and ";
	}
}
