"""Host names: one spelling for each, and those that stand in a line of text.

A name from a log is hostile: whatever it is, the answer is a normal name or none, never an error.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

import idna

LONGEST = 253
"""Characters of a name in DNS, without the trailing dot."""

_LONGEST_TYPED = 1_024
"""A longer text is no name; IDNA may drop characters (soft hyphens), so this is more than `LONGEST`."""

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PORT = re.compile(r":\d{0,5}\Z", re.ASCII)
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


def normalise(name: str) -> str | None:
    """Fold a host name to the one form that is compared: lower case, no port, no trailing dot, IDNA-encoded.

    None for what is not a name: empty, `-`, an address, an illegal label, more than 253 characters.
    """
    typed = name.strip()
    return _normalise(typed) if len(typed) <= _LONGEST_TYPED else None


@lru_cache(maxsize=16_384)
def _normalise(typed: str) -> str | None:
    folded = _PORT.sub("", typed.lower()).removesuffix(".")
    if not folded.isascii():
        folded = _encoded(folded) or ""
    if len(folded) > LONGEST or not _NAME.fullmatch(folded):
        return None
    # A last label that is a number makes the whole an IPv4 address to every client, however it is written.
    return None if _NUMBER.fullmatch(folded.rpartition(".")[2]) else folded


def _encoded(name: str) -> str | None:
    """IDNA 2008 as clients do it (UTS 46), label by label: an underscore beside an umlaut is no reason to give up."""
    try:
        mapped = idna.uts46_remap(name, std3_rules=False).removesuffix(".")
        return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split("."))
    except UnicodeError:  # idna.IDNAError is one
        return None


# The authority ends where no client would read on. What only *may* end it (a bracket after a URL in prose, but legal in a
# password) is looked at afterwards, so that neither spelling hides the host.
_URL = re.compile(r"(?:https?|wss?|ftps?):(?:\\?/|\\){2,4}([^\s\"'`<>/\\?#\x00-\x1f]{1,1024})", re.IGNORECASE)
_WEBDAV = re.compile(r"\\\\([^\s\"'<>|/\\@]{1,255})@(?:ssl|\d{1,5})(?:@\d{1,5})?\\", re.IGNORECASE)
_MAY_END = re.compile(r"[\])}(,;|&^$*!]")


_CACHED_TEXT = 4_096
"""Longer texts are read anew each time, so that the memory they take is bounded."""


def hosts_in(text: str) -> tuple[str, ...]:
    r"""The host names of the URLs in a command line or script, each once, in order of appearance.

    Reads http, https, ws, wss, ftp and ftps URLs, also with JSON-escaped or backward slashes, and WebDAV shares
    (`\\host@SSL\…`). Time is linear in the text; addresses are not names.
    """
    return _hosts_in_cached(text) if len(text) <= _CACHED_TEXT else _hosts_in(text)


def _hosts_in(text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for url in _URL.finditer(text):
        authority = url[1]
        for spelling in (authority, _MAY_END.split(authority, maxsplit=1)[0]):
            _add(spelling.rpartition("@")[2], found)
    for share in _WEBDAV.finditer(text):
        _add(share[1], found)
    return tuple(found)


_hosts_in_cached = lru_cache(maxsize=4_096)(_hosts_in)


def _add(written: str, found: dict[str, None]) -> None:
    bare = _MAY_END.split(written, maxsplit=1)[0]
    host = normalise(unquote(bare).rstrip(".") if "%" in bare else bare.rstrip("."))
    if host is not None:
        found[host] = None
