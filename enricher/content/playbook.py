"""`config/playbook.yml` → the playbook."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import TypeAdapter

from enricher.content.documents import Document, Folder, Problems
from enricher.content.models import BandLines, PlaybookFile
from enricher.content.validate import read
from enricher.core.catalog import Catalog
from enricher.core.rules import Detection, OfBand, Playbook
from enricher.model import Severity


def read_playbook(
    folder: Folder, catalog: Catalog | None, detections: Collection[Detection], problems: Problems
) -> Playbook:
    """The playbook. A house's own may name only detections, categories and platforms that there are; problems are noted.

    The packaged one may name more than a house has: its lines for those are never asked for.
    """
    found = read(folder.one("playbook.yml"), TypeAdapter(PlaybookFile), problems)
    if not found:
        return Playbook()
    file, document = found
    if catalog and detections and folder.has("playbook.yml"):
        platforms = catalog.platforms
        _check(document, "detections", file.detections, {one.id for one in detections}, problems)
        _check(document, "categories", file.categories, {one.category for one in platforms.values()}, problems)
        _check(document, "platforms", file.platforms, platforms, problems)
    return Playbook(
        bands=_of_band(file),
        detections=_each(file.detections),
        categories=_each(file.categories),
        platforms=_each(file.platforms),
    )


def _check(
    document: Document, key: str, named: Mapping[str, BandLines], known: Collection[str], problems: Problems
) -> None:
    for name in sorted(named.keys() - set(known)):
        line = document.line((key, name))
        problems.add(document.file.shown, line, f"{key}: there is no {name!r}, so nobody would ever read these lines")


def _each(sections: Mapping[str, BandLines]) -> dict[str, OfBand]:
    return {name: _of_band(lines) for name, lines in sections.items()}


def _of_band(lines: BandLines) -> OfBand:
    return {band.value: getattr(lines, band.value) for band in Severity}
