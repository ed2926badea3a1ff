"""A case as Slack shows it: pure rendering of the message and of the replies in its thread.

Everything from a case goes through `escaped`: of Slack's markup only what stands in this file is markup. `verbatim` keeps
Slack from making links of names by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from enricher.core.document import CaseDocument, Json, News
from enricher.destinations import blocks
from enricher.destinations.facts import Fact
from enricher.destinations.saying import Limits, fit
from enricher.destinations.text import cut, join_within, length, safe_url, shorten
from enricher.destinations.wording import Description, event_id, tell, unix, where_it_stands
from enricher.model import Severity
from enricher.ports import Ticket

MOST_TEXT = 4000
MOST_HEADER = 150
MOST_SECTION = 3000
MOST_FIELD = 2000
MOST_BLOCKS = 9_900
"""Characters of all blocks as JSON; Slack refuses somewhere above 11,000 and does not say where."""

MOST_ANCHOR = 350
MOST_MISSING = 4

COLOURS: Mapping[Severity, str] = {
    Severity.CRITICAL: "#B3261E",
    Severity.HIGH: "#E8710A",
    Severity.MEDIUM: "#F2C037",
    Severity.LOW: "#3B78C4",
    Severity.INFORMATIONAL: "#8A8F98",
}
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
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"})
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
) -> Json:
    """The body of `chat.postMessage`, and with a `ts` of `chat.update`: the case as it stands now.

    `mention` is the id of a user group, called for critical cases. `buttons` needs somebody who answers them. `repeat` says
    that the message may be there twice. `standing` is what has become of the case (`wording.standing`).
    """
    case = Description(document, Limits(MOST_FIELD, MOST_FIELD, 1), base_url)

    def build(limits: Limits) -> Json:
        said = Description(document, limits, base_url)
        context = _context(said, document, tickets or {}, repeat=repeat)
        if said.severity in _BUTTONS_OF:
            shown = [*_full(said, document, mention, standing), *_actions(said, buttons=buttons), context]
        else:
            shown = [_compact(said, document, standing), context]
        return {"blocks": shown, "attachments": [_attachment(said)]}

    fitted: Json = fit(build, blocks_size, MOST_BLOCKS)
    return {
        "channel": channel,
        "text": escaped(f"{'Possible repeat. ' if repeat else ''}{_fallback(case, standing)}", MOST_TEXT),
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": _metadata(document, event_id(document)),
        **fitted,
    }


def render_reply(document: CaseDocument, news: News, *, channel: str, thread: str) -> Json:
    """The body of the `chat.postMessage` that tells one piece of news in the thread."""
    event = event_id(document, news["seq"])

    def build(limits: Limits) -> Json:
        text, lines = tell(document, news, limits)
        said = [
            f"*{escaped(text, 1000)}* {escaped(where_it_stands(document), 200)}",
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
        "metadata": _metadata(document, event),
        **fitted,
    }


def plainly(body: Json) -> Json:
    """The same message as bare text, for when Slack does not accept its blocks."""
    return {**body, "text": cut(body["text"], 1000), "blocks": [], "attachments": []}


def escaped(text: str, limit: int) -> str:
    """`text` without Slack's markup, at most `limit` characters *after* escaping; no entity is cut in two."""
    whole = text.translate(_ESCAPES)
    if length(whole) <= limit:
        return whole
    room = limit - len("… 1000000 more, see case")
    kept, used = 0, 0
    for char in text:
        used += length(char.translate(_ESCAPES))
        if used > room:
            break
        kept += 1
    return f"{text[:kept].translate(_ESCAPES)}… {len(text) - kept} more, see case"


def blocks_size(body: Json) -> int:
    """Characters of all blocks, those in attachments too, as they travel."""
    parts = [body["blocks"], [attachment["blocks"] for attachment in body.get("attachments", ())]]
    return length(orjson.dumps(parts).decode())


def _metadata(document: CaseDocument, event: str) -> Json:
    """Every member of the workspace can read this: keys and grades, no names."""
    payload = {
        "delivery_key": document["key"],
        "event_id": event,
        "severity": document["severity"],
        "score": document["score"],
    }
    return {"event_type": "enricher_case", "event_payload": payload}


def _fallback(case: Description, standing: str) -> str:
    became = f"{standing.capitalize()}. " if standing else ""
    return f"{became}{case.severity.value.capitalize()} {case.score}/100: {case.title} ({case.technique}), case {case.key}"


def _full(case: Description, document: CaseDocument, mention: str | None, standing: str) -> list[Json]:
    event = event_id(document)
    called = f"<!subteam^{mention}> " if mention and case.severity is Severity.CRITICAL else ""
    title = case.title.translate(NO_BRACKETS)  # a header has no escapes
    header = cut(f"{_mark(case, standing)} {case.grade}: {title}", MOST_HEADER)
    return [
        blocks.header(header, block_id=f"hdr-{event}"),
        blocks.section(
            f"{called}*{_chain(case)}{_target(case)}*\n{escaped(case.summary, 1200)}",
            block_id=f"sum-{event}",
        ),
        blocks.fields(_fields(case), block_id=f"fld-{event}"),
    ]


def _mark(case: Description, standing: str) -> str:
    return f"{STANDINGS[standing]} ·" if standing else EMOJI[case.severity]


def _compact(case: Description, document: CaseDocument, standing: str) -> Json:
    head = f"{_mark(case, standing)} *{case.grade}* · {escaped(case.title, 600)} · {_target(case)}"
    return blocks.section(f"{head}\n{escaped(case.summary, 1200)}", block_id=f"sum-{event_id(document)}")


def _chain(case: Description) -> str:
    """Nothing where the summary tells it in the same words, as it does when every link was observed."""
    return "" if case.chain in case.summary else f"{escaped(case.chain, 600)} → "


def _target(case: Description) -> str:
    name = case.fact("name")
    return f"`{escaped(name.code, 600)}`" if name.code else "name unknown"


def _fields(case: Description) -> list[str]:
    """The facts that matter at a glance. Of the host also what the estate says, of the tenant what history does."""
    texts = [
        _field(case.fact("host"), case.fact("estate")),
        _field(case.fact("user")),
        _field(case.fact("tenant"), case.fact("history")),
        _field(case.fact("address")),
        _field(case.fact("beacon")),
    ]
    return [*texts, f"*Verdict*\n{escaped(case.verdict.removeprefix('verdict '), 600)}"]


def _field(fact: Fact, more: Fact | None = None) -> str:
    said = [fact.text, more.text if more else ""]
    lines = [f"*{fact.label}*", f"`{escaped(fact.code, 600)}`" if fact.code else "", *(escaped(text, 600) for text in said)]
    return "\n".join(filter(None, lines))


def _actions(case: Description, *, buttons: bool) -> list[Json]:
    elements = [*(_judging(case.key) if buttons else ())]
    page = next((link.url for link in case.links if link.label == "case page"), None)
    if page:
        elements.append(blocks.button("Open case", action_id="open_case", url=page))
    return [blocks.actions(elements, block_id=f"act-{case.key}")] if elements else []


def _judging(key: str) -> list[Json]:
    confirm = blocks.confirm(
        "False positive?",
        "Drafts a tuning rule for review. Nothing is hidden until a second person approves it.",
        yes="Draft a rule",
        no="Cancel",
    )
    return [
        blocks.button("Acknowledge", action_id="case_ack", style="primary", value=key),
        blocks.button("False positive", action_id="case_false_positive", style="danger", value=key, confirm=confirm),
    ]


def _context(case: Description, document: CaseDocument, tickets: Mapping[str, Ticket], *, repeat: bool) -> Json:
    said = [f"`{case.key}`", _seen("first", document["first_seen"]), _seen("last", document["last_seen"])]
    said += [anchor(link.label, link.url) for link in case.links]
    said += [f"{_LABELS.get(name, name)} {anchor(ticket.label, ticket.url)}" for name, ticket in sorted(tickets.items())]
    if not tickets:
        said.append("ticket links and updates follow")
    said += [f"missing: {escaped('; '.join(shorten(case.missing, MOST_MISSING)), 800)}"]
    if repeat:
        said.insert(0, "*possible repeat*")
    return blocks.context(" · ".join(said), block_id=f"ctx-{event_id(document)}")


def _seen(which: str, at: str | None) -> str:
    moment = unix(at)
    if moment is None or moment < 0:
        return f"{which} seen unknown"
    return f"{which} seen <!date^{moment}^{{date_short_pretty}} {{time_secs}}|{escaped(str(at)[:19], 40)}>"


def anchor(label: str, url: str | None) -> str:
    """A link in Slack's markup; its label alone where it is not safe, or too long."""
    safe = (safe_url(url) or "").replace("&", "&amp;")
    return f"<{safe}|{escaped(label, 60)}>" if safe and len(safe) <= MOST_ANCHOR else escaped(label, 60)


def _attachment(case: Description) -> Json:
    taken = [f"• {step.points} {step.evidence} → {step.score.rsplit(' ', 1)[-1]}" for step in case.ledger if step.taken]
    tuned = [f"• {rule.line}" for rule in case.tuning]
    lines = [f"*Why {case.severity.value}*", *(escaped(line, 600) for line in (*taken, *tuned))]
    section = blocks.section(join_within(lines, MOST_SECTION))
    return {"color": COLOURS[case.severity], "fallback": f"Ledger of {case.key}", "blocks": [section]}
