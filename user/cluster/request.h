/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What other commands ask of `run`: a word by a socket beside its lock, and a JSON answer. */
#ifndef FTPNAT_REQUEST_H
#define FTPNAT_REQUEST_H

#include <jansson.h>
#include <systemd/sd-event.h>

#define REQUEST_LEN 32 /* of the longest word, with its NUL */

struct requests;

/*
 * Listens for requests to the instance at `dir`, of root only. see() gets the word of each;
 * one at a time, until requests_answer(). 0, or reported.
 */
int requests_open(struct requests **requests, sd_event *event, const char *dir,
		  void (*see)(void *arg, const char *word), void *arg);
/* Takes the answer to the request at hand; a client that has left gets none. */
void requests_answer(struct requests *requests, json_t *answer);
void requests_close(struct requests *requests); /* NULL is fine */

/*
 * The other side. 0; -ECONNREFUSED: nobody listens; -ETIMEDOUT: no answer came; -EBUSY:
 * another request is at hand.
 */
int request_make(const char *dir, const char *word, json_t **answer);

#endif
