"""A case as Slack shows it: pure rendering of the message and of the replies in its thread.

Everything from a case goes through `escaped`: of Slack's markup only what stands here and in `slack_sections` is markup.
`verbatim` keeps Slack from making links of names by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from enricher.core.document import CaseDocument, Json, News
from enricher.core.layout import PLAIN, Layout
from enricher.core.work import NOBODY, CaseWork
from enricher.destinations import blocks
from enricher.destinations.placing import Placed, summary
from enricher.destinations.saying import Limits, fit
from enricher.destinations.slack_markup import anchor, escaped
from enricher.destinations.slack_sections import MOST_SECTION, SECTIONS, attachments
from enricher.destinations.slack_work import MENTION, OPEN, calling, work_lines, working_buttons
from enricher.destinations.text import cut, join_within, length
from enricher.destinations.wording import Description, event_id, tell, unix, where_it_stands
from enricher.model import Severity
from enricher.ports import Ticket

MOST_TEXT = 4000
MOST_HEADER = 150
MOST_FIELD = 2000
MOST_BLOCKS = 9_900
"""Characters of all blocks as JSON; Slack refuses somewhere above 11,000 and does not say where."""

EMOJI: Mapping[Severity, str] = {
    Severity.CRITICAL: ":rotating_light:",
    Severity.HIGH: ":large_orange_circle:",
    Severity.MEDIUM: ":large_yellow_circle:",
    Severity.LOW: ":large_blue_circle:",
    Severity.INFORMATIONAL: ":white_circle:",
}
STANDINGS: Mapping[str, str] = {
    "recovered": ":white_check_mark: Recovered",
    "reopened": ":arrows_counterclockwise: Reopened",
    "joined": ":link: Joined to another case",
}
NO_BRACKETS = str.maketrans("<>", "‹›")
_LABELS = {"jira": "Jira", "servicenow": "ServiceNow", "slack": "Slack"}
_BUTTONS_OF = frozenset({Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM})


def render(
    document: CaseDocument,
    *,
    channel: str,
    tickets: Mapping[str, Ticket] | None = None,
    base_url: str | None = None,
    mention: str | None = None,
    buttons: bool = False,
    repeat: bool = False,
    standing: str = "",
    work: CaseWork = NOBODY,
    layout: Layout = PLAIN.slack,
) -> Json:
    """The body of `chat.postMessage`, and with a `ts` of `chat.update`: the case as it stands now.

    `mention` is the id of whom it calls, a user group or a person. `buttons` needs somebody who answers them. `repeat` says
    that the message may be there twice. `standing` is what has become of the case (`wording.standing`), `layout` the template.
    """
    case = Description(document, Limits(MOST_FIELD, MOST_FIELD, 1), base_url)

    def build(limits: Limits) -> Json:
        said = Description(document, limits, base_url)
        placed = Placed(said, document, layout, base_url)
        context = _context(placed, document, tickets or {}, repeat=repeat)
        if said.severity in _BUTTONS_OF:
            pressed = working_buttons(said, work, base_url) if buttons else []
            shown = [
                *_full(placed, document, mention, standing),
                *_actions(said, pressed),
                *work_lines(document, work),
                context,
            ]
        else:
            shown = [_compact(said, document, mention, standing), *work_lines(document, work), context]
        return {"blocks": shown, "attachments": attachments(placed)}

    fitted: Json = fit(build, blocks_size, MOST_BLOCKS)
    return {
        "channel": channel,
        "text": escaped(f"{'Possible repeat. ' if repeat else ''}{_fallback(case, standing)}", MOST_TEXT),
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": _metadata(document, event_id(document), called=mention is not None),
        **fitted,
    }


def render_reply(document: CaseDocument, news: News, *, channel: str, thread: str, mention: str | None = None) -> Json:
    """The body of the `chat.postMessage` that tells one piece of news in the thread. `mention`: whom it calls."""
    event = event_id(document, news["seq"])

    def build(limits: Limits) -> Json:
        text, lines = tell(document, news, limits)
        said = [
            f"{calling(mention)}*{escaped(text, 1000)}* {escaped(where_it_stands(document), 200)}",
            *(f"• {escaped(line, 1000)}" for line in lines),
        ]
        section = blocks.section(join_within(said, MOST_SECTION), block_id=f"sum-{event}")
        return {"blocks": [section, blocks.context(f"`{event}`", block_id=f"ctx-{event}")]}

    fitted: Json = fit(build, blocks_size, MOST_BLOCKS)
    return {
        "channel": channel,
        "thread_ts": thread,
        "text": escaped(f"{tell(document, news, Limits(1000, 1000, 1))[0]} {where_it_stands(document)}", MOST_TEXT),
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": _metadata(document, event, called=mention is not None),
        **fitted,
    }


def plainly(body: Json) -> Json:
    """The same message as bare text, for when Slack does not accept its blocks. It calls whom they would have called."""
    called = MENTION.search(orjson.dumps(body["blocks"]).decode())
    text = " ".join(filter(None, (called and called[0], cut(body["text"], 1000))))
    return {**body, "text": text, "blocks": [], "attachments": []}


def blocks_size(body: Json) -> int:
    """Characters of all blocks, those in attachments too, as they travel."""
    parts = [body["blocks"], [attachment["blocks"] for attachment in body.get("attachments", ())]]
    return length(orjson.dumps(parts).decode())


def _metadata(document: CaseDocument, event: str, *, called: bool) -> Json:
    """Every member of the workspace can read this: keys and grades, no names. `called`: the severity for which it calls somebody."""
    payload = {
        "delivery_key": document["key"],
        "event_id": event,
        "severity": document["severity"],
        "score": document["score"],
    }
    calls = {"called": document["severity"]} if called else {}
    return {"event_type": "enricher_case", "event_payload": payload | calls}


def _fallback(case: Description, standing: str) -> str:
    became = f"{standing.capitalize()}. " if standing else ""
    return f"{became}{case.severity.value.capitalize()} {case.score}/100: {case.title} ({case.technique}), case {case.key}"


def _full(placed: Placed, document: CaseDocument, mention: str | None, standing: str) -> list[Json]:
    case, event = placed.case, event_id(document)
    title = summary(document, placed.layout, MOST_HEADER).translate(NO_BRACKETS)  # a header has no escapes
    header = cut(f"{_mark(case, standing)} {title}", MOST_HEADER)
    return [
        blocks.header(header, block_id=f"hdr-{event}"),
        blocks.section(
            f"{calling(mention)}*{_chain(case)}{_target(case)}*\n{escaped(case.summary, 1200)}",
            block_id=f"sum-{event}",
        ),
        *(block for section in placed.layout.sections if section in SECTIONS for block in SECTIONS[section](placed, event)),
    ]


def _mark(case: Description, standing: str) -> str:
    return f"{STANDINGS[standing]} ·" if standing else EMOJI[case.severity]


def _compact(case: Description, document: CaseDocument, mention: str | None, standing: str) -> Json:
    head = f"{calling(mention)}{_mark(case, standing)} *{case.grade}* · {escaped(case.title, 600)} · {_target(case)}"
    return blocks.section(f"{head}\n{escaped(case.summary, 1200)}", block_id=f"sum-{event_id(document)}")


def _chain(case: Description) -> str:
    """Nothing where the summary tells it in the same words, as it does when every link was observed."""
    return "" if case.chain in case.summary else f"{escaped(case.chain, 600)} → "


def _target(case: Description) -> str:
    name = case.fact("name")
    return f"`{escaped(name.code, 600)}`" if name.code else "name unknown"


def _actions(case: Description, buttons: list[Json]) -> list[Json]:
    elements = [*buttons]
    page = next((link.url for link in case.links if link.label == "case page"), None)
    if page:
        elements.append(blocks.button("Open case", action_id=OPEN, url=page))
    return [blocks.actions(elements, block_id=f"act-{case.key}")] if elements else []


def _context(placed: Placed, document: CaseDocument, tickets: Mapping[str, Ticket], *, repeat: bool) -> Json:
    case = placed.case
    said = [f"`{case.key}`", _seen("first", document["first_seen"]), _seen("last", document["last_seen"])]
    said += [anchor(link.label, link.url) for link in case.links]
    said.append(anchor(case.technique, case.technique_url))
    said += [f"{_LABELS.get(name, name)} {anchor(ticket.label, ticket.url)}" for name, ticket in sorted(tickets.items())]
    if not tickets:
        said.append("ticket links and updates follow")
    if "missing" in placed.layout.sections:
        said.append(f"missing: {escaped('; '.join(placed.missing), 800)}")
    if repeat:
        said.insert(0, "*possible repeat*")
    return blocks.context(" · ".join(said), block_id=f"ctx-{event_id(document)}")


def _seen(which: str, at: str | None) -> str:
    moment = unix(at)
    if moment is None or moment < 0:
        return f"{which} seen unknown"
    return f"{which} seen <!date^{moment}^{{date_short_pretty}} {{time_secs}}|{escaped(str(at)[:19], 40)}>"
