# SPDX-License-Identifier: MIT
"""Runs guest programs on Linux and on Samara, for tests/run-guests.py and bench/run.py."""
