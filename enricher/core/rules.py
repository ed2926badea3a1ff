"""What a detection engineer writes in `config/`, as frozen values. `content.py` builds them; the core only reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from enricher.core.estate import Estate
from enricher.core.matcher import Matcher
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

    def band(self, score: float) -> Severity:
        """The highest band that begins at or below `score`."""
        return max(
            (s for s, start in self.bands.items() if score >= start), key=lambda s: s.rank, default=Severity.INFORMATIONAL
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRule:
    """`config/tuning/*.yml`, one entry: an exception with an owner, a reason and an end.

    `conditions` maps a condition's name (`image`, `parent`, `ancestor`, `command_line`, `user`, `tenant`, `hostname`, `hash`)
    to what it must be, `scope` (`groups`, `users`, `hosts`, `maintenance`, `service_account`) to where the rule may act at all,
    both as written in the file;
    text is compared in path form or lower case, a `re:` value is an anchored google-re2 pattern, a list means any of them.
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
    source: str = ""
    """`file:line`, for messages."""
    matchers: Mapping[str, Matcher] = field(default_factory=dict, compare=False, repr=False)
    """`conditions`, and `scope` as `scope.groups` …, compiled; a rule without any matches nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything the core decides by."""

    detection: Detection
    catalog: Catalog
    processes: Processes
    browsers: tuple[Browser, ...]
    folders: Folders
    lineage: Mapping[str, tuple[str, ...]]
    """`config/catalog/lineage.yml`: group to program names (or path globs, where the group's name ends in `_paths`)."""
    severity: SeverityPolicy
    estate: Estate = field(default_factory=Estate)
    tuning: tuple[TuningRule, ...] = ()
    next_steps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Band to playbook lines; `{host}`, `{tenant}`, `{user}`, `{platform}`, `{process}` are filled in."""
    lookback: timedelta = timedelta(days=1)
    digest: str = ""
    """SHA-256 over the files these came from: the same digest, the same judgement."""
