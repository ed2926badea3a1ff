"""A fragment of a Sysmon configuration that turns on what the detection reads: events 3 and 22, and event 1 for the why.

Made from the catalog and the process classes that judge here. Sources: Microsoft's page on Sysmon, "Configuration files" and "Event
filtering entries"; SysmonCommon's manifest, schema 4.90.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from enricher.core.kit.selection import keyword, looked_for, names_of
from enricher.core.rules import Rules

SCHEMA = "4.90"
"""Of Sysmon 15; a later Sysmon reads an earlier schema."""
_ANY_HEAD = ("**.", "*.")
_WRITABLE = (
    "C:\\Users\\",
    "C:\\ProgramData\\",
    "C:\\Windows\\Temp\\",
    "C:\\Temp\\",
    "C:\\Perflogs\\",
    "C:\\$Recycle.Bin\\",
)
"""Where a user may put a program: one there that calls is looked at whatever its name."""

_ABOUT = """
  Not a whole configuration: merge these three groups into your own, and check with `sysmon -s` which schema your Sysmon has.
  Load it with `sysmon -c FILE`. In a group with onmatch="include" an event is logged where one rule holds; Sysmon compares without
  case. A rule of onmatch="exclude" in your own configuration wins over an include here.
"""
_OF_START = """
    Event 1, a process starts: who started what, and with which command line. An empty exclude logs every start, which the
    ancestors of a case need. Where that is too much, exclude by whole image paths, never by a command line.
"""
_OF_CONNECTION = """
    Event 3, a connection: off unless it is included. For the programs by which such platforms are reached, and for whatever runs
    from where a user may write. DnsLookup stays on: without it the name of the destination is always empty.
"""
_OF_QUERY = """
    Event 22, a DNS query: where the name of a platform really stands. By the names of the catalog, whatever the process is.
    Browsers are in: a program only pretends to be one until its folder has been looked at. Windows 8.1 and later.
"""


def sysmon_config(rules: Rules) -> str:
    """The fragment, as XML: always the same for the same catalog. It names a Windows program by its file name."""
    groups = (
        _group("enricher: starts", "ProcessCreate", "exclude", _OF_START, ()),
        _group("enricher: connections", "NetworkConnect", "include", _OF_CONNECTION, _programs(rules)),
        _group("enricher: queries", "DnsQuery", "include", _OF_QUERY, sorted(set(_names(rules)))),
    )
    return (
        f'<Sysmon schemaversion="{SCHEMA}">\n  <!--{_ABOUT}  -->\n  <DnsLookup>True</DnsLookup>\n'
        f"  <EventFiltering>\n{''.join(groups)}  </EventFiltering>\n</Sysmon>\n"
    )


def _group(name: str, event: str, onmatch: str, about: str, rules: Iterable[str]) -> str:
    inside = "".join(f"        {rule}\n" for rule in rules)
    opened = f'      <{event} onmatch="{onmatch}"'
    body = f"{opened}>\n{inside}      </{event}>\n" if inside else f"{opened}/>\n"
    return f'    <!--{about}    -->\n    <RuleGroup name="{name}" groupRelation="or">\n{body}    </RuleGroup>\n'


def _programs(rules: Rules) -> Iterator[str]:
    processes = rules.processes
    names = {name for kind in processes.tool_classes for name in processes.classes[kind]}
    names |= {name for browser in rules.browsers for name in browser.names if " " not in name}
    for name in sorted(names):
        yield _rule("Image", "image", name if name.endswith(".dll") else f"{name}.exe")
        if name == "python":
            yield _rule("Image", "contains", "\\python")
    for folder in _WRITABLE:
        yield _rule("Image", "begin with", folder)


def _names(rules: Rules) -> Iterator[str]:
    """By the end of the name; by its most telling part where a label within is left open; whole where nothing is."""
    for platform in looked_for(rules):
        for name in names_of(platform):
            rest = next((name.removeprefix(head) for head in _ANY_HEAD if name.startswith(head)), name)
            if "*" in rest:
                yield _rule("QueryName", "contains", keyword(name))
            elif rest == name:
                yield _rule("QueryName", "is", name)
            else:
                yield _rule("QueryName", "end with", f".{rest}")


def _rule(field: str, condition: str, value: str) -> str:
    return f'<{field} condition="{condition}">{escape(value)}</{field}>'
