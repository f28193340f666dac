# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What `ftpnat-load --json` prints, checked against share/ftpnat-load.schema.json."""

import functools
import json
import os

from servers import TOP

try:
    import jsonschema
except ImportError:  # under the kernels of check-kernels; test_json_schema.py fails without it
    jsonschema = None

PATH = os.path.join(TOP, "share", "ftpnat-load.schema.json")
ENTRIES = 100  # of a list


@functools.cache
def schema():
    with open(PATH) as file:
        return json.load(file)


def verbs():
    """Those with JSON of their own."""
    return {reference["$ref"].rpartition("/")[2] for reference in schema()["anyOf"]} - {"error", "notice"}


@functools.cache
def _validator(verb):
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{verb}", "$defs": schema()["$defs"]})


def _start(document):
    """Without the many entries of a long listing."""
    return {key: value[:ENTRIES] if isinstance(value, list) else value for key, value in document.items()}


def check(verb, document):
    """Fails where the document is not as the schema has it."""
    if jsonschema:
        error = jsonschema.exceptions.best_match(_validator(verb).iter_errors(_start(document)))
        assert error is None, f"{verb}: {'/'.join(map(str, error.absolute_path))}: {error.message}"


def check_output(argv, done):
    """Of a command that has ended; of one without --json, nothing is checked."""
    if not jsonschema or not {"-j", "--json"} & set(argv):
        return
    if done.returncode not in (0, 3):
        for line in done.stdout.splitlines()[-1:]:
            check("error", json.loads(line))
        return
    verb = next((word for word in argv if word in verbs()), None)
    if verb == "events":
        for line in done.stdout.splitlines():
            check(verb, json.loads(line))
    elif verb:
        check(verb, json.loads(done.stdout))
