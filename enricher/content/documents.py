"""Configuration files as read: where they lie, what they hold, and on which line each part of it stands."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import yaml

import enricher

Where: TypeAlias = tuple[Hashable, ...]
"""The way to a part of a document: keys and indices from the top."""

DEEPEST = 16
"""Levels of nesting; no file of ours needs half of it, and the YAML library crashes on very many."""


def packaged(name: str) -> Path:
    """A folder that comes with the program: `config`, or `corpus` (the events its tests judge by)."""
    inside = Path(enricher.__file__).parent
    in_wheel = inside / "_packaged" / name
    return in_wheel if in_wheel.is_dir() else inside.parent / {"config": "config", "corpus": "tests/data"}[name]


class Problems(list[str]):
    """What is wrong, as `file:line: message`."""

    def add(self, file: str, line: int, message: str) -> None:
        self.append(f"{file}:{line}: {message}")


@dataclass(frozen=True, slots=True)
class File:
    """A file's text. `name` is relative to the configuration folder, `shown` is what a message calls it."""

    name: str
    shown: str
    text: str


@dataclass(slots=True)
class Folder:
    """A configuration folder laid over the packaged one, file by file; remembers what it read, for the digest."""

    directory: Path | None
    problems: Problems
    _read: dict[str, bytes] = field(default_factory=dict)

    def one(self, name: str) -> File | None:
        """A file, else the packaged one. None where it cannot be read: that is a problem noted."""
        own = self.directory / name if self.directory else None
        path = own if own and own.exists() else packaged("config") / name
        return self._file(name, path)

    def several(self, folder: str, *, default: bool) -> list[File]:
        """All `*.yml` of a subfolder, by name. `default`: where there is no such subfolder, the packaged one."""
        own = self.directory / folder if self.directory else None
        base = own if own and own.is_dir() else packaged("config") / folder if default or not self.directory else None
        paths = sorted(base.glob("*.yml")) if base else []
        files = (self._file(f"{folder}/{path.name}", path) for path in paths)
        return [file for file in files if file]

    def optional(self, name: str) -> File | None:
        """A file that has no packaged stand-in once there is a folder of one's own."""
        if self.directory and not (self.directory / name).exists():
            return None
        return self.one(name)

    def has(self, name: str) -> bool:
        """Whether the file is the folder's own."""
        return self.directory is not None and (self.directory / name).exists()

    def digest(self) -> str:
        """SHA-256 over the names and bytes of all files read so far."""
        total = sha256()
        for name, content in sorted(self._read.items()):
            total.update(f"{name}\0{len(content)}\0".encode() + content)
        return total.hexdigest()

    def _file(self, name: str, path: Path) -> File | None:
        shown = str(path)
        try:
            content = path.read_bytes()
            text = content.decode("utf-8-sig")
        except OSError as error:
            self.problems.add(shown, 1, f"cannot be read: {error.strerror}")
            return None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            self.problems.add(shown, line, "is not UTF-8; save it as UTF-8")
            return None
        self._read[name] = content
        return File(name, shown, text)


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file's data. Every mapping is a dict, every sequence a list."""

    file: File
    data: object
    lines: dict[Where, int]

    def line(self, where: Sequence[Hashable]) -> int:
        """The line where a part stands, or the nearest part around it that does stand somewhere."""
        for length in range(len(where), 0, -1):
            if (found := self.lines.get(tuple(where[:length]))) is not None:
                return found
        return 1


def parse(file: File, problems: Problems) -> Document | None:
    """Read YAML 1.1, safely: no tags, no anchors, one document, no key twice. None where that fails: problems are noted."""
    before = len(problems)
    loader = yaml.CSafeLoader(file.text)
    try:
        _check_shape(file.text)
        root = loader.get_single_node()
        if root is None:
            problems.add(file.shown, 1, "is empty")
            return None
        reading = _Reading(file, problems, loader)
        document = Document(file, reading.value(root, ()), reading.lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.add(file.shown, mark.line + 1 if mark else 1, f"is not YAML as read here: {error.problem}")
        return None
    except yaml.YAMLError as error:
        problems.add(file.shown, 1, f"is not YAML: {' '.join(str(error).split())}")
        return None
    finally:
        loader.dispose()
    return document if len(problems) == before else None


def _check_shape(text: str) -> None:
    """Raises MarkedYAMLError for what the composer should not be handed."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise _refusal(event, f"more than {DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refusal(event, "anchors and aliases are not read; write the value out")
        if getattr(event, "tag", None) is not None:
            raise _refusal(event, "tags are not read; leave them out")


def _refusal(event: yaml.Event, problem: str) -> yaml.MarkedYAMLError:
    mark = event.start_mark
    where = None if mark is None else yaml.Mark("", mark.index, mark.line, mark.column, None, 0)
    return yaml.MarkedYAMLError(problem=problem, problem_mark=where)


@dataclass(slots=True)
class _Reading:
    file: File
    problems: Problems
    loader: yaml.CSafeLoader
    lines: dict[Where, int] = field(default_factory=dict)

    def value(self, node: yaml.Node, where: Where) -> object:
        self.lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*where, i)) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Hashable:
        try:
            value: Hashable = self.loader.construct_object(node)
        except ValueError as error:
            self.problems.add(self.file.shown, node.start_mark.line + 1, f"{node.value!r} cannot be read: {error}")
            return None
        return value

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[Hashable, object]:
        data: dict[Hashable, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.add(self.file.shown, line, "a key must be one word")
                continue
            key = self._scalar(key_node)
            if key in data:
                self.problems.add(
                    self.file.shown, line, f"{key!r} stands twice; the first is on line {self.lines[*where, key]}"
                )
                continue
            self.lines[*where, key] = line
            data[key] = self.value(value_node, (*where, key))
        return data
