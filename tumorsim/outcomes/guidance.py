"""What an operator is guided by: cone-beam CT in the angiography suite, or plain angiography alone."""

from __future__ import annotations

SMALLEST = {"cone-beam CT": "imaging.smallest_artery", "angiography": "imaging.smallest_vessel"}
"""Parameter that holds the narrowest artery each shows."""

GUIDANCES = tuple(SMALLEST)
