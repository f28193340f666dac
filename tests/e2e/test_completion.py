# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Completion in bash and zsh: what a user gets after Tab."""

import os
import re
import shlex
import shutil
import subprocess

import pytest

from loader_host import COMMAND, CONFIG, host  # noqa: F401
from man_pages import help_text
from servers import TOP

COMPLETION = os.path.join(TOP, "completion")
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"

BASH = """
source {framework}
source {folder}/ftpnat-load.bash
COMP_LINE={line}
COMP_POINT=${{#COMP_LINE}}
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_ftpnat_load
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

# An interactive zsh at the end of a pseudo-terminal, which reports each match that it gets.
ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
wait_for() {{
	local piece seen
	while zpty -r shell piece; do
		seen+=$piece
		[[ $seen == *$1* ]] && break
	done
	print -r -- $seen
}}
zpty -w shell "PROMPT= ; stty -echo; fpath=({folder} \\$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w shell 'compadd() {{
	if [[ ${{@[1,(i)(-|--)]}} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
	local -a matches
	builtin compadd -A matches "$@"
	print -l -- "<"${{^matches}}">"
	builtin compadd "$@"
}}'
zpty -w shell 'tell() {{ zle complete-word; print -r -- END-""OF-MATCHES; }}; zle -N tell; bindkey "^I" tell'
zpty -w shell 'print READY-""NOW'
wait_for READY-NOW >/dev/null
zpty -n -w shell {line}$'\\t'
wait_for END-OF-MATCHES
zpty -d shell
"""


def by_bash(line):
    if not os.path.exists(BASH_COMPLETION):
        pytest.skip("bash-completion is not installed")
    script = BASH.format(framework=BASH_COMPLETION, folder=COMPLETION, line=shlex.quote(line),
                         words=" ".join(map(shlex.quote, line.split(" "))))
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    words = done.stdout.split()
    assert len(words) == len(set(words)), "offered twice"
    return set(words)


def by_zsh(line, folder):
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    shutil.copy(os.path.join(COMPLETION, "ftpnat-load.zsh"), os.path.join(folder, "_ftpnat-load"))
    script = ZSH.format(folder=folder, line=shlex.quote(line))
    done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, timeout=60)
    return set(re.findall(r"<([^<>\s]+)>", done.stdout))


@pytest.fixture(params=["bash", "zsh"])
def complete(request, tmp_path):
    """complete(words after the command) -> {match, ...}"""
    def complete(rest):
        line = f"{COMMAND} {rest}"
        return by_bash(line) if request.param == "bash" else by_zsh(line, str(tmp_path))
    return complete


@pytest.mark.no_root
def test_verbs_are_those_of_the_program(complete):
    assert complete("") == set(help_text()[0])
    assert complete("ev") == {"events"}
    assert complete("--json ev") == {"events"}
    assert "--json" in complete("events --")
    assert complete("-p /sys/fs/bpf/ftpnat ev") == {"events"}


@pytest.mark.no_root
def test_nothing_is_offered_behind_a_verb_that_takes_nothing(complete):
    assert complete("up ") == set()


@pytest.mark.no_root
def test_options_are_those_of_the_program(complete):
    assert complete("--") == help_text()[1]


@pytest.mark.no_root
def test_options_of_the_verb_are_offered_with_it_only(complete):
    verbs, options = help_text()
    for verb, arguments in verbs.items():
        own = set(re.findall(r"--[a-z]+", arguments))
        assert complete(f"{verb} --") == options | own, verb


@pytest.mark.no_root
@pytest.mark.parametrize("line", ["--json flows --", "-j flows --", "flows --json --", "flows --wide -j --"])
def test_options_that_are_there_are_not_offered_again(complete, line):
    offered = complete(line)
    assert {"--pin", "--rule"} <= offered
    assert not {"--json", "-j"} & offered
    assert ("--wide" in offered) != ("--wide" in line)


def test_rules_are_those_of_the_instance(complete, host):  # noqa: F811
    host.up(config=CONFIG.replace("2121", "2177"))
    chosen = f"-n {host.netns} --pin {host.pin}"
    assert complete(f"{chosen} flows --rule ") == {"files", "lan"}
    assert complete(f"{chosen} events --rule f") == {"files"}
    assert host.load("down").returncode == 0
    assert complete(f"{chosen} flows --rule ") == set()


def test_servers_are_those_of_the_rule(complete, host):  # noqa: F811
    host.up(config=CONFIG.replace("2121", "2177"))
    chosen = f"-n {host.netns} --pin {host.pin}"
    assert complete(f"{chosen} servers ") == {"drain", "resume"}
    assert complete(f"{chosen} servers drain ") == {"files", "lan"}
    assert complete(f"{chosen} servers drain files 10.9.0.11") == {"10.9.0.11:21"}
    assert complete(f"{chosen} servers drain lan ") == set()
