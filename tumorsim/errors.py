"""The one exception for bad input: every problem found, in words, before anything runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Input that cannot be used.

    Parameters
    ----------
    problems : str or iterable of str
        One message per problem; each says what, where and what is allowed.
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: list[str] = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


def nearest(word: str, allowed: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` for the allowed word closest to ``word``, or an empty string."""
    known = [str(a) for a in allowed]
    given = str(word).lower()
    close = difflib.get_close_matches(given, [a.lower() for a in known], n=1, cutoff=0.6)
    if not close and len(given) >= 4:  # the beginning of a word, or one with something behind it
        close = [
            a.lower() for a in known if len(a) >= 4 and (a.lower().startswith(given) or given.startswith(a.lower()))
        ]
    return f" Did you mean '{next(a for a in known if a.lower() == close[0])}'?" if close else ""
