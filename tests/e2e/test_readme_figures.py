# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""README's first screen says what the pages say that measure it."""

import os
import shutil
import subprocess

import pytest

from servers import TOP

pytestmark = pytest.mark.no_root

SOURCES = ["README.md", "docs/compare.md", "docs/bench/result.md"]
SCRIPT = "scripts/readme-figures"


def figures(top, *options):
    return subprocess.run([os.path.join(top, SCRIPT), *options], capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path):
    """The script and what it reads, in a folder of their own."""
    for name in [*SOURCES, SCRIPT, *(["docs/attacks.md"] if os.path.exists(
            os.path.join(TOP, "docs", "attacks.md")) else [])]:
        os.makedirs(os.path.dirname(tmp_path / name), exist_ok=True)
        shutil.copy(os.path.join(TOP, name), tmp_path / name)
    return tmp_path


def test_readme_says_what_was_measured():
    done = figures(TOP, "--check")
    assert done.returncode == 0, done.stderr


def test_a_figure_that_nobody_measured_is_found(copy):
    readme = (copy / "README.md").read_text()
    row = next(line for line in readme.splitlines() if line.startswith("| the same, TC |"))
    (copy / "README.md").write_text(readme.replace(row, row.replace("**", "**9", 1)))
    done = figures(copy, "--check")
    assert done.returncode == 1
    assert "run scripts/readme-figures" in done.stderr
    assert figures(copy).returncode == 0
    assert (copy / "README.md").read_text() == readme
