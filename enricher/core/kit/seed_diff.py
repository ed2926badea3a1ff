"""The query that this kit replaces, line by line: what is wrong with each line, and what stands in its place.

The verdicts are about Sumo Logic's documented language and about what Sysmon writes (docs/evidence.md); `invalid` cannot be saved,
`never matches` finds nothing, `misses` finds less than it seems to, `over-matches` finds more, `right` stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SeedVerdict = Literal["right", "misses", "over-matches", "never matches", "invalid"]

_FIELD = 'parse regex "<Data Name=.{field}.>(?<…>[^<]*)" nodrop'
_NO_ELEMENT = (
    "Windows' XML has <Data Name='{field}'>, and no element of that name. Without nodrop the line drops every event, so the rule "
    "never fires."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedLine:
    """One line of that query, or the whole of it."""

    line: str
    verdict: SeedVerdict
    wrong: str
    """Empty where the line is right."""
    instead: str
    """What the generated search has in its place."""


def _element(element: str, field: str, more: str = "", instead: str | None = None) -> SeedLine:
    wrong = _NO_ELEMENT.format(field=element)
    return SeedLine(
        line=f'| parse "<{element}>*</{element}>" as {field}',
        verdict="never matches",
        wrong=f"{wrong} {more}".strip(),
        instead=_FIELD.format(field=element) if instead is None else instead,
    )


def seed_diff() -> tuple[SeedLine, ...]:
    """Every line in its order, and at the end what is wrong with the whole."""
    return _LINES


_ROW = "one condition for each row of the catalog, on the name in small letters and without a dot at its end: "

_LINES: tuple[SeedLine, ...] = (
    SeedLine(
        line='_sourceCategory="*sysmon*" (and two categories beside it)',
        verdict="never matches",
        wrong="Quotes and wildcards are documented as not usable together, so the star is a star. The other two terms name "
        "categories that not every customer has.",
        instead="the scope of the configuration, by default _sourceCategory=*sysmon*, and the platforms' names as keywords",
    ),
    SeedLine(
        line='| parse "<EventID>*</EventID>" as event_id',
        verdict="misses",
        wrong="Drops JSON and text, and XML with attributes there (<EventID Qualifiers='…'>).",
        instead='parse regex "<EventID[^>]*>(?<event_id>3|22)<", and forms of their own for JSON and OpenTelemetry',
    ),
    SeedLine(
        line='| where event_id = "3"',
        verdict="misses",
        wrong="Event 22 (a DNS query) is where the name really stands.",
        instead="events 3 and 22, and a companion for event 1",
    ),
    _element("Image", "process_image"),
    _element(
        "DestinationHostname",
        "dest_hostname",
        "In event 3 it is a reverse look-up of the address: usually a hyphen, or a name of the provider's, hardly ever the tenant's.",
        instead='if(event_id="22",q,t) as h, in small letters: QueryName of event 22, DestinationHostname of event 3',
    ),
    _element("DestinationIp", "dest_ip"),
    _element("DestinationPort", "dest_port"),
    _element("User", "username", "Event 22 of older Sysmon versions has no User."),
    _element(
        "CommandLine",
        "command_line",
        "No event 3 has a command line: even rightly anchored, the line would drop every row.",
        instead="nothing; the process's start is joined here, by ProcessGuid, or found by the companion for event 1",
    ),
    _element(
        "ParentImage",
        "parent_image",
        "No event 3 has a parent: even rightly anchored, the line would drop every row.",
        instead="nothing; the ancestors are joined here, by ParentProcessGuid",
    ),
    SeedLine(
        line='| where dest_hostname matches "*workers.dev"',
        verdict="over-matches",
        wrong="Takes evilworkers.dev as well; is case-sensitive; misses a name with a dot at its end.",
        instead=_ROW + 'd="workers.dev"',
    ),
    SeedLine(
        line='or dest_hostname matches "*pages.dev"',
        verdict="over-matches",
        wrong="Takes landingpages.dev as well.",
        instead=_ROW + 'd="pages.dev"',
    ),
    SeedLine(
        line='or dest_hostname matches "*.lambda-url.*.amazonaws.com"',
        verdict="never matches",
        wrong="Function URLs are <id>.lambda-url.<region>.on.aws; the name as written does not exist.",
        instead=_ROW + r"h matches /^[^.]+\.lambda-url\.[^.]+\.on\.aws$/ (the old name stays, for old tests)",
    ),
    SeedLine(
        line='or dest_hostname matches "*.execute-api.*.amazonaws.com"',
        verdict="right",
        wrong="",
        instead=_ROW + r"h matches /^[^.]+\.execute-api\.[^.]+\.amazonaws\.com$/",
    ),
    SeedLine(
        line='or … "*.cloudfunctions.net", "*.azurewebsites.net", "*.azurecontainerapps.io", "*.netlify.app", "*.vercel.app"',
        verdict="misses",
        wrong="Right for what they name, in small letters and without a dot at the end only; some 140 other platforms are not named.",
        instead="all rows of the catalog that can open a case, in searches of at most 4,000 characters each",
    ),
    SeedLine(
        line='or dest_hostname = "script.google.com"',
        verdict="misses",
        wrong="A call to a web app is redirected to script.googleusercontent.com, which is not named.",
        instead='h="script.google.com" and h="script.googleusercontent.com"',
    ),
    SeedLine(
        line=r"| where !(process_image matches /(?i)(chrome|…)\.exe/)",
        verdict="over-matches",
        wrong="Whether matches looks for a part or the whole is not documented: as a part it leaves out notchrome.exe and a chrome.exe in "
        "any folder, as the whole it leaves out nothing.",
        instead=r"where !(i matches /(?i)^C:\\+Program Files( \(x86\))?\\(.*\\)?(…)\.exe$/): right either way, in that folder only",
    ),
    SeedLine(
        line="| eval is_suspicious = if(…, 1, 0)",
        verdict="invalid",
        wrong="There is no operator eval: the query cannot be saved.",
        instead='if(i matches /…/,"1","0") as is_suspicious, by the process classes of the catalog',
    ),
    SeedLine(
        line=r"… process_image matches /(?i)(…|python.*|…)\.exe/ …",
        verdict="over-matches",
        wrong=r"python.*\.exe also spans C:\python\x\other.exe, and no name is anchored at a folder's end.",
        instead=r"(?i)^(.*[\\\x2f])?(…|py(w|thon(w|[23]|[23]\.\d\d?)?)?|…)(\.(exe|com|scr))?$",
    ),
    SeedLine(
        line="| eval serverless_platform = if(…)",
        verdict="invalid",
        wrong="The same. It calls pages.dev Workers and API Gateway Lambda, and everything else Other Serverless.",
        instead='nested if(…,"name of the catalog\'s row",…) as serverless_platform',
    ),
    SeedLine(
        line="| fields …",
        verdict="misses",
        wrong="Leaves ten raw messages at most to a webhook, with their whole text.",
        instead="count, min(_messageTime) as first_seen, max(_messageTime) as last_seen by …: 200 rows",
    ),
    SeedLine(
        line="| sort by _messageTime desc",
        verdict="misses",
        wrong="Documented for aggregated results only.",
        instead="nothing; rows are put in order here",
    ),
    SeedLine(
        line="the whole, as a rule of high severity and high confidence",
        verdict="over-matches",
        wrong="A program's name and a shared cloud's host name justify neither.",
        instead="a search that finds, and a grade with its reasons here",
    ),
)
