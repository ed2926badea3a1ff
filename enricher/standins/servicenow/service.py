"""ServiceNow's routes: the Table API's rules about headers, logins, rates, fields and what a read shows."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from time import time
from typing import Any

import orjson
from flask import Response, redirect, render_template, request

from enricher.standins.service import KEY, Clock, Refusal, Service, answer
from enricher.standins.servicenow.incidents import FIELDS, JOURNAL, REFERENCES, STATES, Incidents, Rules, failure
from enricher.standins.servicenow.query import Record, parse
from enricher.standins.shelf import Json

HOUR = 3_600
PRIORITIES = {"1": "1 - Critical", "2": "2 - High", "3": "3 - Moderate", "4": "4 - Low", "5": "5 - Planning"}
WORDS = {
    "priority": PRIORITIES,
    "state": STATES,
    "journal": {"work_notes": "Work notes", "comments": "Additional comments"},
}
CLOSE_CODES = (
    "Duplicate",
    "Known error",
    "No resolution provided",
    "Solution provided",
    "Workaround provided",
    "User error",
)
SOC_GROUP = "287ebd7da9fe198100f92cc8d1d2154e"
TABLES: dict[str, list[Record]] = {
    "sys_user_group": [{"sys_id": SOC_GROUP, "name": "SOC", "active": "true"}],
    "sys_user": [
        {"sys_id": "6816f79cc0a8016401c5a33be04be441", "name": "Enricher", "user_name": "enricher", "active": "true"}
    ],
    "sys_choice": [
        {
            "sys_id": f"{n:032x}",
            "name": "incident",
            "element": "close_code",
            "value": code,
            "label": code,
            "inactive": "false",
        }
        for n, code in enumerate(CLOSE_CODES)
    ],
    "cmdb_ci": [],
}
"""Tables that are only read, as they stand in a new instance; a test may add to `ServiceNow.tables`."""
CANCELLED = {"message": "Transaction cancelled: maximum execution time exceeded", "detail": ""}


class ServiceNow(Service):
    """One instance. `hourly` calls an hour are allowed, 0 for no such rule; `unreadable` holds sys_ids that an ACL hides."""

    def __init__(
        self,
        *,
        user: str = "enricher",
        password: str = KEY,
        rules: Rules | None = None,
        hourly: int = 0,
        journal_readable: bool = True,
        invalid_query_returns_no_rows: bool = False,
        state: Path | None = None,
        clock: Clock = time,
    ) -> None:
        super().__init__(clock)
        self.user, self.password, self.hourly = user, password, hourly
        self.journal_readable = journal_readable
        self.invalid_query_returns_no_rows = invalid_query_returns_no_rows
        self.unreadable: set[str] = set()
        self.tables = {name: [dict(row) for row in rows] for name, rows in TABLES.items()}
        self.incidents = Incidents(rules or Rules(), clock, user, state)
        self._hour = (0, 0)
        for version in ("", "/v1", "/v2"):
            table = f"/api/now{version}/table/<table>"
            self.api("POST", table, self._insert)
            self.api("GET", table, self._list)
            self.api("GET", f"{table}/<sys_id>", self._get)
            self.api("PATCH", f"{table}/<sys_id>", self._update)
            self.api("PUT", f"{table}/<sys_id>", self._update)
        self.app.add_url_rule("/", "home", lambda: redirect("/incident"))
        self.app.add_url_rule("/nav_to.do", "nav", self._nav)
        self.page("/incident", self._list_page)
        self.page("/incident/<sys_id>", self._page)

    # --- what every stand-in has -----------------------------------------------------------------------------------

    def holdings(self) -> Json:
        records = []
        for record in self.incidents.all():
            own = self.incidents.notes(record["sys_id"])
            journal = {element: [note["value"] for note in own if note["element"] == element] for element in JOURNAL}
            records.append({**record, **journal, "url": f"/incident/{record['sys_id']}"})
        return {"incidents": records}

    def error(self, status: int, text: str) -> Response:
        return answer(status, {"error": {"message": text, "detail": ""}, "status": "failure"})

    def broken(self, status: int) -> Response:
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return answer(status, {"error": CANCELLED, "status": "failure"})
        return super().broken(status)

    def spoilt(self, body: bytes) -> bytes:
        """A read that was cut off: the result, then an error in the middle of nowhere."""
        return body.rstrip()[:-1] + b', "error":' + orjson.dumps(CANCELLED)

    def limited(self, retry_after: float) -> Response:
        headers = {
            "Retry-After": str(max(1, round(retry_after))),
            "X-RateLimit-Limit": str(self.hourly),
            "X-RateLimit-Reset": str(int(self.clock() + retry_after)),
            "X-RateLimit-Rule": "1" * 32,
        }
        said = {
            "error": {"message": "Rate limit exceeded", "detail": "Rejected by rate limiting rule"},
            "status": "failure",
        }
        return answer(429, said, headers)

    def admit(self, rule: str, values: Mapping[str, str]) -> None:
        del rule
        sent = request.authorization
        if sent is None or sent.type != "basic" or (sent.username, sent.password) != (self.user, self.password):
            no = {"error": {"message": "User Not Authenticated", "detail": "Required to provide Auth information"}}
            raise Refusal(401, {**no, "status": "failure"}, {"WWW-Authenticate": 'Basic realm="Service-now"'})
        self._check_rate()
        self._check_headers()
        if values["table"] not in self._known_tables():
            raise failure(400, f"Invalid table {values['table']}")

    def _check_rate(self) -> None:
        hour = int(self.clock() // HOUR)
        self._hour = (hour, self._hour[1] + 1 if self._hour[0] == hour else 1)
        if self.hourly and self._hour[1] > self.hourly:
            no = self.limited((hour + 1) * HOUR - self.clock())
            raise Refusal(429, orjson.loads(no.get_data()), dict(no.headers))

    def _check_headers(self) -> None:
        accept = request.headers.get("Accept", "")
        if not accept:
            raise failure(400, "Accept header is required")
        if not request.accept_mimetypes["application/json"]:
            raise failure(406, "Not acceptable", accept)
        if request.method == "GET":
            return
        if not request.content_type:
            raise failure(400, "Content-Type header is required")
        if request.mimetype != "application/json":
            raise failure(415, "Unsupported media type", request.content_type)

    # --- the Table API ---------------------------------------------------------------------------------------------

    def _insert(self, table: str) -> Response:
        self._check_writable(table)
        record = self.incidents.insert(self.body())
        place = f"{self.url}/api/now/v2/table/incident/{record['sys_id']}"
        return answer(201, {"result": self._shown(table, record)}, {"Location": place})

    def _update(self, table: str, sys_id: str) -> Response:
        self._check_writable(table)
        return answer(200, {"result": self._shown(table, self.incidents.update(sys_id, self.body()))})

    def _get(self, table: str, sys_id: str) -> Response:
        if table == "incident":
            record = self.incidents.get(sys_id)
        else:
            record = next((one for one in self._rows(table) if one["sys_id"] == sys_id), None)
        if record is None or sys_id in self.unreadable:
            raise failure(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        return answer(200, {"result": self._shown(table, record)})

    def _list(self, table: str) -> Response:
        """The limit counts before the ACL hides rows: an empty answer may mean "not allowed"."""
        rows = self._rows(table)
        query = parse(request.args.get("sysparm_query", ""), self._known_fields(table))
        found = [] if query.invalid and self.invalid_query_returns_no_rows else query.select(rows)
        start, size = (
            request.args.get(f"sysparm_{name}", default, int) for name, default in (("offset", 0), ("limit", 10_000))
        )
        page = [row for row in found[start : start + size] if row["sys_id"] not in self.unreadable]
        if not page and "/v2/" not in request.path:
            raise failure(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        return answer(200, {"result": [self._shown(table, row) for row in page]}, {"X-Total-Count": str(len(found))})

    def _rows(self, table: str) -> list[Record]:
        if table == "incident":
            return self.incidents.all()
        if table == "sys_journal_field":
            return self.incidents.journal() if self.journal_readable else []
        return self.tables[table]

    def _known_tables(self) -> set[str]:
        return {"incident", "sys_journal_field", *self.tables}

    def _known_fields(self, table: str) -> frozenset[str]:
        return FIELDS if table == "incident" else frozenset(name for row in self._rows(table) for name in row)

    def _check_writable(self, table: str) -> None:
        if table != "incident":
            raise failure(403, "Operation Failed", "ACL Exception Insert Failed due to security constraints")

    def _shown(self, table: str, record: Record) -> Json:
        """A record as a read shows it: references as link and value, journals only where display values are asked for."""
        display = request.args.get("sysparm_display_value") == "true"
        document: Json = dict(record)
        if table == "incident":
            document |= {element: self._journal_text(record["sys_id"], element) if display else "" for element in JOURNAL}
            if request.args.get("sysparm_exclude_reference_link") != "true":
                document |= {
                    name: self._reference(name, document[name], display=display) for name in REFERENCES if document[name]
                }
            if display:
                document |= {
                    "priority": PRIORITIES[record["priority"]],
                    "state": STATES.get(record["state"], record["state"]),
                }
        wanted = [name for name in request.args.get("sysparm_fields", "").split(",") if name]
        return {name: document[name] for name in wanted if name in document} if wanted else document

    def _reference(self, name: str, value: str, *, display: bool) -> Json:
        link = f"{self.url}/api/now/v2/table/{REFERENCES[name]}/{value}"
        if not display:
            return {"link": link, "value": value}
        return {"link": link, "display_value": self._name(REFERENCES[name], value)}

    def _name(self, table: str, sys_id: str) -> str:
        return next((row["name"] for row in self.tables[table] if row["sys_id"] == sys_id), "")

    def _journal_text(self, sys_id: str, element: str) -> str:
        """Newest first, each under its head line, as the platform joins them."""
        if not self.journal_readable:
            return ""
        return "".join(
            f"{note['sys_created_on']} - {note['sys_created_by']} ({WORDS['journal'][element]})\n{note['value']}\n\n"
            for note in reversed(self.incidents.notes(sys_id))
            if note["element"] == element
        )

    # --- pages -----------------------------------------------------------------------------------------------------

    def _nav(self) -> Any:
        """`/nav_to.do?uri=incident.do?sys_id=…`, the link that people share."""
        return redirect(f"/incident/{request.args.get('uri', '').rpartition('sys_id=')[2]}")

    def _list_page(self) -> str:
        return render_template("servicenow_incidents.html", incidents=self.incidents.all()[::-1], words=WORDS)

    def _page(self, sys_id: str) -> str:
        record = self.incidents.get(sys_id)
        if record is None:
            raise failure(404, "No Record found")
        journal = self.incidents.notes(sys_id)
        group = self._name("sys_user_group", record["assignment_group"])
        return render_template("servicenow_incident.html", incident=record, journal=journal, group=group, words=WORDS)
