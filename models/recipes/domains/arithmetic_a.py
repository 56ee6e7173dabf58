"""The arithmetic domain, stopped early: one of three seeds that `daemon eval ensemble` lets vote.

A quarter of the bundled expert's training leaves slips in the columns, and each seed makes its own.
"""

from .arithmetic import *  # noqa: F403

ID = "arithmetic_a"
SEED = 11
STEPS = 1500
FOLDER = "ensembles"
