"""A text as data: its characters as integers, windows of it, and how windows are drawn.

`problems/README.md` defines everything here, so that any language draws the same windows. NumPy on the host;
`refopt.minibatches` moves what it needs to the user's library.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refopt.generators import splitmix64


class Text(NamedTuple):
    """A text and what is trained on it.

    Attributes:
        alphabet: its distinct characters by code point; a character's integer is its place here.
        tokens: the text as integers, (M,).
        training: L, how many characters at its beginning are for training; the others are held out.
        context: T, how many characters a window shows; it holds T + 1.
    """

    alphabet: str
    tokens: np.ndarray
    training: int
    context: int

    @classmethod
    def of(cls, text: str, held_out: int, context: int) -> Text:
        """The text with its last `held_out` characters held out."""
        alphabet = "".join(sorted(set(text)))
        place = {character: i for i, character in enumerate(alphabet)}
        tokens = np.array([place[character] for character in text], dtype=np.int64)
        return cls(alphabet, tokens, len(text) - held_out, context)

    def spread(self, count: int, *, held_out: bool = False) -> np.ndarray:
        """The starts of `count` windows at equal distances in the training part, or in what is held out."""
        first, end = (self.training, len(self.tokens)) if held_out else (0, self.training)
        return first + np.arange(count) * (end - first - self.context) // count

    def drawn(self, seed: int, iteration: int, count: int) -> np.ndarray:
        """The starts of the `count` windows that an iteration draws from the training part."""
        draws = splitmix64(seed, count, first=iteration * count)
        return (draws % np.uint64(self.training - self.context)).astype(np.int64)

    def windows(self, starts: np.ndarray) -> np.ndarray:
        """The windows at these starts as integers, (count, T + 1)."""
        return self.tokens[starts[:, None] + np.arange(self.context + 1)]


def one_hot(windows: np.ndarray, vocabulary: int) -> dict[str, np.ndarray]:
    """The arguments `inputs` and `targets` (V, N T) of `refopt.transformer` for windows (N, T + 1)."""
    identity = np.eye(vocabulary)
    return {"inputs": identity[:, windows[:, :-1].ravel()], "targets": identity[:, windows[:, 1:].ravel()]}
