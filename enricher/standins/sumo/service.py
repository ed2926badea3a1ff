"""A stand-in for Sumo Logic's Search Job API. It searches truly: what comes back is what the query finds in its messages.

It is as strict as the documents say: Basic auth, the session's cookie (else 404), four requests a second, ten at once, a limit of open
jobs, a job that nobody asks about cancelled after twenty seconds, everything as text, newest first. Its store says of each job
whether it was deleted. How it fails is a matter of faults, and of a `Behaviour` for what only a search can do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from time import time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from flask import Response, request

from enricher.standins.limits import Window
from enricher.standins.service import KEY, Clock, Refusal, Service, answer
from enricher.standins.shelf import Json
from enricher.standins.sumo.jobs import CANCELLED, DONE, FIELDS, GATHERING, PAUSED, Job, Message
from enricher.standins.sumo.language import QueryError, parse
from enricher.standins.sumo.library import Library

JOBS = "/api/v1/search/jobs"
COOKIE = "JSESSIONID"
REQUESTS, AT_ONCE, OPEN_JOBS = 4, 10, 200
SILENCE_S = 20.0
LARGEST_PAGE = 10_000
_CODES = {
    401: ("unauthorized", "Credential could not be verified."),
    403: ("forbidden", "This operation is not allowed for your account type."),
    404: ("notfound", "Requested resource could not be found."),
    405: ("method.unsupported", "Unsupported method for URL."),
    415: ("contenttype.invalid", "Invalid content type."),
    429: ("rate.limit.exceeded", "The API request rate is higher than 4 request per second."),
    500: ("internal.error", "Internal server error."),
    503: ("service.unavailable", "Service is currently unavailable."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How searches go. `polls` is at which question a job is done; `cookie_lost_at` at which one its session is replaced by
    another; `errors` and `warnings` are told once. `instead` are messages that every search finds, whatever it asked for.
    """

    polls: int = 2
    never_ends: bool = False
    pauses: bool = False
    cancels: bool = False
    cookie_lost_at: int | None = None
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    instead: tuple[Message, ...] | None = None


class SumoLogic(Service):
    """One account. `KEY` is the access key of any access id."""

    def __init__(self, messages: Iterable[Message] = (), *, limits: bool = True, clock: Clock = time) -> None:
        super().__init__(clock)
        self.messages = list(messages)
        self.behaviour = Behaviour()
        self.open_jobs = OPEN_JOBS
        self._jobs: dict[str, Job] = {}
        self._rate = Window(REQUESTS if limits else 0, 1.0, clock)
        self._running, self._guard = 0, Lock()
        self.app.before_request(self._arrived)
        self.app.teardown_request(self._left)
        self.app.add_url_rule("/_messages", view_func=self._post_messages, methods=["POST"])
        self.api("POST", JOBS, self._create)
        self.api("GET", f"{JOBS}/<job_id>", self._state)
        self.api("GET", f"{JOBS}/<job_id>/messages", self._messages)
        self.api("GET", f"{JOBS}/<job_id>/records", self._records)
        self.api("DELETE", f"{JOBS}/<job_id>", self._delete)
        self.library = Library(self)

    def holdings(self) -> Json:
        self._cancel_silent()
        return {
            **self.library.holdings(),
            "messages": len(self.messages),
            "jobs": [
                {
                    "id": job.job_id,
                    "query": job.query_text,
                    "from": job.begins,
                    "to": job.ends,
                    "state": job.state,
                    "polls": job.polls,
                    "found": len(job.found),
                    "deleted": job.deleted,
                    "cancelled": job.cancelled,
                }
                for job in self._jobs.values()
            ],
        }

    def left_open(self) -> list[str]:
        """The jobs that somebody should have deleted."""
        with self.lock:
            return [job.job_id for job in self._jobs.values() if not job.deleted]

    def _post_messages(self) -> Response:
        """Log more messages: a list of objects with the fields of `Message`."""
        try:
            more = [Message(**one) for one in orjson.loads(request.get_data())]
        except (TypeError, ValueError) as wrong:
            return answer(400, {"error": f"no messages: {wrong}"})
        with self.lock:
            self.messages += more
        return answer(200, {"messages": len(self.messages)})

    # --- who may, and how often -------------------------------------------------------------------------------------

    def admit(self, rule: str, values: Mapping[str, str]) -> None:
        del rule, values
        self._cancel_silent()
        if request.authorization is None or request.authorization.password != KEY:
            raise self._refusal(401)
        if self._rate.take("requests"):
            raise self._refusal(429)

    def error(self, status: int, text: str) -> Response:
        code, message = _CODES.get(status, ("generic", text))
        return answer(status, _body(status, code, message))

    def limited(self, retry_after: float) -> Response:
        response = self.error(429, "")
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response

    def _arrived(self) -> None:
        with self._guard:
            self._running += 1
        if self._running > AT_ONCE:
            raise self._refusal(429)

    def _left(self, error: BaseException | None) -> None:
        del error
        with self._guard:
            self._running -= 1

    def _refusal(self, status: int, code: str = "", message: str = "") -> Refusal:
        known, said = _CODES.get(status, ("generic", "Generic error."))
        return Refusal(status, _body(status, code or known, message or said))

    # --- a job ------------------------------------------------------------------------------------------------------

    def _create(self) -> Response:
        if request.mimetype != "application/json":
            raise self._refusal(415)
        asked = self.body()
        text = asked.get("query")
        if not isinstance(text, str) or not text.strip():
            raise self._refusal(400, "no.query", "No 'query' parameter was provided.")
        begins, ends = self._window(asked)
        try:
            query = parse(text)
        except QueryError as error:
            raise self._refusal(400, "parse.error", f"Unable to parse query: {error}") from None
        if sum(job.is_open for job in self._jobs.values()) >= self.open_jobs:
            raise self._refusal(429, message="Your organization has exceeded the active concurrent search job limit.")
        messages = [(n, one) for n, one in enumerate(self.messages) if one.at is None or begins <= one.at < ends]
        newest_first = sorted(messages, key=lambda one: -(one[1].at or 0))
        found, records = query.both([message.fields(n) for n, message in newest_first])
        if self.behaviour.instead is not None:
            found = [message.fields(n) for n, message in enumerate(self.behaviour.instead)]
        job = Job(text, query, begins, ends, self.clock(), found, records)
        self._jobs[job.job_id] = job
        link = f"{request.host_url}{JOBS[1:]}/{job.job_id}"
        response = answer(202, {"id": job.job_id, "link": {"rel": "self", "href": link}}, {"Location": link})
        response.set_cookie(COOKIE, job.session, httponly=True)
        response.set_cookie("AWSALB", "stand-in", max_age=600)
        return response

    def _window(self, asked: Json) -> tuple[float, float]:
        zone = asked.get("timeZone") or asked.get("timezone")
        if not zone:
            raise self._refusal(400, "empty.timezone", "The 'timezone' cannot be blank.")
        try:
            here = ZoneInfo(str(zone))
        except (ZoneInfoNotFoundError, ValueError):
            raise self._refusal(400, "unknown.timezone", "The 'timezone' value is not a known time zone.") from None
        times = []
        for name in ("from", "to"):
            try:
                times.append(_moment(str(asked.get(name)), here))
            except ValueError:
                said = f"The '{name}' field contains an invalid time."
                raise self._refusal(400, f"searchjob.invalid.timestamp.{name}", said) from None
        if times[1] < times[0]:
            raise self._refusal(400, "to.smaller.than.from", "The 'from' time cannot be larger than the 'to' time.")
        return times[0], times[1]

    def _state(self, job_id: str) -> Response:
        job = self._job(job_id)
        job.polls += 1
        job.state = self._next_state(job)
        behaviour, first = self.behaviour, job.polls == 1
        response = answer(
            200,
            {
                "state": job.state,
                "messageCount": self._ready(job),
                "recordCount": len(job.records) if job.state == DONE else 0,
                "histogramBuckets": [],
                "pendingErrors": list(behaviour.errors) if first else [],
                "pendingWarnings": list(behaviour.warnings) if first else [],
            },
        )
        if job.polls == behaviour.cookie_lost_at:
            response.set_cookie(COOKIE, "of-another-node", httponly=True)
        return response

    def _next_state(self, job: Job) -> str:
        if self.behaviour.never_ends or job.polls < self.behaviour.polls:
            return GATHERING
        if self.behaviour.cancels:
            job.cancelled = True
            return CANCELLED
        return PAUSED if self.behaviour.pauses else DONE

    def _ready(self, job: Job) -> int:
        """How many messages there are by now."""
        return len(job.found) if job.state in {DONE, PAUSED} else len(job.found) // 2

    def _messages(self, job_id: str) -> Response:
        job = self._job(job_id)
        page = self._page(job.found[: self._ready(job)])
        return answer(
            200, {"fields": _fields(page or [dict.fromkeys(FIELDS, "")]), "messages": [{"map": one} for one in page]}
        )

    def _records(self, job_id: str) -> Response:
        job = self._job(job_id)
        if not job.query.aggregates:
            raise self._refusal(400, "no.records.not.an.aggregation.query", "No records; query is not an aggregation")
        page = self._page(job.records if job.state == DONE else [])
        return answer(200, {"fields": _fields(page), "records": [{"map": one} for one in page]})

    def _page(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        """The part that was asked for, 10,000 at most."""
        offset, limit = self._number("offset"), self._number("limit")
        if limit == 0:
            raise self._refusal(400, "limit.zero", "Limit cannot be 0.")
        return rows[offset : offset + min(limit, LARGEST_PAGE)]

    def _delete(self, job_id: str) -> Response:
        job = self._job(job_id)
        job.deleted = True
        return answer(200, {"id": job.job_id})

    def _job(self, job_id: str) -> Job:
        """The job, where it lives and the session is its own; asking keeps it alive."""
        job = self._jobs.get(job_id)
        if job is None or not job.is_open or request.cookies.get(COOKIE) != job.session:
            raise self._refusal(404, "jobid.invalid", "Job ID is invalid.")
        job.asked_at = self.clock()
        return job

    def _cancel_silent(self) -> None:
        for job in self._jobs.values():
            if job.is_open and self.clock() - job.asked_at > SILENCE_S:
                job.cancelled, job.state = True, CANCELLED

    def _number(self, name: str) -> int:
        written = request.args.get(name, "")
        if not written:
            raise self._refusal(400, f"{name}.missing", f"{name.capitalize()} is missing.")
        if not written.isdecimal():
            raise self._refusal(400, f"{name}.negative", f"{name.capitalize()} cannot be negative.")
        return int(written)


def _fields(rows: Iterable[Mapping[str, str]]) -> list[Json]:
    """Every column of the rows. What was made of messages is told as text."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [{"name": name, "fieldType": FIELDS.get(name, "string"), "keyField": False} for name in names]


def _body(status: int, code: str, message: str) -> Json:
    return {"status": status, "id": "IUUQI-DGH5I-TJ045", "code": code, "message": message}


def _moment(text: str, zone: ZoneInfo) -> float:
    """ISO 8601 without a zone, or milliseconds since the epoch. Raises ValueError."""
    if text.isdecimal():
        return int(text) / 1000
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone).astimezone(UTC).timestamp()
