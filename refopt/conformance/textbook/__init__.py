"""Every method once more, in plain NumPy and small pieces that can be exchanged one by one.

It exists for the diagnosis of wrong answers: a mistake is this textbook with one piece wrong
(`refopt.conformance.mistakes`). It is an adapter like any other and passes the vectors
(tests/test_diagnosis.py), so that a mistake differs from the right answer by its piece alone. Nothing here
is fast, or careful about what the vectors call bad input.
"""

from refopt.conformance.textbook.amos_run import AmosRunPieces
from refopt.conformance.textbook.elmo import ElmoPieces
from refopt.conformance.textbook.grouped import GroupedPieces


class Textbook(AmosRunPieces, GroupedPieces, ElmoPieces):
    """All operations in pieces."""

    name, version = "the textbook", "1"
    dtypes = ("float64", "float32")
