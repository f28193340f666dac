# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sessions of Erlang's FTP client, in active mode."""

import os

from servers import FOLDER

ESCRIPT = "/usr/bin/escript"
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "erlang_sessions.escript")
SIZES = (1, 1000, 10_000, 40_000, 200_000)


def missing():
    return None if os.path.exists(ESCRIPT) else f"{ESCRIPT} is absent"


def outcomes(node, host, server, number):
    """What became of each session: "ok", or the step that failed and the client's words."""
    argv = [ESCRIPT, PROGRAM, host, str(server.port), server.user, server.password, FOLDER, str(number),
            *map(str, SIZES)]
    said = node.run(argv, timeout=60 + 5 * number, env=dict(os.environ, HOME=node.lab.dir)).stdout.splitlines()
    assert len(said) == number, said
    return said
