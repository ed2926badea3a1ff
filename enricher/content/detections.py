"""`config/detections/*.yml` → detections: each category of the catalog has exactly one that speaks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import TypeAdapter

from enricher.content.documents import Document, Folder, Problems
from enricher.content.models import DetectionFile
from enricher.content.platforms import read_catalog
from enricher.content.validate import read
from enricher.core.catalog import Catalog
from enricher.core.rules import Detection

_Read = tuple[DetectionFile, Document]


def read_detections(folder: Folder, catalog: Catalog | None, problems: Problems) -> tuple[Detection, ...]:
    """All detections by id; problems are noted. Without a catalog their categories cannot be checked."""
    files = folder.several("detections", default=True)
    if not files:
        problems.add(
            "detections", 1, "no detection; copy T1583.007.yml there, or remove the folder to have the packaged ones"
        )
    shape = TypeAdapter(DetectionFile)
    found = [one for file in files if (one := read(file, shape, problems))]
    _each_once(found, "id", lambda one: [one.id], problems)
    _each_once(found, "categories", lambda one: one.categories or [], problems)
    if catalog and len(found) == len(files):
        _check_rest(found, catalog, problems)
        _check_known(found, catalog, problems)
    return tuple(sorted((_detection(file) for file, _ in found), key=lambda one: one.id))


def _detection(file: DetectionFile) -> Detection:
    return Detection(**file.model_dump(exclude={"categories"}), categories=frozenset(file.categories or ()))


def _each_once(found: list[_Read], key: str, said: Callable[[DetectionFile], list[str]], problems: Problems) -> None:
    """No id and no category stands in two files, or twice in one."""
    first: dict[str, str] = {}
    for file, document in found:
        for place, value in enumerate(said(file)):
            where = f"{document.file.shown}:{document.line((key, place))}"
            if value in first:
                problems.append(f"{where}: {key} {value!r} is already in {first[value]}; one detection speaks for it")
            first.setdefault(value, where)


def _check_rest(found: list[_Read], catalog: Catalog, problems: Problems) -> None:
    """One file without categories speaks for the rest; it may lack only where there is no rest."""
    rest = [document.file.shown for file, document in found if file.categories is None]
    for shown in rest[1:]:
        problems.add(shown, 1, f"names no categories, and neither does {rest[0]}; one detection speaks for the rest")
    left = _categories(catalog) - {category for file, _ in found for category in file.categories or ()}
    if found and left and not rest:
        problems.add(
            found[0][1].file.shown, 1, f"no detection for {', '.join(sorted(left))}; leave out 'categories' in one file"
        )


def _check_known(found: list[_Read], catalog: Catalog, problems: Problems) -> None:
    """The packaged catalog's categories are known too: its detections stay right where a house has a smaller one."""
    own = _categories(catalog)
    strange = [(document, place, category) for document, place, category in _named(found) if category not in own]
    known = own | _packaged_categories() if strange else own
    for document, place, category in strange:
        if category not in known:
            line, there_are = document.line(("categories", place)), ", ".join(sorted(known))
            problems.add(document.file.shown, line, f"the catalog has no category {category!r}; there are {there_are}")


def _named(found: list[_Read]) -> Iterator[tuple[Document, int, str]]:
    for file, document in found:
        for place, category in enumerate(file.categories or ()):
            yield document, place, category


def _categories(catalog: Catalog) -> set[str]:
    return {platform.category for platform in catalog.platforms.values()}


def _packaged_categories() -> set[str]:
    catalog = read_catalog(Folder(None, Problems()).one("catalog/platforms.csv"), Problems())
    return _categories(catalog) if catalog else set()
