/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text in lines of a limited width. */
#ifndef FTPNAT_WRAP_H
#define FTPNAT_WRAP_H

#include <stddef.h>
#include <stdio.h>

#define WRAP_INDENT 4 /* of all lines but the first */

/*
 * Print the text, without newlines in it, in lines of at most `width` characters, broken
 * at blanks; within a word only where it is longer than a line. Ends with a newline.
 */
void wrap_print(FILE *out, const char *text, size_t width);

#endif
