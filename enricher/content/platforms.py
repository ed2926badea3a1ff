"""`config/catalog/platforms.csv` → platforms. Strict: a catalog edit is a detection change."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from enricher.content.documents import File, Problems
from enricher.core.catalog import Catalog, tenant_labels
from enricher.core.hostnames import normalise
from enricher.core.pattern import fits, spellings
from enricher.core.ranges import publishers
from enricher.core.rules import Platform

COLUMNS = (
    "id", "platform", "provider", "category", "family", "pattern", "regex", "exclude", "example_match", "example_non_match",
    "tenant", "example_tenant", "shared", "tenant_note", "psl_private", "psl_rule", "psl_registrable_of_example", "expected_asn",
    "asn_confidence", "ip_ranges", "seed_pattern", "scope", "weight", "status", "public_ioc_count", "public_ioc_families",
    "known_use", "references", "notes",
)  # fmt: skip

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SEED = re.compile(r"(S(?:10|[1-9]))(?: .*)?")
_ASN = re.compile(r"AS(\d{1,10})")
_ONE_OF = {
    "scope": ("score", "context", "compat"),
    "status": ("active", "legacy", "retiring", "retired", "seed-only"),
    "asn_confidence": ("verified", "known", "unverified"),
}


@lru_cache(maxsize=1)
def registrable() -> Callable[[str], str | None]:
    """The registrable domain of a name by the Public Suffix List, private section included, as it came with the library."""
    ask: Callable[[str], str | None] = PublicSuffixList().privatesuffix
    return ask


def read_catalog(file: File | None, problems: Problems) -> Catalog | None:
    """The catalog of a file; None where any row is wrong: the problems are noted."""
    if file is None:
        return None
    before = len(problems)
    platforms: dict[str, Platform] = {}
    for line, row in _rows(file, problems):
        try:
            platform = _platform(row)
        except ValueError as error:
            problems.add(file.shown, line, str(error))
            continue
        if platform.id in platforms:
            problems.add(file.shown, line, f"id {platform.id!r} stands twice; ids are unique")
        platforms[platform.id] = platform
    return Catalog(platforms.values(), registrable()) if len(problems) == before else None


def _rows(file: File, problems: Problems) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with the line it begins on; a quoted field may hold line breaks."""
    reader = csv.reader(file.text.splitlines(keepends=True), strict=True)
    line = 1
    try:
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            wrong = [f"missing {name!r}" for name in COLUMNS if name not in header]
            wrong += [f"unknown {name!r}" for name in header if name not in COLUMNS]
            problems.add(file.shown, 1, f"columns: {', '.join(wrong) or 'wrong order'}; they are {','.join(COLUMNS)}")
            return
        line = reader.line_num + 1
        for fields in reader:
            if len(fields) != len(COLUMNS):
                problems.add(
                    file.shown, line, f"{len(fields)} fields, not {len(COLUMNS)}; put quotes around one with a comma"
                )
            else:
                yield line, dict(zip(COLUMNS, fields, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        problems.add(file.shown, line, f"is not CSV: {error}")


def _platform(row: Mapping[str, str]) -> Platform:
    """One row. Raises ValueError with one line that says what is wrong."""
    _check_words(row)
    platform = Platform(
        id=row["id"],
        name=row["platform"],
        provider=row["provider"],
        category=row["category"],
        family=row["family"],
        pattern=row["pattern"],
        exclude=_excluded(row),
        tenant=row["tenant"],
        shared=_listed(row["shared"]),
        expected_asn=_asns(row["expected_asn"]),
        asn_confidence=row["asn_confidence"],
        ranges=publishers(row["ip_ranges"], row["provider"]),
        seed_pattern=_seed_pattern(row["seed_pattern"]),
        scope=row["scope"],
        weight=int(row["weight"]),
        status=row["status"],
    )
    tenant_labels(platform)
    for pattern in platform.shared:
        spellings(pattern)
    return platform


def _check_words(row: Mapping[str, str]) -> None:
    for column in ("id", "family"):
        if not _ID.fullmatch(row[column]):
            raise ValueError(f"{column} {row[column]!r}: use small letters and digits with single hyphens")
    for column in ("platform", "provider", "category"):
        if not row[column].strip():
            raise ValueError(f"{column} is empty")
    for column, allowed in _ONE_OF.items():
        if row[column] not in allowed:
            raise ValueError(f"{column} {row[column]!r}: use one of {', '.join(allowed)}")
    if row["weight"] not in {"1", "2", "3", "4", "5"}:
        raise ValueError(f"weight {row['weight']!r}: use a whole number from 1 to 5")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _excluded(row: Mapping[str, str]) -> frozenset[str]:
    hosts, known = _listed(row["exclude"]), spellings(row["pattern"])
    for host in hosts:
        if normalise(host) != host:
            raise ValueError(f"exclude {host!r}: write an exact host name in small letters, never a pattern")
        if not any(fits(spelling, host.split(".")) for spelling in known):
            raise ValueError(f"exclude {host!r} is not a name of {row['pattern']!r}, so it excludes nothing")
    return frozenset(hosts)


def _asns(text: str) -> frozenset[int]:
    found = [(part, _ASN.fullmatch(part)) for part in _listed(text)]
    if wrong := [part for part, match in found if match is None]:
        raise ValueError(f"expected_asn {wrong[0]!r}: write AS and a number, separated by ';'")
    return frozenset(int(match[1]) for _, match in found if match)


def _seed_pattern(text: str) -> str | None:
    """Which of the seed's ten patterns meant these names or takes them by mistake; what it misses is none of its."""
    number = _SEED.fullmatch(text)
    if number is None and text != "-":
        raise ValueError(f"seed_pattern {text!r}: write '-', or S1 to S10 and a remark")
    return number[1] if number and "missed" not in text else None
