# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The manual pages match the program: verbs, options, reasons, every key of the file.

The program is asked, not its source: it names the keys and values that it accepts in the
message about one that it doesn't, and says what it does not support.
"""

import glob
import itertools
import json
import os
import re
import shutil
import subprocess

import pytest

from man_pages import ask, entries, help_text, plain, read, sections, source
from servers import TOP

PAGES = [os.path.join(TOP, "build", "man", name) for name in ("ftpnat-load.8", "ftpnat.yaml.5")]

pytestmark = [pytest.mark.no_root, pytest.mark.xdist_group("make")]  # make does not share build/ with another


# ---- built, and without complaints ----

@pytest.fixture(scope="module")
def pages():
    if not shutil.which("scdoc"):
        pytest.skip("scdoc is not installed")
    done = subprocess.run(["make", "-s", "-C", TOP, "man"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return PAGES


def test_pages_are_formatted_without_warnings(pages):
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    for page in pages:
        done = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True,
                              env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) > 100


def reason_names():
    names = re.findall(r'\bX\(\w+, "(\w+)"', read("include", "ftpnat_reasons.h"))
    assert len(names) > 40
    return names


def test_every_reason_is_explained(pages):
    text = read(pages[0]).split(".SH REASONS")[1].split(".SH ")[0]
    names = reason_names()
    assert re.findall(r"^\\fB(\w+)\\fR$", text, flags=re.M) == names


# ---- ftpnat-load(8) ----

def described_verbs():
    """{"servers": arguments, "cluster take": "", ...}"""
    found = {}
    for head, _ in entries(sections(source("ftpnat-load.8"))["VERBS"]):
        name, arguments = re.fullmatch(r"\*(.+?)\*(.*)", head).groups()
        assert name not in found, f"{name} is described twice"
        found[name] = plain(arguments).strip()
    return found


def test_every_verb_is_described_and_no_other():
    known, _ = help_text()
    assert len(known) >= 10
    described = described_verbs()
    assert {name.split()[0] for name in described} == set(known)
    for name in known:
        assert described[name] == known[name], name


def test_every_option_is_described_and_no_other():
    _, known = help_text()
    assert len(known) >= 6
    text = "".join(head for head, _ in entries(sections(source("ftpnat-load.8"))["OPTIONS"]))
    assert set(re.findall(r"--[a-z]+", text)) == known


def test_an_example_of_the_command_is_a_command():
    known, _ = help_text()
    blocks = re.findall(r"^```\n(.*?)^```", source("ftpnat-load.8"), flags=re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) > 5
    for line in lines:
        words = line.split()
        assert words[0] == "ftpnat-load" and set(words) & set(known), line


# ---- ftpnat.yaml(5) ----

# What stands around a mapping of the file, the column it begins in, and the keys it must have.
PLACES = {
    "the file": ("", 0, {"interfaces": "[eth0, eth1]",
                         "masquerade": "[{name: lan, clients: 192.168.5.0/24, to: interface}]"}),
    "a publish rule": ("interfaces: eth0\npublish:\n  -\n", 4,
                       {"name": "files", "listen": '["192.0.2.10:21", "[2001:db8::10]:21"]',
                        "servers": '["10.9.0.10:21", "[fd00:9::10]:21"]'}),
    "a server": ('interfaces: eth0\npublish:\n  - name: files\n    listen: "192.0.2.10:21"\n'
                 "    servers:\n      -\n", 8, {"server": '"10.9.0.10:21"'}),
    "an entry of data_address_for": (
        'interfaces: eth0\npublish:\n  - name: files\n    listen: "192.0.2.10:21"\n'
        '    servers: "10.9.0.10:21"\n    data_address_for:\n      -\n', 8,
        {"clients": "10.0.0.0/8", "address": "10.1.2.3"}),
    "per_client": ('interfaces: eth0\npublish:\n  - name: files\n    listen: "192.0.2.10:21"\n'
                   '    servers: "10.9.0.10:21"\n    per_client:\n', 6, {"sessions": "7", "failed_logins": "5/10min"}),
    "commands": ('interfaces: eth0\npublish:\n  - name: files\n    listen: "192.0.2.10:21"\n'
                 '    servers: "10.9.0.10:21"\n    commands:\n', 6, {}),
    "a file of prefixes": (
        'interfaces: eth0\npublish:\n  - name: files\n    listen: "192.0.2.10:21"\n'
        '    servers: "10.9.0.10:21"\n    deny:\n      -\n', 8, {"file": "allow.txt"}),
    "rate": ('interfaces: eth0\npublish:\n  - name: files\n    listen: "192.0.2.10:21"\n'
             '    servers: "10.9.0.10:21"\n    rate:\n', 6, {"rule": "7Gbit"}),
    "health": ('interfaces: eth0\npublish:\n  - name: files\n    listen: "192.0.2.10:21"\n'
               '    servers: "10.9.0.10:21"\n    health:\n', 6, {"fall": "7"}),
    "a masquerade rule": ("interfaces: eth0\nmasquerade:\n  -\n", 4,
                          {"name": "lan", "clients": '[192.168.5.0/24, "2001:db8:5::/48"]',
                           "to": "interface"}),
    "a track rule": ("interfaces: eth0\ntrack:\n  -\n", 4,
                     {"name": "dmz", "servers": "198.51.100.0/24"}),
    "a guard entry": (
        "interfaces: eth0\nmasquerade: [{name: lan, clients: 192.168.5.0/24, to: interface}]\n"
        "guard:\n  -\n", 4, {"interface": "eth0", "ports": "1024-65535"}),
    **{name: ("interfaces: eth0\nmasquerade: [{name: lan, clients: 192.168.5.0/24, to: interface}]\n"
              f"{name}:\n", 2, keys)
       for name, keys in (("limits", {"control": "7"}), ("timeouts", {"control": "7"}),
                          ("metrics", {"listen": '"127.0.0.1:9821"'}), ("cluster", {"slot": "7"}),
                          ("records", {"transfers": "/var/log/ftpnat/t"}))},
}

# What a key is valid with only.
COMPANIONS = {"ipfix_transport": {"ipfix": '"192.0.2.5:4739"'}, "prefix64": {"clients": '"2001:db8:5::/48"'}}


@pytest.fixture
def check(tmp_path):
    """check(place, {key: value}) -> (effective configuration or None, message)"""
    def check(place, more):
        before, column, keys = PLACES[place]
        for key in more:
            keys = {**keys, **COMPANIONS.get(key, {})}
        lines = [f"{key}: {value}" for key, value in {**keys, **more}.items() if value is not None]
        path = tmp_path / "ftpnat.yaml"
        for name in ("allow.txt", "deny.txt"):
            (tmp_path / name).write_text("192.0.2.1 # of the examples\n")
        path.write_text(before + "".join(f"{' ' * column}{line}\n" for line in lines or ["{}"]))
        done = ask("-c", str(path), "check")
        if done.returncode == 2:
            return None, done.stderr.strip()
        return json.loads(ask("-j", "-c", str(path), "check").stdout), ""
    return check


def accepted(message):
    return message.rpartition("; accepted: ")[2]


def described_keys():
    """{place: {key: (type, text)}}"""
    found = {}
    for title, section in sections(source("ftpnat.yaml.5")).items():
        if title.lower() in PLACES:
            keys = found[title.lower()] = {}
            for head, text in entries(section):
                name, kind = re.fullmatch(r"\*(\w+)\*: (.*)", head).groups()
                assert name not in keys, f"{title}: {name} is described twice"
                keys[name] = plain(kind), text
    return found


KEYS = [(place, key) for place, keys in described_keys().items() for key in keys]


def described(place, key):
    return described_keys()[place][key]


def example(place, key):
    line = re.search(r"^\tExample: \*(\w+): (.*)\*$", described(place, key)[1], flags=re.M)
    assert line and line[1] == key, "each key has an example"
    return re.sub(r"\\(.)", r"\1", line[2])


def nested(check, place, key):
    """What the mappings are called that this key takes, {} or {name: keys}."""
    found = {}
    for value in ("{zz: 1}", "[{zz: 1}]"):
        message = check(place, {key: value})[1]
        inner = re.search(r"unknown key 'zz' in (.*); accepted: (.*)", message)
        if inner:
            found[inner[1]] = set(inner[2].split(", "))
    return found


def test_every_key_is_described_and_no_other(check):
    """Beginning at the file's own keys, into every mapping that a key takes."""
    message = check("the file", {"zz": "1"})[1]
    known = {"the file": set(accepted(message).split(", "))}
    to_see = list(known)
    while to_see:
        place = to_see.pop()
        for key in sorted(known[place]):
            for name, keys in nested(check, place, key).items():
                if name not in known:
                    known[name] = keys
                    to_see.append(name)
    assert {place: set(keys) for place, keys in described_keys().items()} == known


@pytest.mark.parametrize("place, key", KEYS)
def test_type_and_range_are_those_of_the_program(check, place, key):
    said = {accepted(check(place, {key: value})[1]) for value in ('""', "[[]]", "{zz: 1}")}
    assert described(place, key)[0] in said


@pytest.mark.parametrize("place, key", KEYS)
def test_required_keys_are_called_so(check, place, key):
    message = check(place, {key: None})[1]
    missing = f"key '{key}' is missing in {place}" in message
    assert missing == ("\tRequired." in described(place, key)[1]), message


@pytest.mark.parametrize("place, key", KEYS)
def test_default_is_the_one_in_force(check, place, key):
    default = re.search(r"^\tDefault: \*(.*?)\*\. ", described(place, key)[1], flags=re.M)
    if not default or key in PLACES[place][2]:
        return  # there is none, or it is words
    value = re.sub(r"\\(.)", r"\1", default[1])
    without, refusal = check(place, COMPANIONS.get(key, {}))
    assert without, refusal
    assert check(place, {key: value}) == (without, "")


@pytest.mark.parametrize("place, key", KEYS)
def test_example_and_choices_are_accepted(check, place, key):
    kind = described(place, key)[0]
    choices = kind.split(", ") if re.fullmatch(r"\w+(, \w+)+", kind) else []
    for value in (example(place, key), *choices):
        effective, message = check(place, {key: value})
        assert effective, f"{key}: {value}: {message}"


def test_whole_examples_are_accepted(tmp_path):
    files = [os.path.join(TOP, "docs", "examples", name)
             for name in sorted(os.listdir(os.path.join(TOP, "docs", "examples")))]
    blocks = re.findall(r"^```\n(.*?)^```", source("ftpnat.yaml.5"), flags=re.M | re.S)
    blocks += re.findall(r"^```yaml\n(.*?)^```", read("README.md"), flags=re.M | re.S)
    for number, block in zip(itertools.count(), blocks):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block)
        files.append(str(path))
    assert len(files) >= 7
    for path in files:
        done = ask("-c", path, "check")
        assert (done.returncode, done.stderr) == (0, ""), path


# ---- make install ----

def make_install(target, folder):
    """What is there then."""
    subprocess.run(["make", "-s", "-C", TOP, target, f"DESTDIR={folder}", "PREFIX=/usr"],
                   check=True, capture_output=True)
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_uninstall_removes_what_install_installed(pages, tmp_path):
    doc = "usr/share/doc/ftpnat"
    assert make_install("install", tmp_path) >= {
        "usr/sbin/ftpnat-load", "usr/share/man/man8/ftpnat-load.8", "usr/share/man/man5/ftpnat.yaml.5",
        "usr/lib/systemd/system/ftpnat.service", "usr/share/ftpnat/ftpnat-load.schema.json",
        "usr/share/bash-completion/completions/ftpnat-load",
        "usr/share/zsh/site-functions/_ftpnat-load", "etc/ftpnat/ftpnat.yaml", f"{doc}/README.md",
        "etc/fail2ban/action.d/ftpnat.conf", "etc/fail2ban/filter.d/ftpnat.conf",
        f"{doc}/docs/examples/publish.yaml", f"{doc}/docs/deployments/README.md"}
    assert make_install("uninstall", tmp_path) == set()
    assert not (tmp_path / doc).exists()


def test_install_and_uninstall_leave_an_edited_configuration_alone(pages, tmp_path):
    path = tmp_path / "etc/ftpnat/ftpnat.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("# mine\n")
    for target in ("install", "uninstall"):
        assert "etc/ftpnat/ftpnat.yaml" in make_install(target, tmp_path)
        assert path.read_text() == "# mine\n"


def test_what_installed_documents_link_to_is_installed(pages, tmp_path):
    make_install("install", tmp_path)
    check = [os.path.join(TOP, "scripts", "check-links"), str(tmp_path / "usr/share/doc/ftpnat")]
    done = subprocess.run(check, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    (tmp_path / "usr/share/doc/ftpnat/docs/service.md").unlink()
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 1 and "README.md: docs/service.md: not there" in done.stdout


# ---- other documents ----

def test_troubleshooting_names_reasons_that_exist():
    names = set(reason_names())
    words = set(re.findall(r"`(\w+_\w+)`", read("docs", "troubleshooting.md")))
    options = {key for keys in described_keys().values() for key in keys}
    assert len(words & names) > 10
    assert not words - names - options


def test_readme_lists_the_verbs():
    table = read("README.md").split("## Commands")[1].split("\n\n")[1]
    rows = re.findall(r"^\| (`.*?) \|", table, flags=re.M)
    assert {verb for row in rows for verb in re.findall(r"`(\w+)`", row)} == set(help_text()[0])


def test_links_lead_somewhere():
    names = glob.glob("*.md", root_dir=TOP) + glob.glob("docs/**/*.md", root_dir=TOP, recursive=True)
    assert len(names) > 15
    for name in names:
        folder = os.path.dirname(os.path.join(TOP, name))
        for target in re.findall(r"\]\(([^)#:]+)\)", read(name)):
            assert os.path.exists(os.path.join(folder, target)), f"{name}: {target}"


# ---- the Debian package ----

def test_package_has_the_version_of_the_program():
    version = re.search(r"^VERSION +:= (\S+)$", read("Makefile"), flags=re.M)[1]
    assert ask("--version").stdout == f"ftpnat-load {version}\n"
    assert read("debian", "changelog").startswith(f"ftpnat ({version}) ")
    assert f"\n## {version}" in read("CHANGELOG.md")


def test_package_is_built_with_what_the_build_needs():
    groups = dict(re.findall(r'^\t\[(\w+)\]="([^"]*)"', read("scripts", "deps").split("declare -A tools")[0],
                             flags=re.M))
    essential = {"make", "gcc", "libc6-dev"}  # build-essential
    needed = set(groups["build"].split()) | set(groups["man"].split())
    listed = re.search(r"^Build-Depends: (.*?)\n\n", read("debian", "control"), flags=re.M | re.S)[1]
    assert set(re.split(r",\s+", listed)) - {"debhelper-compat (= 13)"} == needed - essential


def test_configuration_that_is_installed(tmp_path):
    """As it comes it has no rule; without the # before its lines it is one."""
    text = read("packaging", "ftpnat.yaml")
    path = tmp_path / "ftpnat.yaml"
    for content, code in ((text, 2), (re.sub(r"^#(?! \S)", "", text, flags=re.M), 0)):
        path.write_text(content)
        assert ask("-c", str(path), "check").returncode == code
