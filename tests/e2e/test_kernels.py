# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is skipped here for want of a kernel's feature is in the tables of `make check-kernels`."""

import ast
import glob
import importlib.machinery
import importlib.util
import os

from gateways import TOP


def tables():
    loader = importlib.machinery.SourceFileLoader("kernels_run", os.path.join(TOP, "tests", "kernels", "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("kernels_run", loader))
    loader.exec_module(module)
    return [test for features in module.TABLES.values() for tests in features.values() for test in tests]


def names(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def defined(node):
    return {node.name} if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else {
        name for target in getattr(node, "targets", ()) for name in names(target)}


def users_of(name, path):
    """Functions of a file that use it, themselves or by others of the file."""
    with open(path) as file:
        body = ast.parse(file.read()).body
    found, before = {name}, None
    while found != before:
        before = set(found)
        found |= {one for node in body if names(node) & before for one in defined(node)}
    return found


def test_what_is_skipped_here_runs_there():
    listed = tables()
    skipped = [f"{os.path.relpath(path, TOP)}::{function}" for path in sorted(glob.glob(f"{TOP}/tests/e2e/test_*.py"))
               for function in sorted(users_of("needs_another_kernel", path)) if function.startswith("test_")]
    assert [test for test in skipped if not any(one.split("[")[0] == test for one in listed)] == []
    assert len(skipped) > 8, skipped
