"""`config/tuning/*.yml` → tuning rules, behind the guards that keep a rule from hiding what it was not written for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from enricher.content.documents import Document, Problems
from enricher.content.estate import MaintenanceEntry, build_window
from enricher.content.tuning_entry import DEFAULT_LIFE, FactsEntry, TuningEntry
from enricher.content.tuning_guards import Refused, check_breadth, check_entry, listed
from enricher.content.tuning_matchers import matcher
from enricher.core.catalog import Catalog
from enricher.core.matcher import Matcher
from enricher.core.paths import path_form
from enricher.core.rules import TuningRule
from enricher.core.tune import TuningFacts, applies
from enricher.model import Severity

Guard = Callable[[TuningRule], str | None]
"""Says why a rule may not be loaded (it hides a malicious case of the corpus), or None."""


def read_tuning(
    entries: Sequence[TuningEntry], document: Document, catalog: Catalog, guard: Guard | None, problems: Problems
) -> list[TuningRule]:
    """The rules of one file that pass; the problems of those that do not are noted."""
    rules = []
    for i, entry in enumerate(entries):
        try:
            check_entry(entry, catalog)
            rule = _rule(entry, f"{document.file.name}:{document.line((i,))}", catalog)
            _run_tests(entry, rule)
            _ask(guard, rule)
        except Refused as refused:
            problems.add(document.file.shown, document.line((i, *refused.where)), f"rule {entry.id!r}: {refused.message}")
            continue
        rules.append(rule)
    return rules


def _rule(entry: TuningEntry, source: str, catalog: Catalog) -> TuningRule:
    scope = {name: listed(value) for name, value in entry.scope if value is not None}
    conditions = {name: listed(value) for name, value in entry.conditions if value is not None}
    return TuningRule(
        id=entry.id,
        version=entry.version,
        owner=entry.owner,
        approver=", ".join(listed(entry.approver)),
        reason=entry.reason,
        ticket=entry.ticket,
        created=entry.created,
        expires=entry.expires or entry.created + DEFAULT_LIFE,
        scope=scope,
        conditions=conditions,
        effect=entry.effect,
        amount=entry.amount or 0.0,
        cap_at=Severity(entry.cap_at) if entry.cap_at else None,
        mode=entry.mode,
        schedule=tuple(map(build_window, _windows(entry.conditions.schedule))),
        ends_when_unmatched_days=entry.ends_when_unmatched_days,
        source=source,
        tests={name: [one.model_dump(exclude_unset=True) for one in examples] for name, examples in entry.tests},
        matchers=dict(_matchers(scope, conditions, catalog)),
    )


def _windows(written: MaintenanceEntry | list[MaintenanceEntry] | None) -> list[MaintenanceEntry]:
    return [] if written is None else written if isinstance(written, list) else [written]


def _matchers(
    scope: Mapping[str, Sequence[str]], conditions: Mapping[str, Sequence[str]], catalog: Catalog
) -> Iterator[tuple[str, Matcher]]:
    for name, texts in scope.items():
        yield f"scope.{name}", _matcher(("scope", name), texts, catalog)
    for name, texts in conditions.items():
        if name == "chain":
            for place, text in enumerate(texts, start=1):
                yield f"chain.{place}", _matcher(("conditions", name), [text], catalog)
        elif name != "schedule":
            yield name, _matcher(("conditions", name), texts, catalog)


def _matcher(where: tuple[str, str], texts: Sequence[str], catalog: Catalog) -> Matcher:
    try:
        return matcher(where[1], texts, catalog)
    except ValueError as error:
        raise Refused(where, f"{'.'.join(where)}: {error}") from error


# --- its tests ------------------------------------------------------------------------------------------------------


def _run_tests(entry: TuningEntry, rule: TuningRule) -> None:
    first = entry.tests.must_match[0].model_dump(exclude_unset=True)
    for i, example in enumerate(entry.tests.must_match):
        facts = _facts(example.model_dump(exclude_unset=True))
        if not applies(rule, facts):
            raise Refused(("tests", "must_match"), f"test must_match[{i}]: the rule does not match")
        check_breadth(rule, facts)
    for i, example in enumerate(entry.tests.must_not):
        changed = example.model_dump(exclude_unset=True)
        if applies(rule, _facts(first | changed)):
            raise Refused(("tests", "must_not"), f"test must_not[{i}]: the rule matches with {_shown(changed)}")


def _ask(guard: Guard | None, rule: TuningRule) -> None:
    if guard is not None and (reason := guard(rule)) is not None:
        raise Refused((), f"would hide a known bad case: {reason}")


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
        contacts=tuple((at, at) for at in example.contacts),
    )
