# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How the checks of `make lint` reject bad sources: includes against the order, headers that need
others, builds that differ."""

import os
import subprocess

import pytest

from servers import TOP

pytestmark = pytest.mark.no_root

GOOD = {
    "user/base/log.h": "",
    "user/config/config.h": '#include "base/log.h"\n',
    "user/config/load.c": '#include "config/config.h"\n#include "ftpnat_maps.h"\n',
    "user/main.c": '#include "config/config.h"\n',
    "include/ftpnat_maps.h": "",
    "bpf/maps.h": '#include "ftpnat_maps.h"\n',
    "bpf/clock.h": '#include "maps.h"\n',
}


def layers(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return subprocess.run([os.path.join(TOP, "scripts/check-layers"), folder],
                          capture_output=True, text=True, check=False)


def headers(*names):
    return subprocess.run([os.path.join(TOP, "scripts/check-headers"), "cc", "-Wall", "-Werror",
                           "--", *names], capture_output=True, text=True, check=False)


def test_layers_accept_includes_that_follow_the_order(tmp_path):
    result = layers(tmp_path, GOOD)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("bad, said", [
    pytest.param({"user/base/log.h": '#include "config/config.h"\n'},
                 "user/base/log.h:1: includes user/config/config.h, but config comes after base "
                 "in the order of user/", id="a lower folder includes a higher one"),
    pytest.param({"user/config/config.h": '\n#include "config/load.h"\n',
                  "user/config/load.h": ""},
                 "user/config/config.h:2: includes user/config/load.h, but load comes after config "
                 "in the order of user/config/", id="a lower file of a folder includes a higher one"),
    pytest.param({"user/other/new.c": '#include "base/log.h"\n'},
                 "user/other/new.c:1: is not in the order of user/", id="an unknown folder"),
    pytest.param({"bpf/maps.h": '#include "clock.h"\n'},
                 "include each other in a cycle: bpf/clock -> bpf/maps -> bpf/clock",
                 id="two headers include each other"),
    pytest.param({"user/events/a.h": "", "user/events/b.h": "",
                  "user/events/a.c": '#include "events/a.h"\n#include "events/b.h"\n',
                  "user/events/b.c": '#include "events/b.h"\n#include "events/a.h"\n'},
                 "include each other in a cycle: user/events/a -> user/events/b -> user/events/a",
                 id="two .c files include each other's header"),
])
def test_layers_refuse_an_include_against_the_order(tmp_path, bad, said):
    result = layers(tmp_path, {**GOOD, **bad})
    assert (result.returncode, said in result.stderr.splitlines()) == (1, True), result.stderr


def test_layers_refuse_a_tree_without_sources(tmp_path):
    result = layers(tmp_path, {})
    assert result.returncode == 1 and "no source file" in result.stderr


def test_headers_that_compile_alone_are_accepted(tmp_path):
    (tmp_path / "whole.h").write_text("#include <stdbool.h>\nbool whole(void);\n")
    result = headers(tmp_path / "whole.h")
    assert (result.returncode, result.stderr) == (0, "")


def test_headers_that_need_another_are_named(tmp_path):
    (tmp_path / "whole.h").write_text("#include <stdbool.h>\nbool whole(void);\n")
    (tmp_path / "half.h").write_text("bool half(void);\n")
    result = headers(tmp_path / "whole.h", tmp_path / "half.h")
    assert result.returncode == 1
    assert f"{tmp_path}/half.h: does not compile alone" in result.stderr
    assert "whole.h: does not" not in result.stderr


@pytest.mark.slow
def test_two_builds_of_the_sources_are_the_same():
    result = subprocess.run([os.path.join(TOP, "scripts/check-reproducible")],
                            capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_build_that_names_its_folder_is_refused(tmp_path):
    for name in ("include", "bpf", "user", "scripts"):
        (tmp_path / name).mkdir()
    (tmp_path / "scripts/deps").touch()
    (tmp_path / "Makefile").write_text(
        "all:\n\tmkdir build; touch build/ftpnat_xdp.bpf.o ftpnat-load; pwd > build/ftpnat_tc.bpf.o\n")
    result = subprocess.run([os.path.join(TOP, "scripts/check-reproducible"), tmp_path],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == ("build/ftpnat_tc.bpf.o: differs between two builds of the same "
                             "sources\n")
