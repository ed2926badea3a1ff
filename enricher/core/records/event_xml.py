"""Windows event XML, in whatever quotes, with or without namespace, declaration, RenderingInfo or a syslog header before it.

The text comes from logs. It is parsed from `<Event` onwards, so a DOCTYPE can never reach the parser; entities, external
or not, are undefined there; and a record with a DOCTYPE before it is refused rather than read without it.
"""

from __future__ import annotations

import re

from lxml import etree

from enricher.core import fields
from enricher.core.records.record import Record
from enricher.errors import PayloadError

START = re.compile(r"<(?:\w+:)?Event(?=[\s/>])")
_END = "Event>"
_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE = re.compile(r"&#(\d{1,7}|x[0-9A-Fa-f]{1,6});")
_DETAIL_LIMIT = 160

_PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
    collect_ids=False,
)


def split(text: str) -> list[str]:
    """Cut a text into its event elements; what is not one (headers, a wrapper, a declaration) falls away.

    A text with a DOCTYPE stays whole, to be refused as such.
    """
    starts = [found.start() for found in START.finditer(text)]
    if not starts or "<!DOCTYPE" in text[: starts[0]]:
        return [text]
    return [_trimmed(text[start:end]) for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def read(text: str) -> Record:
    """Read one event. Raises PayloadError `unreadable` for anything else."""
    found = START.search(text)
    if found is None:
        raise PayloadError("unreadable", "no <Event> in it")
    if "<!DOCTYPE" in text[: found.start()]:
        raise PayloadError("unreadable", "XML with a DOCTYPE")
    return _record(_parsed(_trimmed(text[found.start() :])))


def _trimmed(text: str) -> str:
    end = text.rfind(_END)
    return text[: end + len(_END)] if end > 0 else text


def _parsed(text: str) -> etree._Element:
    try:
        return etree.fromstring(text.encode("utf-8", "replace"), _PARSER)
    except etree.XMLSyntaxError as error:
        mended = _ILLEGAL.sub("", _REFERENCE.sub(_legal_or_nothing, text))
        if mended != text:
            return _parsed(mended)
        raise PayloadError("unreadable", fields.text(f"XML: {error}", _DETAIL_LIMIT) or "XML") from None


def _legal_or_nothing(reference: re.Match[str]) -> str:
    """Drop a reference to a character that XML does not allow; Windows writes such ones for control characters."""
    character = fields.referenced(reference[1])
    return "" if character is None or _ILLEGAL.match(character) else reference[0]


def _record(root: etree._Element) -> Record:
    prefix = len(root.tag) - len("Event")  # the namespace, where there is one
    system: dict[str, etree._Element] = {}
    data: dict[str, str | None] = {}
    for part in root:
        name = part.tag[prefix:]
        if name == "System":
            system = {element.tag[prefix:]: element for element in part}
        elif name == "EventData":
            data = {element.get("Name", ""): element.text for element in part}
    event_id = fields.number(_text(system, "EventID"))
    if event_id is None:
        raise PayloadError("unreadable", "an event without EventID")
    return Record(
        event_id,
        data,
        _attribute(system, "Provider", "Name"),
        _text(system, "Computer"),
        _attribute(system, "TimeCreated", "SystemTime"),
        _attribute(system, "Execution", "ProcessID"),
    )


def _text(system: dict[str, etree._Element], name: str) -> str | None:
    element = system.get(name)
    return None if element is None else element.text


def _attribute(system: dict[str, etree._Element], name: str, attribute: str) -> str | None:
    element = system.get(name)
    return None if element is None else element.get(attribute)
