"""`config/` → `Rules`: what a detection engineer writes, read strictly, with every problem named at its line.

A folder of one's own is laid over the packaged one file by file. The estate and the tuning rules are a house's own: with a
folder of one's own, the packaged examples of those are not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from enricher.content import models
from enricher.content.detections import read_detections
from enricher.content.documents import Folder, Problems, packaged
from enricher.content.estate import EstateFile, build_estate
from enricher.content.further import OWN, DeliveryPlan, DestinationsFile, Further, plan_of
from enricher.content.platforms import read_catalog
from enricher.content.playbook import read_playbook
from enricher.content.severity import SeverityFile, policy
from enricher.content.tuning import Guard, read_tuning
from enricher.content.tuning_entry import TuningEntry, TuningFile
from enricher.content.validate import read
from enricher.core.catalog import Catalog
from enricher.core.estate import Estate
from enricher.core.rules import Browser, Folders, Processes, Rules, TuningRule
from enricher.errors import ConfigurationError

__all__ = ["DeliveryPlan", "Further", "Guard", "delivery_plan", "destinations", "load", "packaged"]


def load(directory: Path | None, *, guard: Guard | None = None) -> Rules:
    """Read everything the core decides by. `guard` may refuse a tuning rule, with its reason.

    Raises ConfigurationError with all problems, as `file:line: what is wrong and what would be right`.
    """
    problems = Problems()
    folder = Folder(directory, problems)
    catalog = read_catalog(folder.one("catalog/platforms.csv"), problems)
    detections = read_detections(folder, catalog, problems)
    processes = _one(folder, "catalog/processes.yml", models.ProcessesFile, problems)
    browsers = _browsers(folder, problems)
    folders = _one(folder, "catalog/folders.yml", models.FoldersFile, problems)
    lineage = _lineage(folder, problems)
    severity = _one(folder, "severity.yml", SeverityFile, problems)
    playbook = read_playbook(folder, catalog, detections, problems)
    estate = _estate(folder, problems)
    tuning = _tuning(folder, catalog, guard, problems)
    _destinations(folder, problems, catalog, estate)
    if problems or not (detections and catalog and processes and folders and severity):
        raise ConfigurationError(problems)
    return Rules(
        detections=detections,
        catalog=catalog,
        processes=_processes(processes),
        browsers=browsers,
        folders=Folders(**{name: tuple(globs) for name, globs in folders.model_dump().items()}),
        lineage=lineage,
        severity=policy(severity),
        estate=estate,
        tuning=tuning,
        playbook=playbook,
        digest=folder.digest(),
    )


def destinations(directory: Path | None) -> dict[str, Any]:
    """What `destinations.yml` says, by the names of the settings (`jira_url`); the environment wins over it.

    Raises ConfigurationError.
    """
    found, _ = _read_destinations(directory)
    return {f"{place}_{name}": value for place in OWN for name, value in found[place].items()}


def delivery_plan(directory: Path | None) -> DeliveryPlan:
    """What `destinations.yml` says of further destinations and of routes. Raises ConfigurationError."""
    return _read_destinations(directory)[1]


def _read_destinations(directory: Path | None) -> tuple[Mapping[str, Mapping[str, Any]], DeliveryPlan]:
    problems = Problems()
    found = _destinations(Folder(directory, problems), problems)
    if problems:
        raise ConfigurationError(problems)
    return found


def _destinations(
    folder: Folder, problems: Problems, catalog: Catalog | None = None, estate: Estate | None = None
) -> tuple[Mapping[str, Mapping[str, Any]], DeliveryPlan]:
    """The settings in the file, by destination, and the rest of it. With catalog and estate, routes are held to those."""
    file = folder.optional("destinations.yml")
    found = read(file, TypeAdapter(DestinationsFile), problems) if file else None
    if not found:
        return {place: {} for place in OWN}, DeliveryPlan()
    entry, document = found
    plan = plan_of(entry, document, catalog=catalog, estate=estate, problems=problems)
    return entry.model_dump(exclude_none=True, include=set(OWN)), plan


def _one(folder: Folder, name: str, shape: type[models.S], problems: Problems) -> models.S | None:
    found = read(folder.one(name), TypeAdapter(shape), problems)
    return found[0] if found else None


def _browsers(folder: Folder, problems: Problems) -> tuple[Browser, ...]:
    found = read(folder.one("catalog/browsers.yml"), TypeAdapter(list[models.BrowserEntry]), problems)
    return tuple(Browser(names=frozenset(entry.names), folders=tuple(entry.folders)) for entry in found[0]) if found else ()


def _lineage(folder: Folder, problems: Problems) -> dict[str, tuple[str, ...]]:
    """Name groups. Which there are is decided by the code that asks for them; the packaged file has them all."""
    shape = TypeAdapter(dict[models.Text, models.Names])
    found = read(folder.one("catalog/lineage.yml"), shape, problems)
    if not found:
        return {}
    groups, document = found
    if folder.directory is not None:
        known = read(Folder(None, problems).one("catalog/lineage.yml"), shape, problems)
        expected = set(known[0]) if known else set()
        for name in sorted(groups.keys() - expected):
            problems.add(document.file.shown, document.line((name,)), f"unknown key {name!r}")
        for name in sorted(expected - groups.keys()):
            problems.add(document.file.shown, 1, f"{name!r} is missing")
    return {name: tuple(names) for name, names in groups.items()}


def _processes(file: models.ProcessesFile) -> Processes:
    return Processes(
        classes={name: frozenset(names) for name, names in file.classes.items()},
        families=file.families,
        tool_classes=frozenset(file.tool_classes),
        system_names=frozenset(file.system_names),
        system_folders=tuple(file.system_folders),
        carriers=tuple(file.carriers),
    )


def _estate(folder: Folder, problems: Problems) -> Estate:
    file = folder.optional("estate.yml")
    found = read(file, TypeAdapter(EstateFile), problems) if file else None
    return build_estate(found[0]) if found else Estate()


def _tuning(folder: Folder, catalog: Catalog | None, guard: Guard | None, problems: Problems) -> tuple[TuningRule, ...]:
    """The rules of all files. Without a catalog their tenants cannot be checked, so only their shape is."""
    shape: TypeAdapter[list[TuningEntry]] = TypeAdapter(TuningFile)
    rules: dict[str, TuningRule] = {}
    for file in folder.several("tuning", default=False):
        found = read(file, shape, problems)
        if not found or catalog is None:
            continue
        for rule in read_tuning(*found, catalog, guard, problems):
            if rule.id in rules:
                line = int(rule.source.rpartition(":")[2])
                problems.add(file.shown, line, f"rule {rule.id!r} is already in {rules[rule.id].source}; ids are unique")
            rules.setdefault(rule.id, rule)
    return tuple(rules.values())
