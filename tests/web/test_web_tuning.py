"""The pages of tuning and the downloads: what they show, to whom, within which bounds, and that nothing on them is more than text."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import html as lxml_html
from lxml.html import HtmlElement

from enricher.core.comparison import BANDS, CaseChange, Stand
from enricher.core.feedback import Feedback, Said
from enricher.core.radius import Radius
from enricher.core.uses import RuleDay
from enricher.web.workbench import Download, Trial
from tests.test_replay import of_rules
from tests.test_replay import rule as written
from tests.web.fakes import NOW, FakeDraft, World, case_record, critical_document
from tests.web.test_web_judgement import rule

Connect = Callable[..., FlaskClient]
KEY = "enricher-2412d6c5edbed00f"
RULE = "node-of-the-shop"
TENANT = "corp.vercel.app"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{7*7}}\u202e\x00"
READ, WRITE = {"Authorization": "Bearer read"}, {"Authorization": "Bearer write"}
PATHS = ["/tuning", f"/tuning/{RULE}", f"/tuning/{RULE}/preview", f"/drafts/{KEY}", "/downloads"]


def stand(severity: str = "medium", score: int = 58, **more: Any) -> Stand:
    case = Stand(
        key=KEY,
        host="ws-1",
        tenant=TENANT,
        target=TENANT,
        process="node.exe",
        severity=severity,
        score=score,
        verdict="suspicious",
        disposition="open",
        identity=(),
    )
    return replace(case, **more)


def radius(**more: Any) -> Radius:
    counts = dict.fromkeys(BANDS, 0)
    lowered = CaseChange(kind="changed", before=stand(), now=stand("low", 39))
    found = Radius(rule=RULE, before=counts | {"medium": 10}, now=counts | {"medium": 9, "low": 1}, changes=[lowered])
    return replace(found, **more)


def draft(**conditions: Any) -> FakeDraft:
    asked = {"image": "c:\\node.exe", "command_line": "re:^node$", "tenant": TENANT, **conditions}
    return FakeDraft(rule={"scope": {"hosts": ["ws-1"]}, "conditions": asked}, text=f"- id: draft\n  tenant: {TENANT}\n")


@pytest.fixture
def tuned(world: World) -> World:
    today = NOW.date()
    world.rules = [rule(RULE, state="live", source="tuning/web.yml:12", scope={"groups": ["developers"]})]
    world.workbench.written = list(of_rules(written(TENANT)).rules.tuning)
    world.workbench.drafts = {KEY: draft()}
    world.workbench.trials = {RULE: Trial(radius=radius())}
    world.workbench.files = [
        Download(name="serverless-c2.sigma.yml", kind="sigma", title="Sigma rules", about="two", text="title: x\n" * 1_000),
        Download(name="sumo-xml-functions.txt", kind="sumo", title="Detection", about="all", text='("workers.dev")'),
    ]
    world.reader.matched = [
        RuleDay(rule=RULE, day=today, mode="live", matches=3),
        RuleDay(rule=RULE, day=today - timedelta(days=40), mode="shadow", matches=6),
        RuleDay(rule="another", day=today, mode="live", matches=50),
    ]
    matched: Any = critical_document()
    matched["exceptions"] = [matched["exceptions"][0] | {"rule": RULE}]
    world.reader.stored = [case_record(matched), case_record(critical_document() | {"key": "enricher-other"})]
    return world


def parsed(client: FlaskClient, path: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HtmlElement:
    answer = client.get(path, headers={"Accept": "text/html", **(headers or {})})
    assert answer.status_code == status, answer.data
    return lxml_html.document_fromstring(answer.get_data(as_text=True))


def shown(client: FlaskClient, path: str, status: int = 200, headers: Mapping[str, str] | None = None) -> str:
    return " ".join(parsed(client, path, status, headers).text_content().split())


# --- rules ----------------------------------------------------------------------------------------------------------


def test_the_list_says_what_each_rule_asks_whose_it_is_and_what_it_did(tuned: World, client: FlaskClient) -> None:
    said = shown(client, "/tuning")
    for fact in (
        RULE,
        "on hosts of the group developers",
        "towards the tenant corp[.]vercel[.]app",
        "approved by soc, SEC-1",
        "7 days left",
        "3in 30 days, 12 in all",
    ):
        assert fact in said


def test_content_that_was_refused_is_said_where_its_rules_are(tuned: World, client: FlaskClient) -> None:
    tuned.problems = [f"tuning/web.yml:12: rule '{RULE}': test must_not[0]: the rule matches", "severity.yml:3: no"]
    assert "the rule matches" in shown(client, "/tuning")
    assert "severity.yml" not in shown(client, "/tuning")
    assert "Its file as it is now is not in force" in shown(client, f"/tuning/{RULE}")


def test_a_rule_has_a_page_with_its_tests_its_days_and_its_cases(tuned: World, client: FlaskClient) -> None:
    said = shown(client, f"/tuning/{RULE}")
    for fact in (
        "tuning/web.yml:12",
        "Exactly this customer of the platform",
        "9 matches on 2 days since 2026-08-27, the most on 2026-10-15: 6",
        "It must fit: 1",
        "tenant not-corp[.]vercel[.]app",
        "example-lab[.]workers[.]dev",
    ):
        assert fact in said
    page = parsed(client, f"/tuning/{RULE}")
    assert page.xpath("//tbody//td[@class='main']/a/@href") == [f"/cases/{KEY}"]
    assert len(page.xpath("//*[local-name()='line'][contains(@class, 'day')]")) == 2
    assert len(page.xpath("//*[local-name()='line'][@class='day shadow']")) == 1


def test_many_rules_come_in_pages_and_by_state(tuned: World, client: FlaskClient) -> None:
    tuned.rules = [rule(f"rule-{n:03}", state="shadow" if n % 2 else "live", reason="r" * 2_000) for n in range(120)]
    first = parsed(client, "/tuning")
    assert len(first.xpath("//tbody/tr")) == 50
    assert len(client.get("/tuning").data) < 200_000
    assert "all 120" in shown(client, "/tuning")
    (older,) = parsed(client, "/tuning?state=shadow").xpath("//a[@rel='next']/@href")
    rest = parsed(client, older)
    assert rest.xpath("//tbody//td[@class='main']/a/b/text()") == [f"rule-{n:03}" for n in range(101, 120, 2)]
    assert rest.xpath("//a[@rel='next']") == []
    assert "None of that state." in shown(client, "/tuning?state=expired")
    for wrong in ("state=none", "after=x", "after=-1", "after=9999999"):
        assert client.get(f"/tuning?{wrong}").status_code == 400


def test_a_draft_as_long_as_can_be_stays_below_the_limit_of_a_page(tuned: World, client: FlaskClient) -> None:
    line = '"' * 8_192
    long = draft(command_line=[line] * 8)
    tuned.workbench.drafts = {KEY: replace(long, text=f"- {line}\n" * 25)}
    assert len(client.get(f"/drafts/{KEY}").data) < 200_000
    assert "characters more in the file" in shown(client, f"/drafts/{KEY}")
    assert len(client.get(f"/drafts/{KEY}?as=yml").data) > 200_000


def test_a_rule_that_is_not_there(tuned: World, client: FlaskClient) -> None:
    for path in ("/tuning/nothing", "/tuning/nothing/preview"):
        assert "There is no tuning rule" in shown(client, path, 404)


def test_a_rule_without_a_match_has_a_page(tuned: World, client: FlaskClient) -> None:
    tuned.reader.matched, tuned.reader.stored, tuned.workbench.written = [], [], []
    tuned.rules = [rule(RULE, matches=None, last_match=None)]
    said = shown(client, f"/tuning/{RULE}")
    assert "No match since 2026-08-27" in said
    assert "? in all" in said


# --- what it would change -------------------------------------------------------------------------------------------


def test_a_preview_says_what_changes_and_whether_it_may_go_live(tuned: World, client: FlaskClient) -> None:
    said = shown(client, f"/tuning/{RULE}/preview?since=36h")
    for fact in ("1 of 10 cases lowered, 10 %", "medium → low", "58 → 39", "Nothing speaks against it"):
        assert fact in said
    assert tuned.workbench.asked == [NOW - timedelta(hours=36)]


@pytest.mark.parametrize(("cut", "words"), [("cases", "As many cases"), ("seconds", "No more time")])
def test_a_preview_that_was_cut_says_so_and_promises_nothing(
    tuned: World, client: FlaskClient, cut: str, words: str
) -> None:
    tuned.workbench.trials[RULE] = Trial(radius=radius(), forgotten=2, oldest=NOW, cut=cut)
    said = shown(client, f"/tuning/{RULE}/preview")
    assert words in said
    assert "12 were looked at, the newest, back to 2026-11-24 02:04:00 UTC" in said
    assert f"enricher tuning preview {RULE} --since 14d" in said
    assert "2 cases are left out" in said
    assert "Not told by this." in said


def test_a_preview_names_what_speaks_against_a_rule(tuned: World, client: FlaskClient) -> None:
    tuned.workbench.trials[RULE] = Trial(radius=radius(protected=frozenset({TENANT})))
    said = shown(client, f"/tuning/{RULE}/preview")
    assert "No.lowers a tenant that a person called malicious" in said


@pytest.mark.parametrize("since", ["1", "d", "-1d", "0d", "1y", "99999d", "1d; rm", "１d"])
def test_the_time_of_a_preview_is_a_span(tuned: World, client: FlaskClient, since: str) -> None:
    assert client.get(f"/tuning/{RULE}/preview", query_string={"since": since}).status_code == 400
    assert tuned.workbench.asked == []


def test_one_preview_at_a_time(tuned: World, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    client, other = connect(), None
    begun, goes_on = threading.Event(), threading.Event()

    def slow(_rule: str, _since: object) -> Trial:
        begun.set()
        assert goes_on.wait(10)
        return Trial(radius=radius())

    monkeypatch.setattr(tuned.workbench, "trial", slow)
    statuses: list[int] = []
    path = f"/tuning/{RULE}/preview"
    thread = threading.Thread(target=lambda: statuses.append(client.application.test_client().get(path).status_code))
    thread.start()
    assert begun.wait(10)
    other = client.get(path)
    goes_on.set()
    thread.join()
    assert (other.status_code, other.headers["Retry-After"], statuses) == (429, "10", [200])
    assert client.get(path).status_code == 200


# --- drafts ---------------------------------------------------------------------------------------------------------


def test_a_draft_is_shown_explained_and_taken_away(tuned: World, client: FlaskClient) -> None:
    said = shown(client, f"/drafts/{KEY}")
    for fact in ("tenant: corp.vercel.app", "an added argument does not fit", "enricher tuning test", "This host alone"):
        assert fact in said
    answer = client.get(f"/drafts/{KEY}?as=yml")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="draft-2412d6c5edbed00f.yml"'
    assert answer.get_data(as_text=True) == tuned.workbench.drafts[KEY].text


def test_a_case_that_may_have_no_rule_says_why(tuned: World, client: FlaskClient) -> None:
    tuned.workbench.drafts[KEY] = FakeDraft(problems=("its verdict is malicious", "it goes over 2 tenants"))
    said = shown(client, f"/drafts/{KEY}")
    assert "its verdict is malicious" in said
    assert "enricher tuning test" not in said
    assert "its verdict is malicious; it goes over 2 tenants" in shown(client, f"/drafts/{KEY}?as=yml", 404)


def test_no_draft_of_what_is_not_there(tuned: World, client: FlaskClient) -> None:
    assert "There is no case" in shown(client, "/drafts/enricher-0", 404)
    tuned.workbench.drafts = {}
    assert "There is no case" in shown(client, f"/drafts/{KEY}", 404)


def test_a_secret_gets_neither_onto_the_page_nor_into_the_file(tuned: World, client: FlaskClient) -> None:
    line = "curl -H 'Authorization: Bearer xyzzy0123456789plugh'"
    tuned.workbench.drafts[KEY] = replace(draft(command_line=line), text=f"- command_line: {line}\n")
    for path in (f"/drafts/{KEY}", f"/drafts/{KEY}?as=yml"):
        assert "xyzzy" not in client.get(path).get_data(as_text=True)
    assert "What looks like a secret is masked" in shown(client, f"/drafts/{KEY}")


def test_what_people_said_of_the_case_stands_beside_its_draft(tuned: World, client: FlaskClient) -> None:
    word = Feedback(said=Said.FALSE_POSITIVE, by="anna", at=NOW, source="jira", note="ours")
    tuned.reader.stored = [case_record(feedback=(word,))]
    assert "A false positiveanna in jira, 2026-11-24 02:04:00 UTCours" in shown(client, f"/drafts/{KEY}")


def test_a_person_says_there_what_the_case_was(tuned: World, client: FlaskClient) -> None:
    (form,) = parsed(client, f"/drafts/{KEY}").xpath("//form[@method='post'][contains(@action, '/judge')]")
    assert form.xpath(".//input[@type='radio']/@value") == ["false_positive", "true_positive", "none"]
    (token,) = form.xpath(".//input[@name='form_token']/@value")
    data = {"said": "false_positive", "why": "our own", "form_token": token}
    answer = client.post(form.get("action"), data=data)
    assert (answer.status_code, answer.location) == (303, f"/drafts/{KEY}")
    ((key, word),) = tuned.operator.words
    assert (key, word.said, word.source, word.note) == (KEY, Said.FALSE_POSITIVE, "console", "our own")
    assert client.post(form.get("action"), data=data | {"form_token": "x"}).status_code == 403


# --- downloads ------------------------------------------------------------------------------------------------------


def test_files_are_listed_and_taken_away(tuned: World, client: FlaskClient) -> None:
    page = parsed(client, "/downloads")
    assert sorted(set(page.xpath("//a[@download]/@href"))) == [
        "/downloads/serverless-c2.sigma.yml",
        "/downloads/sumo-xml-functions.txt",
    ]
    assert page.xpath("//pre/text()") == ['("workers.dev")'], "what is long is only a file"
    answer = client.get("/downloads/sumo-xml-functions.txt")
    assert answer.get_data(as_text=True) == '("workers.dev")'
    assert answer.headers["Content-Disposition"] == 'attachment; filename="sumo-xml-functions.txt"'
    assert answer.mimetype == "text/plain"


@pytest.mark.parametrize("name", ["nothing", "..%2f..%2fetc%2fpasswd", "SUMO-xml-functions.txt"])
def test_no_other_file_is_given(tuned: World, client: FlaskClient, name: str) -> None:
    assert client.get(f"/downloads/{name}").status_code == 404


# --- who may, and text that is hostile ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tuning", 200),
        (f"/tuning/{RULE}", 200),
        ("/downloads", 200),
        ("/downloads/sumo-xml-functions.txt", 200),
        (f"/tuning/{RULE}/preview", 403),
        (f"/drafts/{KEY}", 403),
        (f"/drafts/{KEY}?as=yml", 403),
    ],
)
def test_roles(tuned: World, connect: Connect, path: str, status: int) -> None:
    client = connect(read_tokens=("read",), write_tokens=("write",))
    assert client.get(path).status_code == 401
    assert client.get(path, headers=READ).status_code == status
    assert client.get(path, headers=WRITE).status_code == 200


def test_who_may_not_preview_is_not_offered_it(tuned: World, connect: Connect) -> None:
    client = connect(read_tokens=("read",), write_tokens=("write",))
    assert "What would it change?" not in shown(client, f"/tuning/{RULE}", headers=READ)
    assert "What would it change?" in shown(client, f"/tuning/{RULE}", headers=WRITE)


@pytest.fixture
def evil(tuned: World) -> World:
    tuned.rules = [
        rule(
            RULE,
            owner=HOSTILE,
            reason=HOSTILE,
            approver=HOSTILE,
            source=HOSTILE,
            scope={"users": [HOSTILE]},
            conditions={"image": [HOSTILE], "tenant": [HOSTILE], HOSTILE: [HOSTILE]},
        )
    ]
    tuned.problems = [f"tuning rule '{RULE}': {HOSTILE}"]
    (one,) = tuned.workbench.written
    tuned.workbench.written = [replace(one, tests={"must_match": [{"user": HOSTILE}], "must_not": [{HOSTILE: [HOSTILE]}]})]
    change = CaseChange(kind="changed", before=stand(host=HOSTILE, process=HOSTILE, target=HOSTILE), now=stand("low", 1))
    trial = Trial(radius=radius(changes=[change], hides=[HOSTILE]))
    tuned.workbench.trials = {RULE: trial}
    tuned.workbench.drafts = {KEY: replace(draft(image=HOSTILE, **{HOSTILE: HOSTILE}), text=HOSTILE)}
    tuned.workbench.files = [Download(name="x.txt", kind="sumo", title=HOSTILE, about=HOSTILE, text=HOSTILE)]
    word = Feedback(said=Said.TRUE_POSITIVE, by=HOSTILE, at=NOW, source=HOSTILE, note=HOSTILE)
    tuned.reader.stored = [replace(record, feedback=(word,)) for record in tuned.reader.stored]
    return tuned


@pytest.mark.parametrize("path", PATHS)
def test_hostile_text_is_text(evil: World, client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    source = answer.get_data(as_text=True)
    page: HtmlElement = lxml_html.document_fromstring(source)
    assert page.xpath("//script[not(@src='/static/console.js')] | //img | //iframe | //style | //base") == []
    assert [name for one in page.iter() for name in one.attrib if str(name).startswith("on") or name == "style"] == []
    assert "\u202e" not in source
    assert "\x00" not in source
    assert "⟨U+202E⟩" in source
    assert "<script>alert(1)</script>" in unescape(source)
    assert "49" not in page.text_content()


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_sound(tuned: World, client: FlaskClient, path: str) -> None:
    page = parsed(client, path)
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert len(page.xpath("//h1")) == 1
    assert page.xpath("//title/text()")
    assert page.xpath("//input[not(@type='hidden')][not(ancestor::label)] | //select[not(ancestor::label)]") == []
    assert set(page.xpath("//@aria-labelledby")) <= set(ids)
    assert page.xpath("//pre[not(@tabindex)]") == []


def test_the_last_day_of_a_rule_is_told(tuned: World, client: FlaskClient) -> None:
    tuned.rules = [rule(RULE, state="expired", days_left=0, expires=str(date(2026, 11, 20)))]
    assert "ended2026-11-20" in shown(client, "/tuning")
