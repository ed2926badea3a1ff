"""Which platforms a search or a rule of another product looks for: the catalog's, in named groups, and their names as expressions.

What finds an event elsewhere only has to lose none: the catalog judges again whatever is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from enricher.core.pattern import spellings
from enricher.core.rules import Browser, Detection, Platform, Rules

_GROUP_OF: Mapping[str, str] = {
    "function": "functions",
    "edge-worker": "functions",
    "api-gateway": "functions",
    "seed-compat": "functions",
    "paas": "hosting",
    "paas+function": "hosting",
    "backend-service": "hosting",
    "dev-sandbox": "hosting",
    "static+functions": "sites",
    "automation": "automation",
    "oast": "automation",
    "tunnel": "tunnels",
    "tunnel-agent": "tunnels",
}
"""Category of the catalog to the group that is searched for at once."""
OTHERS = "others"
ONLY_CONTEXT = "context"
_PROGRAM_FILES = "c:\\program files"
_MANY, _ONE = "**", "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Platforms that are looked for together, all of one detection."""

    name: str
    detection: Detection
    platforms: tuple[Platform, ...]


def looked_for(rules: Rules) -> tuple[Platform, ...]:
    """The platforms that can open a case by themselves, in the order of the catalog; not those that are context only."""
    return tuple(platform for platform in rules.catalog.platforms.values() if platform.scope != ONLY_CONTEXT)


def groups(rules: Rules, platforms: Iterable[Platform]) -> tuple[Group, ...]:
    """The platforms in groups such as `functions` or `tunnels`, each once; a detection's own part of a group has its id before it
    where a group is of several.
    """
    found: dict[tuple[str, str], list[Platform]] = {}
    detections = {}
    for platform in platforms:
        detection = rules.detection_of(platform)
        detections[detection.id] = detection
        found.setdefault((_GROUP_OF.get(platform.category, OTHERS), detection.id), []).append(platform)
    shared = {name for name, of in found if any(other != of for one, other in found if one == name)}
    return tuple(
        Group(name=f"{_slug(of)}-{name}" if name in shared else name, detection=detections[of], platforms=tuple(some))
        for (name, of), some in found.items()
    )


def _slug(detection: str) -> str:
    return detection.lower().replace(".", "-")


def program_files_browsers(browsers: Iterable[Browser]) -> tuple[str, ...]:
    """Names of the browsers that live in the folder of programs, where only an administrator can write: a program elsewhere that is
    called like one is not left out of a search.
    """
    return tuple(
        sorted(
            name
            for browser in browsers
            if any(folder.startswith(_PROGRAM_FILES) for folder in browser.folders)
            for name in browser.names
        )
    )


# --- expressions ----------------------------------------------------------------------------------------------------


def names_of(platform: Platform) -> Iterator[str]:
    """A platform's pattern with its alternatives written out, such as `**.workers.dev` or `*.lambda-url.*.on.aws`."""
    return (spelling.text for spelling in spellings(platform.pattern))


def keyword(name: str) -> str:
    """The part of a pattern that every name of it has and that says most, for an index of words: one of a service's own, such as
    `lambda-url`, before the provider's domain; else the longest.
    """
    runs: list[list[str]] = [[]]
    for label in name.split("."):
        if "*" in label:
            runs.append([])
        else:
            runs[-1].append(label)
    return max((".".join(run) for run in runs), key=lambda run: ("-" in run, len(run)))


def keywords(names: Iterable[str]) -> list[str]:
    """Those of several patterns, without any that holds another."""
    words = sorted({keyword(name) for name in names}, key=lambda word: (len(word), word))
    kept: list[str] = []
    for word in words:
        if not any(word == shorter or word.endswith(f".{shorter}") for shorter in kept):
            kept.append(word)
    return sorted(kept)


def expression(names: Iterable[str]) -> str:
    """One expression (RE2) for the whole of a host name in small letters that fits any of the patterns, with or without a dot at
    its end. No part of it is repeated inside a repetition.
    """
    of_head: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        head, _, rest = name.partition(".")
        simple = head in {_MANY, _ONE} and "*" not in rest
        of_head.setdefault(head if simple else "", []).append(_escaped(rest if simple else name))
    parts = [*of_head.pop("", ())]
    parts += [f"{_STARS[head]}\\.({'|'.join(rests)})" for head, rests in of_head.items()]
    return f"^({'|'.join(parts)})\\.?$"


def suffixes(names: Iterable[str]) -> str:
    """Alternatives (RE2) for the end of a host name within a text, from the first label that is given. No part of it goes over a
    blank or a slash.
    """
    return "|".join(sorted({_suffix(name) for name in names}))


def _suffix(name: str) -> str:
    labels = name.split(".")
    while "*" in labels[0]:
        labels = labels[1:]
    return "\\.".join({_MANY: "[a-z0-9_.-]+", _ONE: "[a-z0-9_-]+"}.get(label, label) for label in labels)


_STARS = {_MANY: ".+", _ONE: "[^.]+"}


def _escaped(name: str) -> str:
    """One pattern as an expression. Beside stars it holds only a-z, 0-9, `-`, `_` and dots."""
    labels = [_STARS[label] if label in _STARS else label.replace("*", _STARS[_ONE]) for label in name.split(".")]
    return "\\.".join(labels)
