"""The Slack stand-in: everything is a 200, and almost everything has a limit, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from slack_sdk import WebClient

from enricher.standins import Slack, running
from enricher.standins.slack.blocks import problems
from enricher.standins.slack.service import Channel
from tests.standins.standin_client import connect

pytestmark = pytest.mark.slow

BODIES = Path(__file__).parents[1] / "data" / "destination-bodies"
CHANNEL = "C0SOCALERT1"
METADATA = {"event_type": "enricher_case", "event_payload": {"delivery_key": "enricher-1", "score": 98}}


@pytest.fixture
def slack() -> Iterator[Slack]:
    with running(Slack(rate=0)) as standin:
        yield standin


@pytest.fixture
def client(slack: Slack) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {slack.token}"}
    with connect(slack.api_url, headers=headers) as client:
        yield client


def call(client: httpx2.Client, method: str, **arguments: Any) -> dict[str, Any]:
    response = client.post(method, json={"channel": CHANNEL, **arguments})
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


def posted(client: httpx2.Client, **arguments: Any) -> str:
    answer = call(client, "chat.postMessage", **{"text": "a case", **arguments})
    assert answer["ok"], answer
    ts: str = answer["ts"]
    return ts


def section(text: str = "a", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": [{"type": "button", "text": plain("Open"), **more}]}


# --- posting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["critical", "low"])
def test_the_example_bodies_are_taken(slack: Slack, client: httpx2.Client, name: str) -> None:
    body = json.loads((BODIES / f"slack-chat-postMessage.{name}.json").read_text())
    assert call(client, "chat.postMessage", **body)["ok"]
    (stored,) = slack.store()["messages"]
    assert stored["metadata"] == body["metadata"]
    assert slack.store()["pings"] == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param({"channel": "C0NONE"}, "channel_not_found", id="unknown channel"),
        pytest.param({"channel": "C0OLD"}, "is_archived", id="archived channel"),
        pytest.param({"channel": "C0OTHER"}, "not_in_channel", id="channel without the bot"),
        pytest.param({"text": ""}, "no_text", id="nothing to say"),
        pytest.param({"text": "a" * 40_001}, "msg_too_long", id="text too long"),
        pytest.param({"blocks": {}, "text": "a", "metadata": []}, "invalid_metadata_format", id="metadata that is a list"),
        pytest.param({"metadata": {"event_type": "a"}}, "invalid_metadata_schema", id="metadata without a payload"),
        pytest.param(
            {"metadata": {"event_type": "a", "event_payload": {"a": None}}},
            "invalid_metadata_schema",
            id="null in metadata",
        ),
        pytest.param(
            {"metadata": {"event_type": "a", "event_payload": {"a": ["b"]}}},
            "invalid_metadata_schema",
            id="array of text in metadata",
        ),
        pytest.param(
            {"metadata": {"event_type": "a", "event_payload": {"a": [{"b": "c" * 20}] * 700}}},
            "metadata_too_large",
            id="long array in metadata",
        ),
        pytest.param(
            {"metadata": {"event_type": "a", "event_payload": {"a": "b" * 16_000}}},
            "metadata_too_large",
            id="large metadata",
        ),
        pytest.param({"blocks": "text"}, "invalid_blocks_format", id="blocks that are no list"),
        pytest.param(
            {"blocks": [section(str(n) * 2_300) for n in range(5)]}, "msg_blocks_too_long", id="blocks too long together"
        ),
        pytest.param(
            {"blocks": [section("a" * 2_900)] * 2, "attachments": [{"blocks": [section("a" * 2_900)] * 2}]},
            "msg_blocks_too_long",
            id="attachments count too",
        ),
        pytest.param({"attachments": ["text"]}, "invalid_attachments", id="attachment that is no object"),
        pytest.param({"attachments": [{"blocks": [section("")]}]}, "invalid_blocks", id="bad block in an attachment"),
        pytest.param({"thread_ts": "1795500000.000001"}, "cannot_reply_to_message", id="thread of nothing"),
    ],
)
def test_post_refuses(arguments: dict[str, Any], error: str) -> None:
    channels = (
        Channel(id=CHANNEL, name="soc-alerts"),
        Channel(id="C0OLD", name="old", archived=True),
        Channel(id="C0OTHER", name="other", member=False),
    )
    with running(Slack(rate=0, channels=channels)) as slack:
        headers = {"Authorization": f"Bearer {slack.token}"}
        with connect(slack.api_url, headers=headers) as client:
            answer = call(client, "chat.postMessage", **{"text": "a case", **arguments})
        assert (answer["ok"], answer["error"]) == (False, error)
        assert slack.store()["messages"] == []


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(section("a" * 3_000), id="section at its limit"),
        pytest.param({"type": "section", "fields": [plain("a" * 2_000)] * 10}, id="fields at their limit"),
        pytest.param({"type": "header", "text": plain("a" * 150)}, id="header at its limit"),
        pytest.param({"type": "context", "elements": [plain("a")] * 10}, id="context at its limit"),
        pytest.param(
            button(value="a" * 2_000, url="https://" + "a" * 2_992, action_id="a" * 255), id="button at its limits"
        ),
        pytest.param({"type": "divider"}, id="divider"),
        pytest.param({"type": "markdown", "text": "a" * 12_000}, id="markdown at its limit"),
    ],
)
def test_blocks_at_their_limits(block: dict[str, Any]) -> None:
    assert problems([block]) == []


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param([section("a" * 3_001)], id="section"),
        pytest.param([section("")], id="empty section"),
        pytest.param([{"type": "section"}], id="section of nothing"),
        pytest.param([section(fields=[plain("a")] * 11)], id="fields"),
        pytest.param([section(fields=[plain("a" * 2_001)])], id="field"),
        pytest.param([{"type": "header", "text": plain("a" * 151)}], id="header"),
        pytest.param([{"type": "header", "text": {"type": "mrkdwn", "text": "a"}}], id="header with markup"),
        pytest.param([{"type": "context", "elements": [plain("a")] * 11}], id="context"),
        pytest.param([{"type": "actions", "elements": [button()["elements"][0]] * 26}], id="actions"),
        pytest.param([{"type": "actions", "elements": [{"type": "magic"}]}], id="unknown element"),
        pytest.param([button(text=plain("a" * 76))], id="button text"),
        pytest.param([button(value="a" * 2_001)], id="button value"),
        pytest.param([button(url="a" * 3_001)], id="button link"),
        pytest.param([button(action_id="a" * 256)], id="action id"),
        pytest.param([button(confirm={"title": plain("a" * 101)})], id="confirm title"),
        pytest.param([button(confirm={"text": plain("a" * 301)})], id="confirm text"),
        pytest.param([button(confirm={"deny": plain("a" * 31)})], id="confirm button"),
        pytest.param([section(accessory={"type": "magic"})], id="accessory"),
        pytest.param([section(block_id="a" * 256)], id="block id"),
        pytest.param([section(block_id="a"), section(block_id="a")], id="block id twice"),
        pytest.param([section()] * 51, id="blocks"),
        pytest.param([{"type": "markdown", "text": "a" * 12_001}], id="markdown"),
        pytest.param([{"type": "marquee"}], id="unknown block"),
        pytest.param([{"type": ["section"]}], id="type that is no text"),
        pytest.param([None], id="null"),
        pytest.param([{"type": "section", "text": {"type": ["mrkdwn"], "text": "a"}}], id="text type that is no text"),
    ],
)
def test_blocks_over_their_limits(client: httpx2.Client, blocks: list[Any]) -> None:
    answer = call(client, "chat.postMessage", text="a case", blocks=blocks)
    assert answer["error"] == "invalid_blocks"
    assert "json-pointer:/blocks" in answer["response_metadata"]["messages"][0]


@pytest.mark.parametrize(
    ("arguments", "pings"),
    [
        pytest.param({"text": "<!channel> up"}, ["channel"], id="text"),
        pytest.param({"blocks": [section("<!here|here> and <!everyone>")]}, ["here", "everyone"], id="blocks"),
        pytest.param({"blocks": [section(fields=[{"type": "mrkdwn", "text": "<!channel>"}])]}, ["channel"], id="field"),
        pytest.param({"attachments": [{"blocks": [section("<!channel>")]}]}, ["channel"], id="attachment"),
        pytest.param({"attachments": [{"text": "<!channel>"}]}, ["channel"], id="attachment text"),
        pytest.param({"text": "&lt;!channel&gt;"}, [], id="escaped"),
        pytest.param({"blocks": [{"type": "header", "text": plain("<!channel>")}]}, [], id="plain text"),
        pytest.param({"text": "<!subteam^S0SOC>"}, [], id="a group is not the channel"),
    ],
)
def test_unescaped_pings_are_recorded(
    slack: Slack, client: httpx2.Client, arguments: dict[str, Any], pings: list[str]
) -> None:
    posted(client, **arguments)
    (stored,) = slack.store()["messages"]
    assert stored["pings"] == pings
    assert bool(slack.store()["pings"]) == bool(pings)


# --- threads, updates, reading --------------------------------------------------------------------------------------


def test_a_thread_hangs_on_its_parent(slack: Slack, client: httpx2.Client) -> None:
    parent = posted(client)
    replies = [posted(client, text=f"news {n}", thread_ts=parent) for n in range(2)]
    assert call(client, "chat.postMessage", text="x", thread_ts=replies[0])["error"] == "cannot_reply_to_message"
    (shown,) = call(client, "conversations.history")["messages"]
    assert (shown["ts"], shown["reply_count"], shown["latest_reply"]) == (parent, 2, replies[1])
    thread = call(client, "conversations.replies", ts=parent)["messages"]
    assert [one["ts"] for one in thread] == [parent, *replies]
    assert call(client, "conversations.replies", ts="1.000001")["error"] == "thread_not_found"
    (stored,) = slack.store()["messages"]
    assert [one["text"] for one in stored["thread"]] == ["news 0", "news 1"]


def test_an_update_with_text_alone_drops_the_blocks(slack: Slack, client: httpx2.Client) -> None:
    ts = posted(client, blocks=[section()], attachments=[{"text": "why"}], metadata=METADATA)
    assert call(client, "chat.update", ts=ts, text="new")["ok"]
    (stored,) = slack.store()["messages"]
    assert (stored["text"], stored["blocks"], stored["attachments"]) == ("new", [], [{"text": "why"}])
    assert (stored["metadata"], bool(stored["edited"])) == (METADATA, True)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param({"ts": "1.000001"}, "message_not_found", id="unknown message"),
        pytest.param({"channel": "#soc-alerts"}, "channel_not_found", id="channel by name"),
        pytest.param({"text": "a" * 4_001}, "msg_too_long", id="text too long"),
        pytest.param({"blocks": [section("a" * 3_001)]}, "invalid_blocks", id="bad block"),
        pytest.param({"text": ""}, "no_text", id="nothing left"),
    ],
)
def test_update_refuses(slack: Slack, client: httpx2.Client, arguments: dict[str, Any], error: str) -> None:
    ts = posted(client)
    assert call(client, "chat.update", **{"ts": ts, "text": "new", **arguments})["error"] == error
    assert slack.store()["messages"][0]["text"] == "a case"


def test_metadata_is_shown_only_when_asked_for(client: httpx2.Client) -> None:
    posted(client, metadata=METADATA)
    (without,) = call(client, "conversations.history")["messages"]
    (with_it,) = call(client, "conversations.history", include_all_metadata=True)["messages"]
    assert "metadata" not in without
    assert with_it["metadata"] == METADATA


def test_metadata_may_hold_an_array_of_objects(client: httpx2.Client) -> None:
    payload = {
        "delivery_keys": [{"delivery_key": "enricher-1"}, {"delivery_key": "enricher-2"}],
        "about": {"n": 2, "ok": True},
    }
    posted(client, metadata={"event_type": "enricher_digest", "event_payload": payload})
    (shown,) = call(client, "conversations.history", include_all_metadata=True)["messages"]
    assert shown["metadata"]["event_payload"] == payload


def test_a_deleted_message_takes_its_thread_along(slack: Slack, client: httpx2.Client) -> None:
    parent, other = posted(client), posted(client)
    posted(client, thread_ts=parent)
    slack.delete(parent)
    assert call(client, "chat.update", ts=parent, text="x")["error"] == "message_not_found"
    assert call(client, "chat.postMessage", thread_ts=parent, text="x")["error"] == "cannot_reply_to_message"
    assert call(client, "conversations.replies", ts=parent)["error"] == "thread_not_found"
    assert [one["ts"] for one in call(client, "conversations.history")["messages"]] == [other]
    assert [one["ts"] for one in slack.store()["messages"]] == [other]


def test_history_pages_newest_first_within_its_window(client: httpx2.Client) -> None:
    sent = [posted(client, text=f"{n}") for n in range(3)]
    first = call(client, "conversations.history", limit=2)
    assert [one["ts"] for one in first["messages"]] == [sent[2], sent[1]]
    assert first["has_more"]
    second = call(client, "conversations.history", limit=2, cursor=first["response_metadata"]["next_cursor"])
    assert ([one["ts"] for one in second["messages"]], second["has_more"]) == ([sent[0]], False)
    assert [one["ts"] for one in call(client, "conversations.history", oldest=sent[1])["messages"]] == [sent[2]]
    inclusive = call(client, "conversations.history", oldest=sent[1], inclusive=True)["messages"]
    assert [one["ts"] for one in inclusive] == [sent[2], sent[1]]
    assert call(client, "conversations.history", oldest="soon")["error"] == "invalid_arguments"


def test_forms_carry_json_in_their_fields(slack: Slack, client: httpx2.Client) -> None:
    form = {"channel": "#soc-alerts", "text": "a", "blocks": json.dumps([section()]), "metadata": json.dumps(METADATA)}
    assert client.post("chat.postMessage", data=form).json()["ok"]
    assert slack.store()["messages"][0]["metadata"] == METADATA
    assert client.post("chat.postMessage", data=form | {"blocks": "["}).json()["error"] == "invalid_blocks_format"
    headers = {"Content-Type": "application/json"}
    assert client.post("chat.postMessage", content=b"{", headers=headers).json()["error"] == "invalid_json"
    assert client.post("chat.postMessage", content=b"[]", headers=headers).json()["error"] == "json_not_object"


def test_slacks_own_client_works_with_it(slack: Slack) -> None:
    client = WebClient(token=slack.token, base_url=slack.api_url, retry_handlers=[])
    sent = client.chat_postMessage(channel=CHANNEL, text="a case", blocks=[section()], metadata=METADATA)
    found = client.conversations_history(channel=CHANNEL, include_all_metadata=True, limit=10)
    assert found["messages"][0]["metadata"] == METADATA
    assert client.chat_getPermalink(channel=CHANNEL, message_ts=sent["ts"])["permalink"].startswith(slack.url)
    assert client.conversations_info(channel=CHANNEL)["channel"]["name"] == "soc-alerts"
    assert client.auth_test()["team_id"] == "T0SOC"
    client.chat_update(channel=CHANNEL, ts=sent["ts"], text="new", blocks=[section("new")])
    assert slack.store()["messages"][0]["blocks"] == [section("new")]


# --- who asks, and how often ----------------------------------------------------------------------------------------


def test_tokens_and_scopes(slack: Slack) -> None:
    url = f"{slack.api_url}auth.test"
    assert httpx2.post(url).json()["error"] == "not_authed"
    assert httpx2.post(url, headers={"Authorization": "Bearer wrong"}).json()["error"] == "invalid_auth"
    assert httpx2.post(url, data={"token": slack.token}).json()["ok"]
    assert httpx2.post(f"{slack.api_url}no.method").json()["error"] == "unknown_method"
    with running(Slack(scopes=frozenset({"chat:write"}))) as narrow:
        answer = httpx2.post(
            f"{narrow.api_url}conversations.history", data={"token": narrow.token, "channel": CHANNEL}
        ).json()
        assert (answer["error"], answer["needed"]) == ("missing_scope", "channels:history")


def test_one_message_a_second_and_channel() -> None:
    now = [1_795_500_000.0]
    with running(Slack(rate=1, burst=2, clock=lambda: now[0])) as slack:
        headers = {"Authorization": f"Bearer {slack.token}"}
        with connect(slack.api_url, headers=headers) as client:
            posted(client)
            posted(client)
            refused = client.post("chat.postMessage", json={"channel": CHANNEL, "text": "a"})
            assert (refused.status_code, refused.headers["Retry-After"], refused.json()["error"]) == (
                429,
                "1",
                "ratelimited",
            )
            posted(client, channel="C0SOCRECORD")
            now[0] += 1
            posted(client)
        times = [float(one["ts"]) for one in slack.store()["messages"]]
        assert times == sorted(set(times))


# --- the page, the folder -------------------------------------------------------------------------------------------


def test_the_page_shows_threads_and_escapes_them(slack: Slack, client: httpx2.Client) -> None:
    parent = posted(
        client, blocks=[section("*bold* <https://a.example|link> &lt;b&gt; <javascript:x|bad> <script>x</script>")]
    )
    posted(client, text="<img src=x>", thread_ts=parent)
    other = posted(client, text="other")
    shown = httpx2.get(f"{slack.url}/archives/{CHANNEL}").text
    assert '<b>bold</b> <a href="https://a.example" rel="noreferrer">link</a> &lt;b&gt;' in shown
    assert "javascript" not in shown
    assert "<script" not in shown
    assert "<img" not in shown
    assert shown.index("p" + other.replace(".", "")) < shown.index("p" + parent.replace(".", ""))
    link = call(client, "chat.getPermalink", message_ts=parent)["permalink"]
    alone = httpx2.get(link).text
    assert "bold" in alone
    assert "other" not in alone
    assert call(client, "chat.getPermalink", message_ts="1.000001")["error"] == "message_not_found"


def test_a_folder_keeps_messages(tmp_path: Path) -> None:
    for count in (1, 2):
        with running(Slack(state=tmp_path)) as slack:
            with connect(slack.api_url, headers={"Authorization": f"Bearer {slack.token}"}) as client:
                posted(client)
            assert len(slack.store()["messages"]) == count
