"""What a tuning rule compares with, compiled: exact texts where they suffice, else google-re2, which takes linear time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import re2

from enricher.core.catalog import Catalog
from enricher.core.hostnames import normalise
from enricher.core.matcher import Expression, Matcher
from enricher.core.paths import folder_of, path_form

_PROBES = (
    b"",
    b"x",
    b"0",
    b"c:\\nowhere\\at\\all.exe",
    b"/nowhere/at/all",
    b"nobody",
    b"nowhere\\nobody",
    b"nobody@nowhere.example",
    b"any.name.example",
    b"any-host-01",
    b"all.exe /x http://any.example/",
)
_SHA256 = re.compile(r"(?:sha256[:=])?([0-9a-f]{64})")
_OPEN = re.compile(r"(?:\^|\\A)(?:\(\?\w+\))?\.[*+]\??(?:.*[^\\])?\.[*+]\??(?:\$|\\z)", re.DOTALL)
"""An expression that is anchored by its letters only."""
_ENDS = re.compile(r"(?<!\\)(?:\\\\)*\$\Z|\\z\Z")
MOST_STEPS = 2_000
"""Of a compiled expression. Time is linear in the text, and this is what it is multiplied with."""


def matcher(name: str, texts: Sequence[str], catalog: Catalog) -> Matcher:
    """A condition, or a scope. Raises ValueError, saying what is wrong and what would be right."""
    exact: set[str] = set()
    expressions: list[Expression] = []
    for text in texts:
        read = _read(name, text, catalog)
        if isinstance(read, str):
            exact.add(read)
        else:
            expressions.append(read)
    return Matcher(frozenset(exact), tuple(expressions))


def _read(name: str, text: str, catalog: Catalog) -> str | Expression:
    if text.startswith("re:"):
        return _expression(name, text.removeprefix("re:"))
    if name in {"image", "parent", "ancestor", "chain"}:
        return _path(text)
    return _host(text) if name == "hosts" else _exact(name, text, catalog)


def _exact(name: str, text: str, catalog: Catalog) -> str:
    folded = text.strip().lower()
    if name == "tenant":
        return _tenant(folded, catalog)
    if name == "hostname":
        return _hostname(folded, catalog)
    if name == "hash":
        digest = _SHA256.fullmatch(folded)
        if digest is None:
            raise ValueError(f"{text!r} is no SHA-256; write its 64 hexadecimal digits (others can be forged)")
        return digest[1]
    if "*" in folded:
        raise ValueError(f"{text!r}: '*' is not read here; write it out, or an anchored 're:^…$'")
    if not folded:
        raise ValueError(f"{text!r} is blank")
    return folded


def _tenant(name: str, catalog: Catalog) -> str:
    if "*" in name:
        raise ValueError(f"{name!r}: tenants are compared whole; list each")
    match = catalog.match(name)
    if match is not None and match.tenant is None:
        raise ValueError(f"{name!r} is shared by all customers of {match.platform.name}, so it is nobody's tenant")
    if not catalog.is_tenant(name):
        raise ValueError(f"{name!r} is no tenant of a platform in the catalog; a suffix alone is every customer")
    return name


def _hostname(name: str, catalog: Catalog) -> str:
    host = normalise(name)
    if host is None or catalog.match(host) is None:
        raise ValueError(f"{name!r} is no name of a platform in the catalog, so it would never match")
    return host


def _path(text: str) -> str | Expression:
    form = path_form(text)
    if not folder_of(form).strip("\\/"):
        raise ValueError(f"{text!r} has no folder; write the whole path, or any folder will do")
    if form.count("*") > 1:
        raise ValueError(f"{text!r}: at most one '*', for one part such as a version folder")
    return _compiled(re2.escape(form).replace(r"\*", r"[^\\/]*")) if "*" in form else form


def _host(text: str) -> str | Expression:
    folded = text.strip().lower()
    if not re.search(r"[a-z0-9]{3}", folded):
        raise ValueError(f"{text!r} is any host; name some")
    return _compiled(re2.escape(folded).replace(r"\*", r"[^.]*")) if "*" in folded else folded


def _expression(name: str, pattern: str) -> Expression:
    if name in {"tenant", "hash", "groups"}:
        raise ValueError(f"'re:' is not read here; write each {name.removesuffix('s')} out")
    if not (pattern.startswith(("^", r"\A")) and _ENDS.search(pattern)):
        raise ValueError(f"'re:{pattern}' is not anchored; begin with '^' and end with '$'")
    expression = _compiled(pattern)
    if any(expression.fullmatch(probe) for probe in _PROBES):
        raise ValueError(f"'re:{pattern}' fits anything; say what must be there")
    if _OPEN.fullmatch(pattern):
        raise ValueError(f"'re:{pattern}' fits with anything before and after; say how it begins or ends")
    return expression


def _compiled(pattern: str) -> Expression:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(f"'re:{pattern}' cannot be read: {_reason(error)}") from error
    if compiled.programsize > MOST_STEPS:
        raise ValueError(
            f"'re:{pattern}' grows to {compiled.programsize} steps; at most {MOST_STEPS}, so repeat less, or split the rule"
        )
    return cast("Expression", compiled)


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
