"""A burst of cases in one Slack message: a line for each, and replies that name theirs. Pure rendering.

The message belongs to no single case, so its metadata has no `delivery_key` but `delivery_keys`, one entry for each. Slack's own types
allow arrays of objects there, and say nothing of arrays of text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from enricher.core.document import CaseDocument, Json, News
from enricher.destinations import blocks
from enricher.destinations.saying import Limits
from enricher.destinations.slack_body import EMOJI, MOST_BLOCKS, MOST_TEXT, blocks_size
from enricher.destinations.slack_body import render_reply as plain_reply
from enricher.destinations.slack_markup import anchor, escaped
from enricher.destinations.slack_sections import MOST_SECTION
from enricher.destinations.text import length
from enricher.destinations.wording import Description
from enricher.model import Severity

MOST_CASES = 40
LONGEST = (80, 50, 30, 20)
"""Characters of a host or a tenant, from generous to what fits for forty cases; after that there are no links either."""
ALONE = frozenset({Severity.HIGH, Severity.CRITICAL})
"""Cases so severe that they have a thread of their own."""
_SUFFIX = "#digest"
_WORST_FIRST = sorted(Severity, key=lambda severity: severity.rank, reverse=True)


def external_id(channel: str, ts: str) -> str:
    """The id of a ticket that is a digest; `place` takes it apart."""
    return f"{channel}:{ts}{_SUFFIX}"


def is_digest(ticket_id: str) -> bool:
    """Whether a ticket's id is one that `external_id` made."""
    return ticket_id.endswith(_SUFFIX)


def place(ticket_id: str) -> tuple[str, str]:
    """Channel and `ts` of a ticket, of one case or of many."""
    channel, _, ts = ticket_id.removesuffix(_SUFFIX).partition(":")
    return channel, ts


def holds(payload: Json, key: str) -> bool:
    """Whether a message's metadata is that of a digest with this case in it."""
    entries = payload.get("delivery_keys")
    return isinstance(entries, list) and any(isinstance(one, dict) and one.get("delivery_key") == key for one in entries)


def render(documents: Sequence[CaseDocument], *, channel: str, base_url: str | None = None) -> Json:
    """The body of the `chat.postMessage` that opens one ticket for all of them, at most `MOST_CASES`."""
    cases = sorted(documents, key=lambda case: (-Severity(case["severity"]).rank, -case["score"], case["key"]))
    counts = Counter(Severity(case["severity"]) for case in cases)
    said = ", ".join(f"{counts[severity]} {severity.value}" for severity in _WORST_FIRST if counts[severity])
    head = f"{len(cases)} new cases: {said}"
    return {
        "channel": channel,
        "text": escaped("\n".join([head, *(_plain(case) for case in cases)]), MOST_TEXT),
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {
            "event_type": "enricher_digest",
            "event_payload": {"delivery_keys": [{"delivery_key": case["key"]} for case in cases]},
        },
        "blocks": _fitted(head, cases, base_url),
    }


def render_reply(document: CaseDocument, news: News, *, channel: str, thread: str, base_url: str | None = None) -> Json:
    """One piece of news in the thread of a digest: it says first of which case."""
    body = plain_reply(document, news, channel=channel, thread=thread)
    about = blocks.section(_line(document, LONGEST[0], base_url), block_id=f"abt-{document['key']}-{news['seq']:02d}")
    return {**body, "text": escaped(f"{_plain(document)}: {body['text']}", MOST_TEXT), "blocks": [about, *body["blocks"]]}


def render_leaving(document: CaseDocument, *, channel: str, thread: str, url: str | None) -> Json:
    """Says in the thread of a digest that one of its cases goes on in a thread of its own."""
    link = anchor("its own thread", url)
    return {
        "channel": channel,
        "thread_ts": thread,
        "text": escaped(f"{_plain(document)} goes on in its own thread.", MOST_TEXT),
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {
            "event_type": "enricher_case",
            "event_payload": {"delivery_key": document["key"], "event_id": leaving_id(document)},
        },
        "blocks": [blocks.section(f"{_line(document, LONGEST[0], None)} goes on in {link}.")],
    }


def leaving_id(document: CaseDocument) -> str:
    """What marks `render_leaving`, so that it is found again."""
    return f"{document['key']}-alone"


def _fitted(head: str, cases: Sequence[CaseDocument], base_url: str | None) -> list[Json]:
    for longest, url in (*((longest, base_url) for longest in LONGEST), (LONGEST[-1], None)):
        lines = [_line(case, longest, url) for case in cases]
        shown = [blocks.header(head, block_id="digest"), *map(blocks.section, _paragraphs(lines)), _footing()]
        if blocks_size({"blocks": shown}) <= MOST_BLOCKS:
            break
    return shown


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """As many lines in each as fit."""
    paragraph = ""
    for line in lines:
        if paragraph and length(paragraph) + 1 + length(line) > MOST_SECTION:
            yield paragraph
            paragraph = ""
        paragraph = f"{paragraph}\n{line}" if paragraph else line
    yield paragraph


def _footing() -> Json:
    said = (
        "Together because many came at once. News of each follows in this thread; what rises to high gets one of its own."
    )
    return blocks.context(said, block_id="digest-about")


def _line(document: CaseDocument, longest: int, base_url: str | None) -> str:
    case = Description(document, Limits(longest, longest, 1), base_url)
    page = next((link.url for link in case.links if link.label == "case page"), None)
    where = f"{escaped(case.fact('host').line, longest)} → {escaped(_whom(case), longest)}"
    return f"{EMOJI[case.severity]} *{case.grade}* · {where} · {anchor(case.key, page)}"


def _plain(document: CaseDocument) -> str:
    case = Description(document, Limits(LONGEST[0], LONGEST[0], 1))
    return f"{case.grade} {case.fact('host').line} → {_whom(case)}, case {case.key}"


def _whom(case: Description) -> str:
    """The tenant as a defanged name, else what is said instead of one."""
    return case.fact("tenant").line
