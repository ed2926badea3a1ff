"""The work on a case, on its page and by the API."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from enricher.core.feedback import Said
from enricher.core.work import CaseWork
from tests.web.conftest import Connect
from tests.web.fakes import NOW, World, case_record

KEY = "enricher-2412d6c5edbed00f"
READ = {"Authorization": "Bearer read"}


@pytest.fixture
def shown(world: World, client: FlaskClient) -> FlaskClient:
    world.reader.stored = [case_record()]
    world.operator.known = frozenset({KEY})
    return client


def send(client: FlaskClient, action: str, **fields: str) -> int:
    page = client.get(f"/cases/{KEY}").get_data(as_text=True)
    found = re.search(rf'/cases/{KEY}/{action}"[^>]*>\s*<input type="hidden" name="form_token" value="([^"]+)"', page)
    assert found, f"the page has no form to {action}"
    return client.post(f"/cases/{KEY}/{action}", data={"form_token": found[1], **fields}).status_code


def test_the_forms_of_the_page_do_what_they_say(world: World, shown: FlaskClient) -> None:
    assert send(shown, "acknowledge") == 303
    assert send(shown, "assign") == 303
    assert send(shown, "mute", why="patch night") == 303
    until = f"{NOW + timedelta(hours=24):%Y-%m-%d %H:%M}"
    assert [what for _, what, _ in world.operator.worked] == [
        "acknowledged by loopback",
        "assigned to loopback by loopback",
        f"muted until {until} by loopback: patch night",
    ]


@pytest.mark.parametrize("why", ["  ", "x" * 501])
def test_a_mute_without_a_good_reason_comes_back_with_the_form(world: World, shown: FlaskClient, why: str) -> None:
    assert send(shown, "mute", why=why) == 303
    assert world.operator.worked == []
    assert "mute-error" not in shown.get(f"/cases/{KEY}").get_data(as_text=True)
    page = shown.get(f"/cases/{KEY}?mute=no-reason").get_data(as_text=True)
    assert re.search(r'<details open><summary>Mute[^§]*id="mute-error"', page)


def test_a_false_positive_leads_to_its_draft(shown: FlaskClient) -> None:
    token = re.search(
        r'/judge"[^>]*>\s*<input type="hidden" name="form_token" value="([^"]+)"', shown.get(f"/cases/{KEY}").text
    )
    assert token
    for said, where in (("false_positive", f"/drafts/{KEY}"), ("true_positive", f"/cases/{KEY}")):
        answer = shown.post(f"/cases/{KEY}/judge", data={"form_token": token[1], "said": said})
        assert (answer.status_code, answer.headers["Location"]) == (303, where)


def test_a_muted_case_is_unmuted_and_given_back(world: World, shown: FlaskClient) -> None:
    work = CaseWork(assignee="loopback", muted_by="ana", muted_until=NOW + timedelta(hours=1), mute_reason="<b>why</b>")
    world.reader.stored = [case_record(work=work)]
    page = shown.get(f"/cases/{KEY}").get_data(as_text=True)
    assert "&lt;b&gt;why&lt;/b&gt;" in page
    assert f"/cases/{KEY}/mute" not in page
    assert send(shown, "unmute") == 303
    assert send(shown, "assign", nobody="yes") == 303
    assert [what for _, what, _ in world.operator.worked] == ["unmuted by loopback", "assigned to None by loopback"]


def test_a_mute_that_has_run_out_is_none(world: World, shown: FlaskClient) -> None:
    work = CaseWork(muted_by="ana", muted_until=NOW - timedelta(seconds=1), mute_reason="patch night")
    world.reader.stored = [case_record(work=work)]
    assert "patch night" not in shown.get(f"/cases/{KEY}").get_data(as_text=True)


def test_what_a_case_was_is_said_on_its_page(world: World, shown: FlaskClient) -> None:
    assert send(shown, "judge", said="false_positive", why="known tool") == 303
    assert send(shown, "judge", said="nonsense") == 400
    [(key, word)] = world.operator.words
    assert (key, word.said, word.by, word.source, word.note) == (
        KEY,
        Said.FALSE_POSITIVE,
        "loopback",
        "console",
        "known tool",
    )


def test_who_only_reads_has_no_forms_and_may_not_send_them(world: World, connect: Connect) -> None:
    world.reader.stored = [case_record()]
    client = connect(read_tokens=("read",), write_tokens=("write",))
    assert "/acknowledge" not in client.get(f"/cases/{KEY}", headers=READ).get_data(as_text=True)
    assert client.post(f"/cases/{KEY}/acknowledge", headers=READ).status_code in {401, 403}
    assert client.post(f"/api/v1/cases/{KEY}/acknowledge", json={"by": "ana"}, headers=READ).status_code == 401
    assert world.operator.worked == []


def test_the_api_does_the_same(world: World, shown: FlaskClient) -> None:
    for what in ("acknowledge", "assign", "mute", "unmute"):
        assert shown.post(f"/api/v1/cases/{KEY}/{what}", json={"by": "ana", "to": "bo", "why": "x"}).status_code == 202
        assert shown.post(f"/api/v1/cases/none/{what}", json={"by": "ana", "why": "x"}).status_code == 404
        assert shown.post(f"/api/v1/cases/{KEY}/{what}", json={}).status_code == 400
    assert [what.partition(" ")[0] for _, what, _ in world.operator.worked] == [
        "acknowledged",
        "assigned",
        "muted",
        "unmuted",
    ]
    assert world.operator.worked[1][1] == "assigned to bo by ana (API)"
