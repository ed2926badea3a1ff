"""Text from outside made harmless to show: hidden characters written out, secrets masked, URLs and names defanged.

What is left may still be markup somewhere: whoever prints it escapes it as that place needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from enricher.core.secrets import mask

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but tab and line feed
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # bidi, zero width, separators
    "\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates, tags
)
_URL = re.compile(r"(?i)\b(h)tt(ps?://)([^\s/?#'\"<>|]*)")


def shown(text: str) -> str:
    """`text` with every character that hides or reorders others written as its code point: `⟨U+202E⟩`."""
    return _HIDDEN.sub(_code_point, text)


def _code_point(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"


def defang(name: str | None) -> str | None:
    """A host name that no mail program or chat turns into a link."""
    return None if name is None else name.replace("[.]", ".").replace(".", "[.]")


def defanger(names: Iterable[str | None]) -> Callable[[str | None], str | None]:
    """A function that masks secrets and defangs URLs, and these names wherever they stand in a text."""
    known = sorted({name for name in names if name and "." in name}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, known)), re.IGNORECASE) if known else None

    def defanged(text: str | None) -> str | None:
        if text is None:
            return None
        text = _URL.sub(lambda url: f"{url[1]}xx{url[2]}{defang(url[3])}", mask(text))
        return pattern.sub(lambda name: name[0].replace(".", "[.]"), text) if pattern else text

    return defanged
