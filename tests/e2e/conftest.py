# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Fixtures of the end-to-end tests: labs that clean up, and full reports of failures."""

import hashlib
import os
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))

from gateways import GATEWAYS, FtpnatGateway  # noqa: E402
from lab import Lab, own_mounts  # noqa: E402
from servers import TOP  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--gateway", choices=sorted(GATEWAYS),
                     default=os.environ.get("FTPNAT_GATEWAY", "ftpnat"),
                     help="what translates: ftpnat, or the kernel's own helper (checks the lab)")


def pytest_configure(config):
    config.addinivalue_line("markers", "ftpnat: needs what only ftpnat can do")
    config.addinivalue_line("markers", "no_root: runs without root too")
    config.addinivalue_line("markers", "slow: takes long, so it begins first")
    config.addinivalue_line("markers", "xdist_group(name): by one worker, one after another")
    if hasattr(config, "workerinput") and not os.geteuid():
        own_mounts()


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config, items):
    kernel = config.getoption("--gateway") == "kernel"
    for item in items:
        if kernel and item.get_closest_marker("ftpnat"):
            item.add_marker(pytest.mark.skip(reason="the kernel's helper can't do this"))
        if os.geteuid() and {"make_lab", "make_shared_lab"} & set(item.fixturenames):
            item.add_marker(pytest.mark.skip(reason="needs root"))
        if "make_shared_lab" in item.fixturenames and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    items.sort(key=lambda item: not item.get_closest_marker("slow"))


@pytest.fixture(scope="session")
def real_servers():
    """The servers unpacked; a test that needs an absent one says so itself."""
    subprocess.run([os.path.join(TOP, "scripts", "get-servers")], check=False)


@pytest.fixture(scope="session")
def gateway_class(request):
    chosen = GATEWAYS[request.config.getoption("--gateway")]
    if chosen is FtpnatGateway and not os.path.exists(chosen.command):
        pytest.fail(f"{chosen.command} is not built")
    return chosen


def short_name(text):
    """A test's name as part of namespace names."""
    text = re.sub(r"[^a-z0-9]+", "-", text.lower().removeprefix("test_")).strip("-")
    if len(text) > 32:
        text = f"{text[:26]}-{hashlib.sha256(text.encode()).hexdigest()[:5]}"
    return text


def _factory(request, gateway_class, name):
    labs = []

    def finish():
        left = []
        for lab in labs:
            lab.gateway.down()
            left += lab.gateway.leftovers()
            lab.close()
        assert not left, f"down left behind: {left}"

    def make(suffix="", **options):
        lab = Lab(short_name(f"{name}{suffix}"), **options)
        labs.append(lab)
        gateway_class(lab)
        return lab

    request.addfinalizer(finish)
    make.labs = labs
    return make


@pytest.fixture
def make_lab(request, real_servers, gateway_class):
    """make_lab(**options of Lab) -> a Lab with .gateway, closed after the test."""
    return _factory(request, gateway_class, request.node.name)


@pytest.fixture(scope="module")
def make_shared_lab(request, real_servers, gateway_class):
    """The same for labs that the tests of a module share."""
    return _factory(request, gateway_class, request.module.__name__)


@pytest.fixture(scope="module")
def kept():
    """What a fixture has made, by its parameter: pytest makes it again for each row of several parameters."""
    return {}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    factories = [item.funcargs.get("make_lab"), item.funcargs.get("make_shared_lab")]
    for lab in [lab for factory in factories if factory for lab in factory.labs]:
        if not os.path.exists(lab.gw.path):
            continue
        report.sections.append((f"gateway of {lab.name}", lab.gateway.report()))
        report.sections.append((f"processes of {lab.name}", lab.report()))


def pytest_terminal_summary(terminalreporter):
    """One line that tests/run adds up."""
    count = {kind: len(terminalreporter.stats.get(kind, []))
             for kind in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")}
    terminalreporter.write_line(
        f"FTPNAT-COUNTS {count['passed'] + count['xpassed']} "
        f"{count['failed'] + count['error']} {count['skipped'] + count['xfailed']}")
