"""`config/tuning/*.yml` → tuning rules, behind the guards that keep a rule from hiding what it was not written for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import re2

from enricher.content.documents import Document, Problems
from enricher.content.tuning_entry import DEFAULT_LIFE, LONGEST_LIFE, FactsEntry, TuningEntry
from enricher.core.catalog import Catalog
from enricher.core.hostnames import normalise
from enricher.core.matcher import Expression, Matcher
from enricher.core.paths import folder_of, path_form
from enricher.core.rules import TuningRule
from enricher.core.tune import YES, TuningFacts, applies
from enricher.model import Severity

Guard = Callable[[TuningRule], str | None]
"""Says why a rule may not be loaded (it hides a malicious case of the corpus), or None."""

FEWEST_CONDITIONS = 3
_SAME_KIND = {"ancestor": "parent", "hostname": "tenant"}
"""Conditions that count as one: the same thing said twice is not said more surely."""

_PATHS = frozenset({"image", "parent", "ancestor"})
_PROBES = (
    b"",
    b"x",
    b"0",
    b"c:\\nowhere\\at\\all.exe",
    b"/nowhere/at/all",
    b"nobody",
    b"any.name.example",
    b"all.exe /x http://any.example/",
)
_SHA256 = re.compile(r"(?:sha256[:=])?([0-9a-f]{64})")
_SUPPRESS_APPROVERS = 2


@dataclass(frozen=True, slots=True)
class _Wrong(Exception):
    """A guard's refusal: the way to the part of the entry, and what would be right."""

    where: tuple[str, ...]
    message: str


def read_tuning(
    entries: Sequence[TuningEntry], document: Document, catalog: Catalog, guard: Guard | None, problems: Problems
) -> list[TuningRule]:
    """The rules of one file that pass; the problems of those that do not are noted."""
    rules = []
    for i, entry in enumerate(entries):
        try:
            _check_people(entry)
            _check_times(entry)
            _check_effect(entry)
            _check_reach(entry, catalog)
            rule = _rule(entry, f"{document.file.name}:{document.line((i,))}", catalog)
            _run_tests(entry, rule)
            _ask(guard, rule)
        except _Wrong as wrong:
            problems.add(document.file.shown, document.line((i, *wrong.where)), f"rule {entry.id!r}: {wrong.message}")
            continue
        rules.append(rule)
    return rules


def _listed(value: str | list[str] | Literal[True] | None) -> tuple[str, ...]:
    if value is True:
        return (YES,)
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _check_people(entry: TuningEntry) -> None:
    approvers = {name.casefold() for name in _listed(entry.approver)}
    if entry.owner.casefold() in approvers:
        raise _Wrong(("approver",), f"{entry.owner!r} owns it and approves it; another must approve")
    if entry.effect == "suppress" and len(approvers) < _SUPPRESS_APPROVERS:
        raise _Wrong(("approver",), "'suppress' needs two approvers; name two, or use 'cap'")


def _check_times(entry: TuningEntry) -> None:
    expires = entry.expires or entry.created + DEFAULT_LIFE
    if expires <= entry.created:
        raise _Wrong(("expires",), "'expires' must be after 'created'")
    if expires - entry.created > LONGEST_LIFE:
        raise _Wrong(
            ("expires",), f"'expires' is {(expires - entry.created).days} days after 'created'; at most {LONGEST_LIFE.days}"
        )


def _check_effect(entry: TuningEntry) -> None:
    for effect, key, given in (("cap", "cap_at", entry.cap_at), ("subtract", "amount", entry.amount)):
        if entry.effect == effect and given is None:
            raise _Wrong(("effect",), f"effect {effect!r} needs {key!r}")
        if entry.effect != effect and given is not None:
            raise _Wrong((key,), f"{key!r} goes with effect {effect!r}, not {entry.effect!r}")


def _check_reach(entry: TuningEntry, catalog: Catalog) -> None:
    if not entry.scope.model_dump(exclude_none=True, include={"groups", "users", "hosts"}):
        raise _Wrong(("scope",), "'scope' is empty; name groups, users or hosts")
    named = set(entry.conditions.model_dump(exclude_none=True))
    kinds = {_SAME_KIND.get(name, name) for name in named}
    if len(kinds) < FEWEST_CONDITIONS:
        raise _Wrong(
            ("conditions",),
            f"{len(kinds)} conditions; at least {FEWEST_CONDITIONS} of image, parent or ancestor, command_line, user, "
            "tenant or hostname, hash",
        )
    if not named & {"tenant", "hash"}:
        raise _Wrong(("conditions",), _without_tenant(entry, catalog))


def _without_tenant(entry: TuningEntry, catalog: Catalog) -> str:
    for name in _listed(entry.conditions.hostname):
        match = catalog.match(name)
        if match is not None and match.tenant is None:
            return f"{name!r} is shared by all customers of {match.platform.name}: allowing it allows every one; add 'hash'"
    return "one condition must be 'tenant' or 'hash'"


def _rule(entry: TuningEntry, source: str, catalog: Catalog) -> TuningRule:
    parts: dict[str, dict[str, tuple[str, ...]]] = {
        part: {name: _listed(value) for name, value in written.items()}
        for part, written in (
            ("scope", entry.scope.model_dump(exclude_none=True)),
            ("conditions", entry.conditions.model_dump(exclude_none=True)),
        )
    }
    matchers = {f"scope.{name}": _matcher("scope", name, texts, catalog) for name, texts in parts["scope"].items()}
    matchers |= {name: _matcher("conditions", name, texts, catalog) for name, texts in parts["conditions"].items()}
    return TuningRule(
        id=entry.id,
        version=entry.version,
        owner=entry.owner,
        approver=", ".join(_listed(entry.approver)),
        reason=entry.reason,
        ticket=entry.ticket,
        created=entry.created,
        expires=entry.expires or entry.created + DEFAULT_LIFE,
        scope=parts["scope"],
        conditions=parts["conditions"],
        effect=entry.effect,
        amount=entry.amount or 0.0,
        cap_at=Severity(entry.cap_at) if entry.cap_at else None,
        mode=entry.mode,
        source=source,
        matchers=matchers,
    )


def _matcher(part: str, name: str, texts: Sequence[str], catalog: Catalog) -> Matcher:
    exact: set[str] = set()
    expressions: list[Expression] = []
    for text in texts:
        try:
            if text.startswith("re:"):
                expressions.append(_expression(name, text.removeprefix("re:")))
            elif name in _PATHS:
                expressions.append(_path(text))
            elif name == "hosts":
                expressions.append(_host_pattern(text))
            else:
                exact.add(_exact(name, text, catalog))
        except ValueError as error:
            raise _Wrong((part, name), f"{part}.{name}: {error}") from error
    return Matcher(frozenset(exact), tuple(expressions))


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


def _path(text: str) -> Expression:
    form = path_form(text)
    if not folder_of(form).strip("\\/"):
        raise ValueError(f"{text!r} has no folder; write the whole path, or any folder will do")
    if form.count("*") > 1:
        raise ValueError(f"{text!r}: at most one '*', for one part such as a version folder")
    return _compiled(re2.escape(form).replace(r"\*", r"[^\\/]*"))


def _host_pattern(text: str) -> Expression:
    folded = text.strip().lower()
    if not re.search(r"[a-z0-9]{3}", folded):
        raise ValueError(f"{text!r} is any host; name some")
    return _compiled(re2.escape(folded).replace(r"\*", r"[^.]*"))


def _expression(name: str, pattern: str) -> Expression:
    if name in {"tenant", "hash", "groups"}:
        raise ValueError(f"'re:' is not read here; write each {name.removesuffix('s')} out")
    if not (pattern.startswith(("^", r"\A")) and re.search(r"(?<!\\)(?:\\\\)*\$\Z|\\z\Z", pattern)):
        raise ValueError(f"'re:{pattern}' is not anchored; begin with '^' and end with '$'")
    expression = _compiled(pattern)
    if any(expression.fullmatch(probe) for probe in _PROBES):
        raise ValueError(f"'re:{pattern}' fits anything; say what must be there")
    return expression


def _compiled(pattern: str) -> Expression:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    try:
        return cast("Expression", re2.compile(pattern, options))
    except re2.error as error:
        raise ValueError(f"'re:{pattern}' cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _run_tests(entry: TuningEntry, rule: TuningRule) -> None:
    first = entry.tests.must_match[0].model_dump(exclude_unset=True)
    for i, example in enumerate(entry.tests.must_match):
        if not applies(rule, _facts(example.model_dump(exclude_unset=True))):
            raise _Wrong(("tests", "must_match"), f"test must_match[{i}]: the rule does not match")
    for i, example in enumerate(entry.tests.must_not):
        changed = example.model_dump(exclude_unset=True)
        if applies(rule, _facts(first | changed)):
            raise _Wrong(("tests", "must_not"), f"test must_not[{i}]: the rule matches with {_shown(changed)}")


def _ask(guard: Guard | None, rule: TuningRule) -> None:
    if guard is not None and (reason := guard(rule)) is not None:
        raise _Wrong((), f"would hide a known bad case: {reason}")


def _shown(changed: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in changed.items()) or "nothing changed"


def _facts(written: Mapping[str, object]) -> TuningFacts:
    example = FactsEntry.model_validate(written)
    return TuningFacts(
        host=example.host,
        groups=None if example.groups is None else frozenset(example.groups),
        user=example.user,
        image=example.image and path_form(example.image),
        parents=tuple(parent and path_form(parent) for parent in example.parents),
        command_line=example.command_line,
        tenant=example.tenant,
        hostname=example.hostname,
        hashes={name: digest.lower() for name, digest in example.hashes.items()},
        identity=frozenset(example.identity),
        maintenance=example.maintenance,
        service_account=example.service_account,
    )
