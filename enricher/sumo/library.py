"""What users install in Sumo Logic, put there: made where it is not, changed where it differs, never deleted.

A thing is found again by its name in its place: a connection in the account, a monitor in our folder, a scheduled search in the
folder of whose keys these are, a field anywhere. Where a body refers to another thing, that one's id is put in. What was there twice under one name is left to a person. A call that makes
something and has no answer may have made it: it is looked for before anything else, and never made a second time. Source: Sumo
Logic's API reference (connections, monitors library, log searches, fields) and its Terraform provider.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import httpx2
import orjson

from enricher.core.document import Json
from enricher.core.kit.rest import Body, Kind
from enricher.errors import LibraryError, Reason, SearchError
from enricher.sumo.api import Api, Job
from enricher.sumo.pace import Patience

Action = Literal["create", "update", "unchanged"]
FOLDERS: frozenset[Kind] = frozenset({"folder", "monitor"})
TRIES, LONGEST_WAIT_S = 4, 30.0
MOST_PAGES, PAGE = 100, 100
NOT_YET = "(not yet there)"
"""The id of what a dry run would have made."""

_PAYLOADS = frozenset({"defaultPayload", "resolutionPayload", "payloadOverride", "resolutionPayloadOverride", "payload"})
_SPANS = frozenset({"timeRange", "frequency", "resolutionWindow"})
_WRITTEN_ONLY = frozenset({"type", "version", "parentId"})
"""Keys that are read otherwise than written."""
_READ_TYPES: Mapping[str, str] = {"folder": "Folder", "monitor": "Monitor"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done for one thing, or would be. `keys` are what differs: names, for values may be secrets."""

    kind: Kind
    name: str
    action: Action
    keys: tuple[str, ...] = ()


class LibraryApi(Api):
    """The same account's other calls: the same pace, the same errors, no session."""

    under = "/api"

    def hide(self, *more: str) -> None:
        """Mask these too in whatever an answer says."""
        self._secrets = (*self._secrets, *more)

    def get(self, path: str, **params: str) -> Json:
        return self._call("GET", path, Job("", {}), params=params or None)

    def send(self, method: str, path: str, body: Json, **params: str) -> Json:
        return self._call(method, path, Job("", {}), json=body, params=params or None)

    def _refusal(self, response: httpx2.Response, body: bytes) -> SearchError:
        """These calls put code and message a level deeper."""
        try:
            first = orjson.loads(body)["errors"][0]
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
            first = None
        return super()._refusal(response, orjson.dumps(first) if isinstance(first, dict) else body)


class Library:
    """One account's things. `dry`: nothing is written, and what would be made has the id `NOT_YET`."""

    def __init__(self, api: LibraryApi, patience: Patience, *, dry: bool) -> None:
        self._api, self._patience, self._dry = api, patience, dry
        self._ids: dict[tuple[Kind, str], str] = {}
        self._places: dict[str, str] = {}
        self._lists: dict[tuple[Kind, str], list[Json]] = {}

    def apply(self, wanted: Sequence[Body]) -> Iterator[Change]:
        """Bring about each in its turn, and say what that took. Raises LibraryError at the first that cannot be: those before it
        are there, and applying again goes on from there.
        """
        for one in wanted:
            try:
                yield self._one(one)
            except SearchError as error:
                raise LibraryError(one.kind, one.name, error.reason, error.detail) from None

    # --- one thing ----------------------------------------------------------------------------------------------------

    def _one(self, one: Body) -> Change:
        place = self._place(one)
        body = _filled(one.body, self._ids)
        found = None if place == NOT_YET else self._find(one, place)
        if found is None:
            change = Change(kind=one.kind, name=one.name, action="create", keys=tuple(sorted(body)))
            self._ids[one.kind, one.name] = NOT_YET if self._dry else self._create(one, body, place)
            return change
        self._ids[one.kind, one.name] = _id(found)
        keys = () if one.kind == "field" else differing(body, found)
        if keys and not self._dry:
            self._update(one, body, found)
        return Change(kind=one.kind, name=one.name, action="update" if keys else "unchanged", keys=keys)

    def _create(self, one: Body, body: Json, place: str) -> str:
        params = {"parentId": place} if one.kind in FOLDERS else {}
        body = body | ({"parentId": place} if one.kind == "search" else {})
        try:
            made = self._patiently(lambda: self._api.send("POST", _ADDRESS[one.kind], body, **params), _NOT_SENT)
        except SearchError as error:
            if error.reason not in _UNKNOWN:
                raise
            return self._looked_for(one, body, place, error)
        return _id(made)

    def _looked_for(self, one: Body, body: Json, place: str, error: SearchError) -> str:
        """It may be there: look twice. What is not found now is no proof either, so it is left to the next run."""
        for _ in range(2):
            self._lists.clear()
            found = self._find(one, place)
            if found is not None:
                if one.kind != "field" and differing(body, found):
                    raise LibraryError(one.kind, one.name, Reason.CONFLICT, "something else has that name now")
                return _id(found)
            self._rest(2.0)
        said = f"no answer, and it is not listed: look there before you apply again ({error.detail})"
        raise LibraryError(one.kind, one.name, error.reason, said)

    def _update(self, one: Body, body: Json, found: Json) -> None:
        """A PUT may be sent again: what is there afterwards is the same. One that a version stands against has been carried out."""
        more = {"version": found.get("version")} if one.kind in FOLDERS else {}
        more |= {"parentId": found.get("parentId")} if one.kind == "search" else {}
        address = f"{_ADDRESS[one.kind]}/{_id(found)}"
        try:
            self._patiently(lambda: self._api.send("PUT", address, body | more), _PASSING)
        except SearchError:
            if differing(body, self._patiently(lambda: self._api.get(address), _PASSING)):
                raise

    # --- looking ------------------------------------------------------------------------------------------------------

    def _place(self, one: Body) -> str:
        """The id of the folder that it lies in; nothing for what lies in none."""
        if one.under is not None:
            return self._ids["folder", one.under]
        if one.kind in FOLDERS:
            return self._once("v1/monitors/root")
        return self._once("v2/content/folders/personal") if one.kind == "search" else ""

    def _once(self, path: str) -> str:
        if path not in self._places:
            self._places[path] = _id(self._patiently(lambda: self._api.get(f"/{path}"), _PASSING))
        return self._places[path]

    def _find(self, one: Body, place: str) -> Json | None:
        """The one of that name in its place, whole. Raises LibraryError where there are several."""
        if (one.kind, place) not in self._lists:
            self._lists[one.kind, place] = list(self._listed(one.kind, place))
        named = [found for found in self._lists[one.kind, place] if _named(found) == one.name]
        if len(named) > 1:
            raise LibraryError(one.kind, one.name, Reason.CONFLICT, f"{len(named)} of that name: leave one")
        if not named or one.kind not in FOLDERS:
            return named[0] if named else None
        return self._patiently(lambda: self._api.get(f"{_ADDRESS[one.kind]}/{_id(named[0])}"), _PASSING)

    def _listed(self, kind: Kind, place: str) -> Iterator[Json]:
        if kind in FOLDERS:
            inside = self._patiently(lambda: self._api.get(f"/v1/monitors/{place}"), _PASSING)
            yield from (one for one in _objects(inside, ("children",)) if one.get("contentType") == _READ_TYPES[kind])
            return
        token = ""
        for _ in range(MOST_PAGES):
            params = {"limit": str(PAGE)} | ({"token": token} if token else {})
            page = self._get_page(kind, {} if kind == "field" else params)
            found = _objects(page, ("data", "logSearches"))
            yield from (one for one in found if kind != "search" or one.get("parentId") == place)
            token = str(page.get("next") or page.get("token") or "")
            if not token:
                return
        raise SearchError(Reason.NOT_JSON, "a list that does not end")

    def _get_page(self, kind: Kind, params: Mapping[str, str]) -> Json:
        return self._patiently(lambda: self._api.get(_ADDRESS[kind], **params), _PASSING)

    # --- patience -----------------------------------------------------------------------------------------------------

    def _patiently(self, call: Callable[[], T], again: frozenset[Reason]) -> T:
        """Repeat a call that may be repeated, after as long as Sumo Logic asks for, a few times."""
        for tries_left in reversed(range(TRIES)):
            try:
                return call()
            except SearchError as error:
                if error.reason not in again or not tries_left or error.retry_after > LONGEST_WAIT_S:
                    raise
                self._rest(error.retry_after or 1.0)
        raise AssertionError("the last try returns or raises")

    def _rest(self, seconds: float) -> None:
        if not self._patience.wait(seconds):
            raise SearchError(Reason.TIMEOUT, "ended by a shutdown")


_ADDRESS: Mapping[Kind, str] = {
    "connection": "/v1/connections",
    "folder": "/v1/monitors",
    "monitor": "/v1/monitors",
    "search": "/v1/logSearches",
    "field": "/v1/fields",
}
_NOT_SENT = frozenset({Reason.CONNECT, Reason.RATE_LIMITED})
_UNKNOWN = frozenset({Reason.TIMEOUT, Reason.DROPPED, Reason.SERVER_ERROR, Reason.NOT_JSON})
_PASSING = _NOT_SENT | _UNKNOWN - {Reason.NOT_JSON}


def _id(found: Json) -> str:
    one = found.get("id") or found.get("fieldId")
    if not isinstance(one, str) or not one.isalnum():
        raise SearchError(Reason.NOT_JSON, "an answer without an id")
    return one


def _named(found: Json) -> object:
    return found.get("name", found.get("fieldName"))


def _objects(said: Json, keys: Sequence[str]) -> list[Json]:
    found = next((said[key] for key in keys if key in said), None)
    if not isinstance(found, list):
        raise SearchError(Reason.NOT_JSON, "a list that is none")
    return [one for one in found if isinstance(one, dict)]


def _filled(value: Any, ids: Mapping[tuple[Kind, str], str]) -> Any:
    """The body with ids where it refers to things. Raises KeyError for one that did not come before."""
    if isinstance(value, dict):
        return {key: _filled(inner, ids) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(inner, ids) for inner in value]
    if isinstance(value, str) and value.startswith("{{id:"):
        kind, _, name = value.removeprefix("{{id:").removesuffix("}}").partition(":")
        return {f"{of}:{called}": found for (of, called), found in ids.items()}[f"{kind}:{name}"]
    return value


# --- what differs ---------------------------------------------------------------------------------------------------


def differing(ours: Json, theirs: Json) -> tuple[str, ...]:
    """The keys of ours that say something else there. What only they have was filled in by Sumo Logic, and is no difference."""
    return tuple(
        sorted(key for key, value in ours.items() if key not in _WRITTEN_ONLY and not _same(key, value, theirs.get(key)))
    )


def _same(key: str, ours: object, theirs: object) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        of_both = ours if key != "tags" else {**theirs, **ours}
        return all(inner in ours and _same(inner, ours[inner], theirs.get(inner)) for inner in of_both)
    if isinstance(ours, list) and isinstance(theirs, list):
        pairs = zip(sorted(ours, key=_place_of), sorted(theirs, key=_place_of), strict=False)
        return len(ours) == len(theirs) and all(_same(key, a, b) for a, b in pairs)
    return _plain(key, ours) == _plain(key, theirs)


def _place_of(item: object) -> str:
    """Lists are compared whatever their order."""
    if not isinstance(item, dict):
        return str(item)
    inner = item.get("notification")
    of_connection = inner.get("connectionId") if isinstance(inner, dict) else ""
    return str(item.get("triggerType") or item.get("name") or of_connection or item.get("rowId") or "")


def _plain(key: str, value: object) -> object:
    """A payload by what it says, a span without its sign, a text without blanks around it, and what is left out as empty, nought or no."""
    if key in _PAYLOADS and isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    if isinstance(value, str):
        value = value.strip().lstrip("-") if key in _SPANS else value.strip()
    return value or None
