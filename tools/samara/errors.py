# SPDX-License-Identifier: MIT
"""How this command fails: one sentence that says what to do, and exit status 125."""

EXIT_TIMEOUT = 124  # as timeout(1)
EXIT_FAILURE = 125  # Samara itself failed, as docker(1) and timeout(1) have it


class Failure(Exception):
    """Anything the user can do something about. The text is the whole message; there is no traceback."""


def missing_tool(tool, package):
    """The Failure for a host program that is not installed."""
    return Failure(f"{tool} is not installed; run `apt-get install {package}` (or `make deps`) as root")
