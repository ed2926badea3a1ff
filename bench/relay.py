"""The no-engine relay: answers 202, keeps nothing, and makes the POSTs of one alert in a thread.

Runs as a WSGI application of its own. Bodies are the shipped example bodies with a fresh key; what is lost here stays lost.
"""

from __future__ import annotations

import base64
import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from math import floor
from pathlib import Path
from typing import Any

import httpx2
import orjson
from flask import Flask, request

STANDINS: dict[str, str] = json.loads(os.environ["RELAY_STANDINS"])
POSTS: dict[str, float] = json.loads(os.environ["RELAY_POSTS"])
KEY = os.environ["RELAY_KEY"]
BODIES = Path(os.environ["RELAY_BODIES"])
THREADS_EACH = 4
"""As many as our service has for a destination."""

app = Flask(__name__)
_client = httpx2.Client(timeout=30)
_pools = {name: ThreadPoolExecutor(THREADS_EACH) for name in STANDINS}
_jira = (BODIES / "jira-v3-create.critical.json").read_text()
_servicenow = (BODIES / "servicenow-incident-create.critical.json").read_text()
_slack = (BODIES / "slack-chat-postMessage.critical.json").read_text()
_edited = count()
_OLD = "enricher-2412d6c5edbed00f"
_BASIC = {
    "jira": "Basic " + base64.b64encode(f"enricher@corp.example:{KEY}".encode()).decode(),
    "servicenow": "Basic " + base64.b64encode(f"enricher:{KEY}".encode()).decode(),
}
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


@app.post("/webhooks/sumo")
def accept() -> tuple[bytes, int, dict[str, str]]:
    orjson.loads(request.get_data())
    key = f"enricher-{uuid.uuid4().hex[:16]}"
    for name, post in (("jira", _post_jira), ("servicenow", _post_servicenow), ("slack", _post_slack)):
        _pools[name].submit(post, key)
    return b'{"status":"accepted"}', 202, {"Content-Type": "application/json"}


@app.get("/healthz")
def healthz() -> str:
    return "ok"


def _post_jira(key: str) -> None:
    body = json.loads(_jira.replace(_OLD, key))
    fields = body["fields"]
    body["fields"] = {name: value for name, value in fields.items() if not name.startswith(("customfield", "components"))}
    _send(f"{STANDINS['jira']}/rest/api/3/issue", body, {"Authorization": _BASIC["jira"]})


def _post_servicenow(key: str) -> None:
    body = json.loads(_servicenow.replace(_OLD, key))
    body["sys_id"] = uuid.uuid4().hex
    _send(f"{STANDINS['servicenow']}/api/now/v2/table/incident", body, {"Authorization": _BASIC["servicenow"]})


def _post_slack(key: str) -> None:
    body = json.loads(_slack.replace(_OLD, key))
    headers = {"Authorization": f"Bearer {KEY}"}
    made = _send(f"{STANDINS['slack']}/api/chat.postMessage", body, headers)
    before = next(_edited) * (POSTS["slack"] - 1)
    for _ in range(floor(before + POSTS["slack"] - 1) - floor(before)):  # a fraction of them each time: as many in all
        _send(f"{STANDINS['slack']}/api/chat.update", body | {"ts": made["ts"]}, headers)


def _send(url: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    response = _client.post(url, content=orjson.dumps(body), headers=_JSON | headers)
    return response.raise_for_status().json()
