"""The columns `serverless_platform` and `is_suspicious` of a search, by the catalog that judges here.

A host gets the row of the catalog that it gets here: rows are asked in the order of `Catalog`, each until the first that fits. What
a row outside the search takes before is left out of it. Every expression stands between `^` and `$`, for the documentation
does not say whether `matches` looks for a part or for the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from enricher.core.catalog import Excluded
from enricher.core.kit.forms import NAMES, SHORT, quoted, text
from enricher.core.kit.selection import expression
from enricher.core.pattern import Label, Spelling, Star, spellings
from enricher.core.rules import Platform, Processes, Rules

DEEPEST = 10
"""Conditions within one another: no limit is documented, and none is tried."""
NONE, OTHERS = "-", "--"
"""No row's so far; the name of a row that the search does not look for."""
_UNDER_TWO = re.compile(r"(\*\*|\*)\.([^.*]+\.[^.*]+)")
"""A pattern that is everything (`**`), or one label (`*`), under a domain of two labels: most are."""
_PYTHON = r"py(w|thon(w|[23]|[23]\.\d\d?)?)?"


@dataclass(frozen=True, slots=True)
class _Row:
    """One question: is the host this platform's? Asked in the order of `order`."""

    order: tuple[int, int, str]
    condition: str
    label: str


@dataclass(frozen=True)
class Labels:
    """Writes the operators that name the platform. Made once for a catalog: comparing its patterns takes a while."""

    rules: Rules

    def lines(self, platforms: Sequence[Platform]) -> list[str]:
        """Makes `dest_hostname` and `serverless_platform`; what is none of these platforms' is gone after the last line.

        On the way `h` is the name without a dot at its end, `d` its domain of two labels and `e` the same where one label is before.
        """
        asked, looked_up = (SHORT[name] for name in NAMES)
        rows = [row for platform in platforms for row in _rows(platform, spellings(platform.pattern), platform.name)]
        rows += [row for platform, some in self._others(platforms) for row in _rows(platform, some, OTHERS)]
        rows = [*self._own_hosts(platforms), *sorted(rows, key=lambda row: row.order)]
        left = f'!= "{NONE}"' if all(row.label != OTHERS for row in rows) else f"not in ({quoted((NONE, OTHERS), ',')})"
        return [
            f'if(event_id="22",{asked},{looked_up}) as h',
            "toLowerCase(h) as dest_hostname",
            'parse regex field=dest_hostname "^(?<h>.+?)\\.?$"',
            *_domains(rows),
            *_chain(rows),
            f"where serverless_platform {left}",
        ]

    def _own_hosts(self, platforms: Sequence[Platform]) -> Iterator[_Row]:
        """The providers' own hosts below a suffix, before any row: each is what the catalog makes of it, mostly nothing."""
        names = {platform.id: platform.name for platform in platforms}
        labels: dict[str, list[str]] = {}
        for host in sorted({host for platform in platforms for host in platform.exclude}):
            match = self.rules.catalog.match(host)
            labels.setdefault(names.get(match.platform.id, OTHERS) if match else OTHERS, []).append(host)
        for label, hosts in labels.items():
            yield _Row((-len(hosts), 0, ""), _condition("=", hosts), label)

    def _others(self, platforms: Sequence[Platform]) -> list[tuple[Platform, list[Spelling]]]:
        """Rows that are not looked for and take a name before one that is, with the patterns by which they do."""
        inside = {platform.id for platform in platforms}
        found: dict[str, dict[str, Spelling]] = {}
        for one in platforms:
            for spelling, of in self._before[one.id]:
                if of not in inside:
                    found.setdefault(of, {})[spelling.text] = spelling
        return [(self.rules.catalog.platforms[name], list(some.values())) for name, some in found.items()]

    def excluded(self, platforms: Iterable[Platform]) -> list[str]:
        """The providers' own hosts below these platforms' suffixes."""
        return sorted(
            host
            for platform in platforms
            for host in platform.exclude
            if isinstance(self.rules.catalog.lookup(host), Excluded)
        )

    @cached_property
    def _before(self) -> Mapping[str, list[tuple[Spelling, str]]]:
        """Platform to the patterns of others that come before one of its own and share a name with it."""
        every = [(one, spelling) for one in self.rules.catalog.platforms.values() for spelling in spellings(one.pattern)]
        by_end: dict[tuple[Label, ...], list[tuple[Platform, Spelling]]] = {}
        for platform, spelling in every:
            by_end.setdefault(spelling.labels[-2:], []).append((platform, spelling))
        found: dict[str, list[tuple[Spelling, str]]] = {platform.id: [] for platform, _ in every}
        for some in by_end.values():
            for (one, own), (other, theirs) in product(some, some):
                if one is not other and _order(other, theirs) < _order(one, own) and _share(own.labels, theirs.labels):
                    found[one.id].append((theirs, other.id))
        return found


def suspicious(processes: Processes) -> str:
    """The operator that makes `is_suspicious`: "1" where the image has a name of a tool's class, else "0"."""
    return f'if({SHORT["Image"]} matches /{tools(processes)}/,"1","0") as is_suspicious'


def tools(processes: Processes) -> str:
    r"""One expression for the whole path of a program of a tool's class. `\x2f` is the slash that would end it."""
    names = {name for kind in processes.tool_classes for name in processes.classes[kind]}
    python = f"|{_PYTHON}" if "python" in names else ""
    return rf"(?i)^(.*[\\\x2f])?({_any_of(names - {'python'})}{python})(\.(exe|com|scr))?$"


def browsers(names: Iterable[str]) -> str:
    """One expression for the whole path of a browser in the folder of programs, with its backslashes once or twice."""
    return rf"(?i)^C:\\+Program Files( \(x86\))?\\(.*\\)?({_any_of(names)})\.exe$"


def _any_of(words: Iterable[str]) -> str:
    """Alternatives for words, what they begin with written once: there are a hundred of them, and each search has them all."""
    of_first: dict[str, list[str]] = {}
    for word in sorted(set(words)):
        of_first.setdefault(word[:1], []).append(word[1:])
    ends = of_first.pop("", None) is not None
    parts = [_escaped(first) + _rest(rest) for first, rest in of_first.items()]
    return f"({'|'.join(parts)})?" if ends and parts else "|".join(parts)


def _rest(words: Sequence[str]) -> str:
    inner = _any_of(words)
    return f"({inner})" if "" not in words and len({word[0] for word in words}) > 1 else inner


def _escaped(name: str) -> str:
    return re.escape(name).replace("\\-", "-").replace("/", "\\x2f")


# --- platforms ------------------------------------------------------------------------------------------------------


def _order(platform: Platform, spelling: Spelling) -> tuple[int, int, str]:
    """The order of the catalog: what says most, then the lower weight, then the id."""
    return (-spelling.literals, platform.weight, platform.id)


def _rows(platform: Platform, some: Iterable[Spelling], label: str) -> Iterator[_Row]:
    """These of a platform's patterns, as few questions as their order and kind allow. A whole name comes before any pattern."""
    of: dict[tuple[tuple[int, int, str], str], list[str]] = {}
    for spelling in some:
        under = _UNDER_TWO.fullmatch(spelling.text)
        kind = {"**": "d", "*": "e"}[under[1]] if under else "h"
        if "*" not in spelling.text:
            of.setdefault(((-len(spelling.labels) - 1, platform.weight, platform.id), "="), []).append(spelling.text)
        else:
            of.setdefault((_order(platform, spelling), kind), []).append(under[2] if under else spelling.text)
    for (order, kind), names in of.items():
        yield _Row(order, _condition(kind, names), label)


def _condition(kind: str, names: Sequence[str]) -> str:
    if kind == "h":
        return f"h matches /^{_bare(expression(names))}$/"
    field = "h" if kind == "=" else kind
    return f"{field}={text(names[0])}" if len(names) == 1 else f"{field} in ({quoted(names, ',')})"


def _bare(whole: str) -> str:
    """An expression without its ends and the dot that `h` has no more; without its brackets where they are around one pattern."""
    inner = whole.removeprefix("^").removesuffix("\\.?$")
    return inner if "|" in inner else inner.replace("(", "").replace(")", "")


def _domains(rows: Sequence[_Row]) -> list[str]:
    """The lines for `d` and `e`, where they are asked for."""
    asked = {row.condition[0] for row in rows}
    lines = []
    if asked & {"d", "e"}:
        lines.append('parse regex field=h "^(?<s>.+)\\.(?<d>[^.]+\\.[^.]+)$" nodrop')
    if "e" in asked:
        lines.append('if(s matches /^[^.]+$/,d,"") as e')
    return lines


def _chain(rows: Sequence[_Row]) -> Iterator[str]:
    chunks = [rows[at : at + DEEPEST] for at in range(0, len(rows), DEEPEST)]
    for number, chunk in enumerate(chunks, start=1):
        nested = "".join(f"\nif({row.condition},{text(row.label)}," for row in chunk)
        nested = f'{nested}"{NONE}"{")" * len(chunk)}'.lstrip("\n")
        name = "serverless_platform" if number == len(chunks) else "p"
        yield f"{nested} as {name}" if number == 1 else f'if(p="{NONE}",{nested},p) as {name}'


def _share(one: Sequence[Label], other: Sequence[Label]) -> bool:
    """Whether there is a name that fits both."""
    longest = max(len(one), len(other)) + 1
    return any(
        len(a) == len(b) and all(map(_alike, a, b))
        for a in _written_out(one, longest)
        for b in _written_out(other, longest)
    )


def _written_out(labels: Sequence[Label], longest: int) -> Iterator[list[Label]]:
    """A pattern with `**` as one label, two labels, and so on."""
    if Star.MANY not in labels:
        yield list(labels)
        return
    at = labels.index(Star.MANY)
    for count in range(1, longest - len(labels) + 2):
        yield [*labels[:at], *([Star.ONE] * count), *labels[at + 1 :]]


def _alike(one: Label, other: Label) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    if isinstance(one, re.Pattern) and isinstance(other, str):
        return one.fullmatch(other) is not None
    if isinstance(one, str) and isinstance(other, re.Pattern):
        return other.fullmatch(one) is not None
    return True
