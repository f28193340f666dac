# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The sources of the manual pages, and what the program says of itself."""

import os
import re
import subprocess

from loader_host import COMMAND
from servers import TOP


def plain(text):
    """scdoc without its marks."""
    text = re.sub(r"(?<!\\)\*|(?<![\w\\])_(?=\S)|(?<=\S)(?<!\\)_(?!\w)", "", text)
    return re.sub(r"\\(.)", r"\1", text)


def read(*path):
    with open(os.path.join(TOP, *path)) as file:
        return file.read()


def source(name):
    return read("docs", "man", name + ".scd")


def sections(page):
    """{"THE FILE": text, ...}"""
    parts = re.split(r"^# (.*)$", page, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def entries(section):
    """[("*up*", text of the paragraphs below), ...]"""
    parts = re.split(r"^(\*.*)$", section, flags=re.M)
    return list(zip(parts[1::2], parts[2::2]))


def ask(*argv):
    return subprocess.run([COMMAND, *argv], capture_output=True, text=True)


def help_text():
    """{verb: arguments}, {long option}"""
    verbs, options = ask("--help").stdout.split("Options")
    named = {}
    for line in verbs.splitlines():
        verb = re.match(r"  ([a-z]\S*) ", line)
        if verb:
            name = verb[1]
            named[name] = ""
        elif re.match(r" {12}(\[|ADDRESS\[)", line):
            named[name] = line.strip()
    return named, set(re.findall(r"--[a-z]+", options))
