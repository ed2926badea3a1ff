"""ServiceNow's routes: the Table API's rules about headers, logins, rights, rates, fields and what a read shows."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import orjson
from flask import Response, redirect, render_template, request

from enricher.standins.service import Clock, Refusal, Service, answer
from enricher.standins.servicenow.accounts import Account, Door
from enricher.standins.servicenow.query import Record, parse
from enricher.standins.servicenow.records import Records, Rules, failure
from enricher.standins.servicenow.tables import JOURNAL, PRIORITIES, TICKETS, others
from enricher.standins.shelf import Json

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HOUR = 3_600
GRANT = "/oauth_token.do"
JOURNAL_WORDS = {"work_notes": "Work notes", "comments": "Additional comments"}
DENIED = {
    400: ("Exception while reading request", "The value of {} cannot be read"),
    401: ("User Not Authenticated", "Required to provide Auth information"),
    403: ("Operation Failed", "ACL Exception Insert Failed due to security constraints"),
    404: ("No Record found", "Record doesn't exist or ACL restricts the record retrieval"),
}
CANCELLED = {"message": "Transaction cancelled: maximum execution time exceeded", "detail": ""}


class ServiceNow(Service):
    """One instance. `hourly` calls an hour are allowed, 0 for no such rule.

    `denied` holds rights that the account lacks, as `("read", "cmdb_ci")`, also `create` and `write`. `hidden` are tables whose
    rows it does not see, `unreadable` single records. `tables` are the tables that are only read; a test may add to them.
    """

    def __init__(
        self,
        *,
        account: Account | None = None,
        rules: Rules | None = None,
        hourly: int = 0,
        journal_readable: bool = True,
        invalid_query_returns_no_rows: bool = False,
        state: Path | None = None,
        clock: Clock = time,
    ) -> None:
        super().__init__(clock)
        self.account, self.hourly = account or Account(), hourly
        self.user, self.password = self.account.user, self.account.password
        self.door = Door(self.account, clock)
        self.invalid_query_returns_no_rows = invalid_query_returns_no_rows
        self.unreadable: set[str] = set()
        self.denied: set[tuple[str, str]] = set()
        self.hidden: set[str] = set() if journal_readable else {"sys_journal_field"}
        self.tables = others()
        self.tickets = {name: Records(table, rules or Rules(), clock, self.user, state) for name, table in TICKETS.items()}
        self._hour = (0, 0)
        self.api("POST", GRANT, self._token)
        for version in ("", "/v1", "/v2"):
            table = f"/api/now{version}/table/<table>"
            self.api("POST", table, self._insert)
            self.api("GET", table, self._list)
            self.api("GET", f"{table}/<sys_id>", self._get)
            self.api("PATCH", f"{table}/<sys_id>", self._update)
            self.api("PUT", f"{table}/<sys_id>", self._update)
        self.app.add_url_rule("/", "home", lambda: redirect("/incident"))
        self.app.add_url_rule("/nav_to.do", "nav", self._nav)
        self.page("/<word>", self._list_page)
        self.page("/<word>/<sys_id>", self._page)

    def by_hand(self, sys_id: str, **fields: str) -> None:
        """What a person does to a record in the browser, with every right there is."""
        with self.lock:
            self._holding(sys_id).by_hand(sys_id, fields)

    def delete(self, sys_id: str) -> None:
        """A person deletes a record."""
        with self.lock:
            self._holding(sys_id).delete(sys_id)

    def _holding(self, sys_id: str) -> Records:
        return next(records for records in self.tickets.values() if records.get(sys_id))

    # --- what every stand-in has -----------------------------------------------------------------------------------

    def holdings(self) -> Json:
        return {
            f"{records.table.word}s": [_held(records, one) for one in records.all()] for records in self.tickets.values()
        }

    def error(self, status: int, text: str) -> Response:
        return answer(status, {"error": {"message": text, "detail": ""}, "status": "failure"})

    def broken(self, status: int) -> Response:
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return answer(status, {"error": CANCELLED, "status": "failure"})
        return super().broken(status)

    def deny(self, status: int, field: str) -> Response:
        message, detail = DENIED[status]
        response = answer(status, {"error": {"message": message, "detail": detail.format(field)}, "status": "failure"})
        if status == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = 'Basic realm="Service-now"'
        return response

    def says_no(self) -> Response:
        return answer(200, {"error": CANCELLED, "status": "failure"})

    def widen(self, environ: WSGIEnvironment) -> None:
        """A query with a condition that is not understood, and left out."""
        environ["QUERY_STRING"] = environ["QUERY_STRING"].replace("correlation_id%3D", "corelation_id%3D")

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
        if rule == GRANT:
            return
        self.door.check(request.authorization)
        self._check_rate()
        self._check_headers()
        table = values["table"]
        if table not in {*self.tickets, *self.tables, "sys_journal_field"}:
            raise failure(400, f"Invalid table {table}")
        self._check_right(table)

    def _check_right(self, table: str) -> None:
        right = {"GET": "read", "POST": "create"}.get(request.method, "write")
        roles = TICKETS[table].roles if table in TICKETS else ()
        outsider = roles and not any(role.startswith(roles) for role in self.account.roles)
        if outsider or (right, table) in self.denied or (right != "read" and table not in TICKETS):
            raise failure(403, "Operation Failed", f"ACL Exception {right} failed due to security constraints")

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

    def _token(self) -> Response:
        if request.mimetype != "application/x-www-form-urlencoded":
            raise Refusal(400, {"error": "invalid_request", "error_description": "form expected"})
        return answer(200, self.door.grant(request.form))

    def _insert(self, table: str) -> Response:
        record = self.tickets[table].insert(self.body())
        place = f"{self.url}/api/now/v2/table/{table}/{record['sys_id']}"
        return answer(201, {"result": self._shown(table, record)}, {"Location": place})

    def _update(self, table: str, sys_id: str) -> Response:
        return answer(200, {"result": self._shown(table, self.tickets[table].update(sys_id, self.body()))})

    def _get(self, table: str, sys_id: str) -> Response:
        tickets = None if table in self.hidden else self.tickets.get(table)
        record = tickets.get(sys_id) if tickets else next((r for r in self._rows(table) if r["sys_id"] == sys_id), None)
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
        if table in self.hidden:
            return []
        if table in self.tickets:
            return self.tickets[table].all()
        if table == "sys_journal_field":
            return [note for records in self.tickets.values() for note in records.journal()]
        return self.tables[table]

    def _known_fields(self, table: str) -> frozenset[str]:
        if table in self.tickets:
            return self.tickets[table].fields
        return frozenset(name for row in self._rows(table) for name in row)

    def _shown(self, table: str, record: Record) -> Json:
        """A record as a read shows it; names that are not fields are left out."""
        document = self._shown_ticket(self.tickets[table], record) if table in self.tickets else dict(record)
        wanted = [name for name in request.args.get("sysparm_fields", "").split(",") if name]
        return {name: document[name] for name in wanted if name in document} if wanted else document

    def _shown_ticket(self, records: Records, record: Record) -> Json:
        """References as link and value, journals only where display values are asked for."""
        display = request.args.get("sysparm_display_value") == "true"
        document: Json = dict(record)
        document |= {name: self._journal_text(records, record["sys_id"], name) if display else "" for name in JOURNAL}
        if request.args.get("sysparm_exclude_reference_link") != "true":
            named = {name: target for name, target in records.table.references.items() if document[name]}
            document |= {name: self._reference(target, document[name], display=display) for name, target in named.items()}
        if display:
            states = records.table.states
            document |= {
                "priority": PRIORITIES.get(record["priority"], ""),
                "state": states.get(record["state"], record["state"]),
            }
        return document

    def _reference(self, table: str, value: str, *, display: bool) -> Json:
        link = f"{self.url}/api/now/v2/table/{table}/{value}"
        return {"link": link, "display_value": self._name(table, value)} if display else {"link": link, "value": value}

    def _name(self, table: str, sys_id: str) -> str:
        return next((row["name"] for row in self.tables[table] if row["sys_id"] == sys_id), "")

    def _journal_text(self, records: Records, sys_id: str, element: str) -> str:
        """Newest first, each under its head line, as the platform joins them."""
        if "sys_journal_field" in self.hidden:
            return ""
        return "".join(
            f"{note['sys_created_on']} - {note['sys_created_by']} ({JOURNAL_WORDS[element]})\n{note['value']}\n\n"
            for note in reversed(records.notes(sys_id))
            if note["element"] == element
        )

    # --- pages -----------------------------------------------------------------------------------------------------

    def _nav(self) -> Any:
        """`/nav_to.do?uri=incident.do?sys_id=…`, the link that people share."""
        table, _, sys_id = request.args.get("uri", "").partition(".do?sys_id=")
        return redirect(f"/{TICKETS[table].word if table in TICKETS else 'incident'}/{sys_id}")

    def _list_page(self, word: str) -> str:
        records = self._called(word)
        words = {"priority": PRIORITIES, "state": records.table.states}
        return render_template("servicenow_incidents.html", incidents=records.all()[::-1], words=words, word=word)

    def _page(self, word: str, sys_id: str) -> str:
        records = self._called(word)
        record = records.get(sys_id)
        if record is None:
            raise failure(404, "No Record found")
        words = {"priority": PRIORITIES, "state": records.table.states, "journal": JOURNAL_WORDS}
        journal, group = records.notes(sys_id), self._name("sys_user_group", record["assignment_group"])
        shown = {"incident": record, "journal": journal, "group": group, "words": words, "word": word}
        return render_template("servicenow_incident.html", **shown)

    def _called(self, word: str) -> Records:
        found = next((records for records in self.tickets.values() if records.table.word == word), None)
        if found is None:
            raise failure(404, "Not Found")
        return found


def _held(records: Records, record: Record) -> Json:
    notes = records.notes(record["sys_id"])
    journal = {element: [note["value"] for note in notes if note["element"] == element] for element in JOURNAL}
    return {**record, **journal, "url": f"/{records.table.word}/{record['sys_id']}"}
