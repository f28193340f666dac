# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The attacks have the labs and options of the end-to-end tests, and a table as their result."""

import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(TESTS, "compare"), os.path.join(TESTS, "e2e", "lib")]

_spec = importlib.util.spec_from_file_location("e2e_conftest", os.path.join(TESTS, "e2e", "conftest.py"))
_e2e = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_e2e)
globals().update({name: value for name, value in vars(_e2e).items()
                  if name.startswith("pytest_") or name in ("real_servers", "gateway_class", "make_lab",
                                                            "make_shared_lab")})
