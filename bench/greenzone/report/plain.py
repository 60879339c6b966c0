"""Text of unknown origin made fit to be shown: nothing unseen, nothing endless.

A record or a profile may come from anywhere. Control characters and those that turn the writing direction
are shown by their code, and what is too long is cut, with its length.
"""

import re
import unicodedata

LONGEST = 1000  # the longest condition of a rule is half as long
LONGEST_NAME = 120
# Controls, the invisible ones that change direction among them, surrogates, private and unassigned characters.
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def plain(text: object, longest: int = LONGEST) -> str:
    r"""A text that can be shown: no character that is not seen, no more than `longest` of them.

    >>> plain("a\u202eb\x1b"), plain("x" * 10_000, 3)
    ('a\\u202eb\\u001b', 'xxx... (10000 characters in all)')
    """
    whole = str(text)
    shown = "".join(_visible(c) for c in whole[:longest])
    return shown if len(whole) <= longest else f"{shown}... ({len(whole)} characters in all)"


# What a terminal obeys (C0 but tab and line feed, DEL, C1) or what turns the writing direction of what follows.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def disarmed(text: str) -> str:
    r"""A text of any length, what a terminal would obey shown by its code; JSON means the same as before.

    >>> disarmed("a\x1b[31m\x9b\n")
    'a\\u001b[31m\\u009b\n'
    """
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _visible(char: str) -> str:
    if char in "\n\t":
        return " "
    return f"\\u{ord(char):04x}" if unicodedata.category(char) in _UNSEEN else char
