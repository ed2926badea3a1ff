"""Secrets in command lines and log text, masked before anybody reads them in a ticket or on a page.

By pattern, so it knows what it knows: bare positional passwords (`net use x Pass`) are not recognised (docs/limits.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "[masked]"

# Every repetition before a fixed word is bounded: these run over text that an attacker wrote.
_VALUE = r"""(?:\\?"[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s"'&;,]+)"""
_WORD = r"(?:passw(?:or)?d|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|credentials?)"
_SECRETS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # password=…, "client_secret": "…", /pass:…, AccountKey=…, $env:API_TOKEN='…'
        rf"""(?P<keep>(?<![\w-])[\w-]{{0,40}}{_WORD}[\w-]{{0,10}}["']?\s{{0,3}}[=:]\s{{0,3}}){_VALUE}""",
        # --password …, -Token …, /pwd …, -pw …
        rf"""(?P<keep>(?<!\S)(?:--?|/)(?:[\w-]{{0,40}}{_WORD}|pw|pass)\s{{1,3}}){_VALUE}""",
        rf"(?P<keep>(?<!\w)(?:pass|sig|sas|signature)\s{{0,3}}[=:]\s{{0,3}}){_VALUE}",
        r"""(?P<keep>\bauthorization["']?\s{0,3}[=:]\s{0,3}["']?(?:(?:basic|bearer|token|negotiate)\s{1,3})?)[^\s"']+""",
        r"(?P<keep>\b(?:basic|bearer)\s{1,3})[\w.~+/-]{8,}=*",
        rf"(?P<keep>\bConvertTo-SecureString\s{{1,3}}(?:-String\s{{1,3}})?){_VALUE}",
        # curl -u user:…, https://user:…@host
        r"""(?P<keep>(?<!\S)(?:-u|--user|--proxy-user)[\s=]{1,3}["']?[^\s:"']{1,100}:)[^\s"']+""",
        r"(?P<keep>\b[a-z][a-z0-9+.-]{1,15}://[^\s/@:]{0,100}:)[^\s/@]{1,200}(?=@)",
        # tokens that say themselves what they are
        r"(?P<keep>\bxox[abeoprs]-)[\w-]+",
        r"(?P<keep>\b(?:gh[opusr]_|github_pat_|glpat-|hf_|sk-|sk_live_|dop_v1_|ATATT3|whsec_))[\w=-]{8,}",
        r"(?P<keep>\b(?:AKIA|ASIA))[A-Z0-9]{12,}",
        r"(?P<keep>\beyJ)[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",
        r"(?P<keep>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----).*?(?:-----END|$)",
    )
)


_HINT = (
    r"pass|pw|secret|token|key|credential|sig|sas|authorization|basic|bearer|securestring|-u|@|xox|gh[opusr]_|github_pat"
    r"|glpat|hf_|sk[-_]|dop_v1|atatt3|whsec|akia|asia|eyj|private"
)
"""Something of every pattern above: a text without any of it, which is nearly every text, needs one pass instead of many."""
_HINT_IN_SMALL, _HINT_IN_ANY_CASE = re.compile(_HINT), re.compile(_HINT, re.IGNORECASE)
"""To ignore case takes ten times as long, and is only needed where more than one letter has the same small one."""


def mask(text: str) -> str:
    """`text` with what looks like a password, token or key replaced; the word before it stays."""
    if not (_HINT_IN_SMALL.search(text.lower()) if text.isascii() else _HINT_IN_ANY_CASE.search(text)):
        return text
    for pattern in _SECRETS:
        text = pattern.sub(_masked, text)
    return text


def masked(document: Any) -> Any:
    """A JSON document with the secrets in all of its texts masked."""
    if isinstance(document, str):
        return mask(document)
    if isinstance(document, Mapping):
        return {name: masked(value) for name, value in document.items()}
    return [masked(value) for value in document] if isinstance(document, list | tuple) else document


def _masked(match: re.Match[str]) -> str:
    return f"{match['keep']}{MASK}"
