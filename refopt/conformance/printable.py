"""Text that an adapter wrote, made safe to show: no control characters, no endless lines.

What an adapter says ends in a terminal, in XML, in HTML and in TOML. A terminal obeys escape sequences, XML
1.0 has no way to write most control characters at all, and none of them can encode half a surrogate pair; so
each such character becomes the replacement character U+FFFD, before the format's own escaping.
"""

import re

LONGEST = 500  # characters of one message; what an adapter has to say fits, a dump of its memory does not
# Control characters without tab and newline, surrogates, the two non-characters XML excludes, and the marks
# that reorder text on a screen.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")


def printable(text: object, longest: int | None = LONGEST) -> str:
    """Return a text without characters that a terminal would obey or that XML cannot hold.

    Args:
        text: anything; its `str` is taken.
        longest: characters kept, what is cut off is marked by "..."; None keeps all.
    """
    shown = str(text)
    if longest is not None and len(shown) > longest:
        shown = f"{shown[:longest]}..."
    return _UNSAFE.sub("\ufffd", shown)
