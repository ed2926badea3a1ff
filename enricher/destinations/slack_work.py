"""What people do about a case, as its message in Slack shows it: who did what, whom it calls, and the buttons that make sense now.

Pure rendering. Names and reasons are text from outside like any other.
"""

from __future__ import annotations

import re

from enricher.core.document import CaseDocument, Json
from enricher.core.work import CaseWork
from enricher.destinations import blocks
from enricher.destinations.saying import Limits, Speaker
from enricher.destinations.slack_markup import escaped
from enricher.destinations.text import safe_url
from enricher.destinations.wording import Description, event_id

ACKNOWLEDGE, ASSIGN, FALSE_POSITIVE = "case_ack", "case_assign", "case_false_positive"
MUTE, UNMUTE, OPEN = "case_mute", "case_unmute", "open_case"
MOST_NAME, MOST_WHY = 100, 300
MENTION = re.compile(r"<(?:!subteam\^|@)[A-Z0-9]+>")
"""What `calling` makes; nothing that is escaped looks like it."""


def calling(mention: str | None) -> str:
    """A user group (`S…`) or a person (`U…`) in Slack's markup, with a space behind it; empty for nobody."""
    if not mention:
        return ""
    return f"<!subteam^{mention}> " if mention.startswith("S") else f"<@{mention}> "


def work_lines(document: CaseDocument, work: CaseWork) -> list[Json]:
    """One block that says who has seen the case, whose it is, and until when it calls nobody; none where nobody has touched it."""
    say = Speaker(document, Limits(MOST_NAME, MOST_NAME, 1))

    def named(name: str) -> str:
        return escaped(say.value(name), MOST_NAME + 50)

    said = []
    if work.acknowledged_by:
        said.append(f":eyes: Acknowledged by {named(work.acknowledged_by)}")
    if work.assignee:
        said.append(f":bust_in_silhouette: Assigned to {named(work.assignee)}")
    if work.muted_until:
        why = escaped(say.value(work.mute_reason, most=MOST_WHY), MOST_WHY + 100)
        at = f"<!date^{int(work.muted_until.timestamp())}^{{date_short_pretty}} {{time}}|{work.muted_until:%Y-%m-%d %H:%M} UTC>"
        said.append(f":no_bell: Muted until {at} by {named(work.muted_by or '')}: {why}")
    return [blocks.context(" · ".join(said), block_id=f"wrk-{event_id(document)}")] if said else []


def working_buttons(case: Description, work: CaseWork, base_url: str | None) -> list[Json]:
    """Those that change something now: who has acknowledged a case cannot do so again, and a muted one is unmuted."""
    buttons = []
    if not work.acknowledged_by:
        buttons.append(blocks.button("Acknowledge", action_id=ACKNOWLEDGE, style="primary", value=case.key))
    buttons.append(blocks.button("Assign to me", action_id=ASSIGN, value=case.key))
    buttons.append(_false_positive(case.key, base_url))
    label, action = ("Unmute", UNMUTE) if work.muted_until else ("Mute 24 h", MUTE)
    buttons.append(blocks.button(label, action_id=action, value=case.key))
    return buttons


def _false_positive(key: str, base_url: str | None) -> Json:
    confirm = blocks.confirm(
        "False positive?",
        "Drafts a tuning rule for review. Nothing is hidden until a second person approves it.",
        yes="Draft a rule",
        no="Cancel",
    )
    page = safe_url(f"{base_url.rstrip('/')}/drafts/{key}") if base_url else None
    where = {"url": page} if page else {}
    return blocks.button("False positive", action_id=FALSE_POSITIVE, style="danger", value=key, confirm=confirm, **where)


def why_form(key: str, channel: str) -> Json:
    """The form that asks why a case is to be muted. Where it was asked for travels with it."""
    return {
        "type": "modal",
        "callback_id": MUTE,
        "private_metadata": f"{channel} {key}",
        "title": {"type": "plain_text", "text": "Mute for 24 hours"},
        "submit": {"type": "plain_text", "text": "Mute"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            blocks.context(
                f"`{escaped(key, 100)}` calls nobody until then. It is still kept up to date, and a higher severity ends the mute.",
                block_id="about",
            ),
            {
                "type": "input",
                "block_id": "why",
                "label": {"type": "plain_text", "text": "Why?"},
                "element": {
                    "type": "plain_text_input",
                    "action_id": "why",
                    "multiline": True,
                    "min_length": 1,
                    "max_length": 500,
                },
            },
        ],
    }
