"""What a detection engineer writes in `config/`, as frozen values. `content.py` builds them; the core only reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from enricher.core.estate import Estate, Window
from enricher.core.matcher import Matcher
from enricher.core.tuning_index import TuningIndex
from enricher.model import Severity

if TYPE_CHECKING:
    from enricher.core.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One row of `config/catalog/platforms.csv`; columns as its header names them."""

    id: str
    name: str
    provider: str
    category: str
    family: str
    pattern: str
    exclude: frozenset[str] = frozenset()
    tenant: str = "psl"
    """`psl`, `label:N` or `none`."""
    shared: tuple[str, ...] = ()
    expected_asn: frozenset[int] = frozenset()
    asn_confidence: str = "unverified"
    ranges: frozenset[str] = frozenset()
    """Providers whose published files hold its addresses; as `core/ranges.py` calls them."""
    seed_pattern: str | None = None
    """`S1` … `S10` where one of the seed's ten patterns meant this row, else None."""
    scope: str = "score"
    """`score`, `context` or `compat`."""
    weight: int = 1
    status: str = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """`config/detections/*.yml`: what a case is opened for."""

    id: str
    name: str
    tactic: str
    url: str
    categories: frozenset[str] = frozenset()
    """Categories of platforms it speaks for; empty: all that no other detection names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """`config/catalog/processes.yml`: which program is of which class. Names are as `paths.name_of` folds them."""

    classes: Mapping[str, frozenset[str]]
    """Class to names, in the order in which classes are listed for an analyst; a name may be in two (`wmic`)."""
    families: Mapping[str, str]
    """Name to the one name that stands for all names of that program (`javaw` → `java`)."""
    tool_classes: frozenset[str]
    system_names: frozenset[str]
    system_folders: tuple[str, ...]
    carriers: tuple[str, ...]
    """Globs of names that legitimately carry another OriginalFileName."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """`config/catalog/browsers.yml`: one browser and the folders it lives in (globs in path form)."""

    names: frozenset[str]
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """`config/catalog/folders.yml`: globs in path form (`core/paths.py`: `**` any depth, `*` one part, `?`, `{a,b}`)."""

    protected: tuple[str, ...]
    protected_except: tuple[str, ...]
    usual: tuple[str, ...]
    writable: tuple[str, ...]
    more: tuple[str, ...]
    more_except: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityPolicy:
    """`config/severity.yml`. Sections are `group → name → points`; the ledger prints `group.name`."""

    bands: Mapping[Severity, float]
    """The lowest score of each band."""
    platform: Mapping[str, float]
    factor: Mapping[str, float]
    process: Mapping[str, float]
    process_by_name: Mapping[str, float]
    lineage: Mapping[str, float]
    identity: Mapping[str, float]
    path: Mapping[str, float]
    command: Mapping[str, float]
    behaviour: Mapping[str, float]
    dns: Mapping[str, float]
    context: Mapping[str, float]
    address: Mapping[str, float]
    cap: Mapping[str, Mapping[str, float]]
    verdict_malicious: float
    verdict_malicious_with_signs: tuple[float, float]
    """(score, signs)."""
    verdict_suspicious: float
    verdict_benign_tuned_below: float
    shadow: frozenset[str] = frozenset()
    floor: Mapping[str, float] = field(default_factory=dict)
    """Score that a finding has at least, by what it shows; 0 or none is no floor."""

    def band(self, score: float) -> Severity:
        """The highest band that begins at or below `score`."""
        return max(
            (s for s, start in self.bands.items() if score >= start), key=lambda s: s.rank, default=Severity.INFORMATIONAL
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRule:
    """`config/tuning/*.yml`, one entry: an exception with an owner, a reason and an end.

    `conditions` maps a condition's name (`image`, `parent`, `ancestor`, `chain`, `command_line`, `user`, `tenant`, `hostname`,
    `hash`) to what it must be, `scope` (`groups`, `users`, `hosts`, `maintenance`, `service_account`) to where the rule may act at all,
    both as written in the file;
    text is compared in path form or lower case, a `re:` value is an anchored google-re2 pattern, a list means any of them, but of
    `chain`, which is the parent, its parent …, each in its place.
    All must hold; a condition whose evidence is missing does not hold.
    """

    id: str
    version: int
    owner: str
    approver: str
    """Two names, with a comma, where `suppress` needs two."""
    reason: str
    ticket: str
    created: date
    expires: date
    scope: Mapping[str, Sequence[str]]
    conditions: Mapping[str, Sequence[str]]
    effect: str
    """`cap`, `subtract` or `suppress`."""
    amount: float = 0.0
    """Points, for `subtract`."""
    cap_at: Severity | None = None
    mode: str = "shadow"
    """`shadow` or `live`."""
    schedule: tuple[Window, ...] = ()
    """Every contact must fall into one of these; empty: at any time."""
    ends_when_unmatched_days: int | None = None
    """After so many days without a match the rule is no longer in force; None: only `expires` ends it."""
    source: str = ""
    """`file:line`, for messages."""
    tests: Mapping[str, Sequence[Mapping[str, object]]] = field(default_factory=dict, compare=False, repr=False)
    """`must_match` and `must_not` as written: all held when the file was read, else there would be no rule."""
    matchers: Mapping[str, Matcher] = field(default_factory=dict, compare=False, repr=False)
    """`conditions`, and `scope` as `scope.groups` …, compiled; a rule without any matches nothing."""


OfBand = Mapping[str, tuple[str, ...]]
"""Severity to the lines of a playbook."""

PLACES = frozenset({"host", "tenant", "user", "platform", "process", "since", "guid"})
"""What a line of a playbook may ask to be filled in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """`config/playbook.yml`: lines for every case, and lines that a detection, a category or a platform adds."""

    bands: OfBand = field(default_factory=dict)
    detections: Mapping[str, OfBand] = field(default_factory=dict)
    categories: Mapping[str, OfBand] = field(default_factory=dict)
    platforms: Mapping[str, OfBand] = field(default_factory=dict)

    def lines(self, band: str, detection: Detection, platform: Platform) -> list[str]:
        """From the general to the special, each line once."""
        special = (
            self.detections.get(detection.id, {}),
            self.categories.get(platform.category, {}),
            self.platforms.get(platform.id, {}),
        )
        return list(dict.fromkeys(line for of in (self.bands, *special) for line in of.get(band, ())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything the core decides by."""

    detections: tuple[Detection, ...]
    """By id. One of them speaks for each category of the catalog."""
    catalog: Catalog
    processes: Processes
    browsers: tuple[Browser, ...]
    folders: Folders
    lineage: Mapping[str, tuple[str, ...]]
    """`config/catalog/lineage.yml`: group to program names (or path globs, where the group's name ends in `_paths`)."""
    severity: SeverityPolicy
    estate: Estate = field(default_factory=Estate)
    tuning: tuple[TuningRule, ...] = ()
    playbook: Playbook = field(default_factory=Playbook)
    lookback: timedelta = timedelta(days=1)
    digest: str = ""
    """SHA-256 over the files these came from: the same digest, the same judgement."""
    tuning_index: TuningIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tuning_index", TuningIndex.of(self.tuning))

    def detection_of(self, platform: Platform) -> Detection:
        """The detection that names the platform's category, else the one that names none and so speaks for the rest."""
        named = (one for one in self.detections if platform.category in one.categories)
        return next(named, None) or next(one for one in self.detections if not one.categories)
