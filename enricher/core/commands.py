"""Signs in command lines and scripts. Pure text work in linear time: lines come from attackers and may be a megabyte long.

Source: the `command.*` table of the severity model (docs/severity.md), with Elastic's and Sigma's rules behind it.
"""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from binascii import Error as NotBase64
from codecs import getincrementaldecoder
from collections.abc import Iterator
from itertools import islice

from enricher.core.remembered import remembered

_DASH = "[-/\u2013\u2014\u2015]"
_ENCODED_ARGUMENT = re.compile(
    rf"(?:^|\s){_DASH}(?:e|ec|en|enc|enco|encod|encode|encoded|encodedc\w{{0,13}})(?:\s+|:)[\"']?([A-Za-z0-9+/]{{8,}}={{0,2}})",
    re.IGNORECASE,
)
_FROM_BASE64 = re.compile(r"FromBase64String\s{0,8}\(?\s{0,8}\\?[\"']{1,2}([A-Za-z0-9+/]{8,}={0,2})\\?[\"']", re.IGNORECASE)
_FROM_BASE64_CALL = re.compile(r"FromBase64String", re.IGNORECASE)
_DEFLATED = re.compile(r"DeflateStream", re.IGNORECASE)
_LONG_BASE64 = re.compile(r"[A-Za-z0-9+/]{120}")
_POWERSHELL = re.compile(r"(?:powershell|pwsh)", re.IGNORECASE)

_FLAGS: dict[str, re.Pattern[str]] = {
    "hidden": re.compile(rf"(?:^|\s){_DASH}w[a-z]{{0,10}}[\s:]+[\"']?(?:hidden|1)\b", re.IGNORECASE),
    "no_profile": re.compile(rf"(?:^|\s){_DASH}nop[a-z]{{0,6}}\b", re.IGNORECASE),
    "bypass": re.compile(rf"(?:^|\s){_DASH}(?:ep|ex[a-z]{{0,13}})[\s:]+[\"']?(?:bypass|unrestricted)\b", re.IGNORECASE),
    "download": re.compile(r"\bdownload(?:string|file|data)", re.IGNORECASE),
    "execute": re.compile(
        r"\b(?:iex|invoke-expression)\b|\|\s{0,8}(?:/(?:\w{1,8}/){1,3})?(?:ba|da|k|z)?sh\b", re.IGNORECASE
    ),
}
_FETCH = re.compile(r"\b(?:iwr|irm|curl|wget|invoke-webrequest|invoke-restmethod)\b", re.IGNORECASE)
_SLEEP = re.compile(r"\b(?:start-)?sleep\b", re.IGNORECASE)
_LOOP = re.compile(
    r"for\s+/l\s+%|\bfor\s?\(|\bfor\s+%{0,2}\w{1,32}\s+in\b|\bwhile\b|\bdo\s?\{|\b\d{1,9}\.\.\d{1,9}\b|\bsetInterval\(",
    re.IGNORECASE,
)
_INLINE = re.compile(
    r"javascript:|vbscript:|scrobj\.dll|/i:http|RunHTMLApplication|GetObject\(\s?[\"']script:|script:http|/format:[\"']?http"
    r"|-urlcache\b|/urlcache\b|/transfer\b",
    re.IGNORECASE,
)
_ONE_LINER = re.compile(r"\bdownload|https?://", re.IGNORECASE)
_DRIVEN = re.compile(r"--headless|--remote-debugging-", re.IGNORECASE)
_HEADLESS = re.compile(r"--headless\b|--remote-debugging-(?:port|pipe)\b", re.IGNORECASE)
LONG_LINE = 100
_MAX_OF_A_TEXT = 3
_MAX_DECODED = 6
MAX_INFLATED = 32_768
"""Bytes that the compressed literals of one text may grow to, together: a bomb costs no more than this."""
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW, _RAW_WINDOW = 31, -15
_MOST_UNPRINTABLE = 0.1


@remembered(512)
def decoded_forms(line: str) -> tuple[str, ...]:
    """What base64 in a line decodes to, and what base64 in that decodes to: the outer texts first, at most six.

    Read are arguments of -EncodedCommand (UTF-16LE) and literals of FromBase64String (UTF-8 or UTF-16LE; through gzip, and
    through deflate where the text names DeflateStream). Of one text at most three, and `MAX_INFLATED` bytes of compressed ones.
    """
    outer = tuple(islice(_decoded(line), _MAX_OF_A_TEXT))
    inner = (text for form in outer for text in islice(_decoded(form), _MAX_OF_A_TEXT))
    return (*outer, *inner)[:_MAX_DECODED]


def _decoded(text: str) -> Iterator[str]:
    for found in _ENCODED_ARGUMENT.finditer(text):
        if plain := _plain(_bytes(found[1]), "utf-16-le"):
            yield plain
    room, deflated = MAX_INFLATED, _DEFLATED.search(text) is not None
    for found in _FROM_BASE64.finditer(text):
        raw = _bytes(found[1])
        if room and (deflated or raw.startswith(_GZIP)):
            inflated = _inflated(raw, room)
            room -= len(inflated)
            raw = inflated or raw
        if plain := _plain(raw, "utf-16-le" if _is_wide(raw) else "utf-8"):
            yield plain


def _bytes(blob: str) -> bytes:
    """What the blob stands for; empty where it is no base64."""
    try:
        return b64decode(blob + "=" * (-len(blob) % 4), validate=True)
    except NotBase64:
        return b""


def _inflated(raw: bytes, at_most: int) -> bytes:
    """The beginning of a gzip or deflate stream, as far as it is sound; empty where it is none."""
    window = _GZIP_WINDOW if raw.startswith(_GZIP) else _RAW_WINDOW
    try:
        return zlib.decompressobj(window).decompress(raw, at_most)
    except zlib.error:
        return b""


def _is_wide(raw: bytes) -> bool:
    """UTF-16LE of a command: every other byte is zero, or nearly. Without this any bytes at all are text, of a sort."""
    return raw[1::2].count(0) * 2 > len(raw[1::2])


def _plain(raw: bytes, encoding: str) -> str | None:
    """The bytes as text a person could read, a torn last character left out; None where they are none."""
    try:
        text = getincrementaldecoder(encoding)().decode(raw)
    except UnicodeDecodeError:
        return None
    unprintable = sum(not (char.isprintable() or char in "\r\n\t") for char in text)
    return text.replace("\x00", "") if text and unprintable <= _MOST_UNPRINTABLE * len(text) else None


def encoded(line: str, name: str) -> str | None:
    """How the line hides what it runs, in words; None where it does not. `name` is the program's."""
    if (_POWERSHELL.search(name) or _POWERSHELL.search(line)) and _ENCODED_ARGUMENT.search(line):
        return "-EncodedCommand"
    if _FROM_BASE64_CALL.search(line):
        return "FromBase64String"
    return "120 base64 characters in a row" if _LONG_BASE64.search(line) else None


def flags(line: str) -> frozenset[str]:
    """Kinds of flags present: hidden, no_profile, bypass, download, execute, sleep_loop."""
    found = {kind for kind, pattern in _FLAGS.items() if pattern.search(line)}
    if _FETCH.search(line) and _SLEEP.search(line) and loops(line):
        found.add("sleep_loop")
    return frozenset(found)


def loops(line: str) -> bool:
    """The line repeats something."""
    return _LOOP.search(line) is not None


def inline(line: str) -> str | None:
    """The inline script or download switch the line holds, as written."""
    found = _INLINE.search(line)
    return found.group(0) if found else None


def headless(line: str) -> bool:
    """A browser told to run unseen or under remote control."""
    return _HEADLESS.search(line) is not None


def driven(line: str) -> bool:
    """The same, with any other switch of remote control: enough to lift the browser's cap, not to add points."""
    return _DRIVEN.search(line) is not None


def one_liner(line: str, name: str = "") -> bool:
    """A pasted command: over 100 characters with a URL, an encoding, `download…` or `execute`. `name` is the program's."""
    if len(line) <= LONG_LINE:
        return False
    return bool(_ONE_LINER.search(line) or encoded(line, name) or "execute" in flags(line))


def names_host(line: str, host: str) -> bool:
    """The host stands in the line as a name of its own, not as a part of a longer one."""
    lowered, start = line.lower(), 0
    while (at := lowered.find(host, start)) >= 0:
        before = lowered[at - 1] if at else " "
        after = lowered[at + len(host) : at + len(host) + 2]
        if not (before.isalnum() or before in ".-_") and not (
            after[:1].isalnum() or after[:1] in {"-", "_"} or _goes_on(after)
        ):
            return True
        start = at + len(host)
    return False


def _goes_on(after: str) -> bool:
    """A dot that is followed by another label."""
    return after[:1] == "." and after[1:2].isalnum()
