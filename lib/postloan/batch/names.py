"""File names from borrower ids: readable, safe on every system, never two ids on one name."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_MOST_CHARACTERS, _MOST_BYTES = 80, 200


def safe_name(text: str) -> str:
    """A file name of any text: letters of any script, digits, '-', '_', inner '.'; the rest is %-encoded.

    Never empty, '.' or '..', never a name Windows reserves (those get a trailing '_'); longer than 80
    characters (200 bytes) it is cut and ends in a hash of the whole.
    """
    text = unicodedata.normalize("NFC", text)
    inner = range(1, len(text) - 1)
    name = "".join(
        letter if letter.isalnum() or letter in "-_" or (letter == "." and place in inner) else _percent(letter)
        for place, letter in enumerate(text)
    )
    if _RESERVED.fullmatch(name):
        name += "_"
    if len(name) > _MOST_CHARACTERS or len(name.encode()) > _MOST_BYTES:
        name = name.encode()[: _MOST_BYTES // 2].decode(errors="ignore")[: _MOST_CHARACTERS - 9] + _mark(text)
    return name or "_"


def file_names(ids: Iterable[str]) -> dict[str, str]:
    """A file name for each id; those that would meet on a system blind to case also carry a hash."""
    names = {text: safe_name(text) for text in ids}
    met = Counter(name.casefold() for name in names.values())
    return {text: name + _mark(text) if met[name.casefold()] > 1 else name for text, name in names.items()}


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", errors="surrogatepass"))


def _mark(text: str) -> str:
    return "~" + hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()[:8]
