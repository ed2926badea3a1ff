"""Hostile text made safe to show: control and bidi characters, secrets, live links, length.

Everything that a destination prints passes `clean`. What is left afterwards is plain text of one line; how it is kept from
becoming markup is the destination's own business.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from functools import cache, lru_cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from enricher.core.secrets import mask

MAX_RAW = 8_000
"""Characters of one value that are looked at; more is only counted. No destination shows nearly as many."""


def length(text: str) -> int:
    """Characters as the destinations count them at worst: UTF-16 units, so that an emoji is two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int, *, unseen: int = 0) -> str:
    """`text` in at most `limit` characters; a cut text ends by saying how many more the case page has."""
    if length(text) <= limit and not unseen:
        return text
    room = max(0, limit - len(f"… {len(text) + unseen} more, see case"))
    kept = text.encode("utf-16-le")[: 2 * room].decode("utf-16-le", "ignore").rstrip()
    return f"{kept}… {len(text) - len(kept) + unseen} more, see case"[:limit]


def shorten(items: Sequence[str], most: int) -> list[str]:
    """The first `most` items, and a line for the rest."""
    if len(items) <= most:
        return list(items)
    return [*items[: most - 1], f"… {len(items) - most + 1} more, see case"]


def clean(text: str, limit: int, *, names: Collection[str] = (), keep: Collection[str] = ()) -> str:
    """`text` on one line, harmless, in at most `limit` characters.

    `names` are defanged whatever they look like, `keep` (the estate's own hosts) never; both in lower case.
    """
    return _clean(text[:MAX_RAW], limit, max(0, len(text) - MAX_RAW), frozenset(names), frozenset(keep))


@lru_cache(maxsize=8192)  # a case is rendered for three destinations, at more than one level of detail
def _clean(text: str, limit: int, unseen: int, names: frozenset[str], keep: frozenset[str]) -> str:
    return cut(_harmless(text, names, keep), limit, unseen=unseen)


def _harmless(text: str, names: frozenset[str], keep: frozenset[str]) -> str:
    return defang(_masked(text), names=names, keep=keep)


@lru_cache(maxsize=8192)  # much that is said of one case is said of the next
def _masked(text: str) -> str:
    return mask(neutralise(text))


# --- characters -----------------------------------------------------------------------------------------------------

_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
"""Control, format (bidi, zero width, tags), private use, lone surrogates, line and paragraph separators."""
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Variation selectors: invisible, and yet printable as Python sees it."""


def neutralise(text: str) -> str:
    """One line without characters that hide or reorder others: they are written out, as `[U+202E]`."""
    flat = " ".join(text.split())
    if flat.isprintable() and (flat.isascii() or not _SELECTOR.search(flat)):
        return flat
    return "".join(_visible(char) for char in flat)


def _visible(char: str) -> str:
    hidden = unicodedata.category(char) in _UNSEEN or _is_noncharacter(char) or _SELECTOR.match(char)
    return f"[U+{ord(char):04X}]" if hidden else char


_PLANE_END = 0xFFFE


def _is_noncharacter(char: str) -> bool:
    return ord(char) & _PLANE_END == _PLANE_END or "\ufdd0" <= char <= "\ufdef"


# --- links ----------------------------------------------------------------------------------------------------------

_SCHEME = re.compile(r"\b([a-z][a-z0-9+.-]{0,30}):(//|\\\\)([^\s/\\?#\"'<>]{0,255})", re.IGNORECASE)
_SCRIPT = re.compile(r"\b(javascript|vbscript|(?:data|mailto)(?=:\S)):", re.IGNORECASE)
_NAME = re.compile(r"[\w-]{1,63}+(?:[.。．｡][\w-]{1,63})+")
_DOTS = re.compile("[.。．｡]")
_FILE_ENDINGS = frozenset({"app", "bat", "cab", "md", "mov", "pl", "ps", "py", "rs", "sh", "so", "zip"})
"""Top-level domains that are far more often the end of a file's name."""


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


def warm_up() -> None:
    """Load now what the first text would otherwise wait for a fifth of a second."""
    _suffixes()


@lru_cache(maxsize=8192)  # the same few files and names, over and over
def _has_public_suffix(name: str) -> bool:
    return _suffixes().publicsuffix(name) is not None


def defang(text: str, *, names: Collection[str] = (), keep: Collection[str] = ()) -> str:
    """`text` in which no URL or host name can be followed: `hxxps://a[.]workers[.]dev`. File names stay as they are."""

    def name(match: re.Match[str]) -> str:
        before = text[match.start() - 1 : match.start()]
        return _dotted(match[0]) if _is_host(match[0], before, names, keep) else match[0]

    if ":" in text:
        text = _SCRIPT.sub(r"\1[:]", text)
        text = _SCHEME.sub(_unlinked, text)
    return _NAME.sub(name, text) if _DOTS.search(text) else text


def defang_name(name: str, port: int | None = None) -> str:
    """A host name as it is shown: `hxxps://a[.]workers[.]dev`; without a scheme where the port names none."""
    scheme = {None: "hxxps://", 443: "hxxps://", 80: "hxxp://"}.get(port, "")
    return f"{scheme}{_dotted(name)}"


def _dotted(name: str) -> str:
    return _DOTS.sub("[.]", name)


def _unlinked(match: re.Match[str]) -> str:
    scheme, slashes, authority = match[1], match[2], match[3]
    if scheme.lower().startswith("hxxp"):
        return match[0]
    if scheme.lower() in {"http", "https"}:
        return f"hxxp{scheme[4:]}:{slashes}{_dotted(authority)}"
    return f"{scheme}[:]{slashes}{_dotted(authority)}"


def _is_host(token: str, before: str, names: Collection[str], keep: Collection[str]) -> bool:
    name = _DOTS.sub(".", token).lower()
    if name in names:
        return True
    labels = name.split(".")
    looks_like_file = labels[-1] in _FILE_ENDINGS and (len(labels) == 2 or before in {"\\", "/"})  # noqa: PLR2004 — stem and ending
    if name in keep or labels[-1].isdigit() or looks_like_file:
        return False
    return _has_public_suffix(name)


_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]+\Z")


def safe_url(url: str | None, limit: int = 1000) -> str | None:
    """`url` if a person may be sent there: http or https, a host, no credentials, no odd characters. None otherwise."""
    if not url or len(url) > limit or not _URL_CHARACTERS.match(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme.lower() in {"http", "https"} and parts.hostname and "@" not in parts.netloc else None


# --- fitting --------------------------------------------------------------------------------------------------------


def join_within(lines: Sequence[str], limit: int, *, size: Callable[[str], int] = length) -> str:
    """As many lines as fit into `limit`, and one that counts the rest."""
    for count in range(len(lines), 0, -1):
        shown = "\n".join(shorten(lines, count))
        if size(shown) <= limit:
            return shown
    return ""
