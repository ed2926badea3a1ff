"""Who asks, for as long as a request lasts, and what a view needs of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g

from enricher.core.people import Person, Role
from enricher.web.answers import Refusal

P = ParamSpec("P")
R = TypeVar("R")


def remember(person: Person, session: str = "") -> None:
    """Whoever asks is this person; `session` tells their log-ins apart, where there are such."""
    g.person, g.bound = person, f"{person.via} {person.name} {session}"


def whoami() -> Person:
    """Who asks. Only where the door has let somebody in."""
    person: Person = g.person
    return person


def anybody() -> Person | None:
    """Who asks, also on a page that needs nobody: there, and on the page of an error, it is None."""
    person: Person | None = g.get("person")
    return person


def bound() -> str:
    """For whom the forms of this page are; empty where nobody is logged in."""
    words: str = g.get("bound", "")
    return words


def may(role: str) -> bool:
    """Whether whoever asks may do what needs this role."""
    person = anybody()
    return person is not None and person.role.may(Role(role))


def needs(role: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A view for people of this role and those above: the others get 403."""

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not whoami().role.may(role):
                raise Refusal(403, "not_your_role", f"This needs the role {role.value}; yours is {whoami().role.value}.")
            return view(*args, **kwargs)

        return guarded

    return guard
