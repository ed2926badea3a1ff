"""What people do to stored work, and who they are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

from enricher.core.feedback import Said
from enricher.ports.records import Reopened


class Pressure(Protocol):
    """Whether senders are to come again later, rather than be accepted now. Cheap: asked with every request."""

    def mark(self) -> str | None:
        """What has come too far: `inbox`, too many alerts wait; `disk`, too little is free beside the database. Else None."""
        ...

    def accepted(self) -> None:
        """One more alert waits."""
        ...


class Operator(Protocol):
    """What a person may do to stored work. Each returns False where there is nothing of that id to do it to. `by` is who asked."""

    def retry_dead(self, item_id: str, by: str = "operator") -> bool:
        """Open a dead alert or delivery again, attempts 0.

        A delivery that was given up because its ticket is `gone` forgets that ticket, and looks for one by its key before it
        opens another. One that is `held` does so no more: who opens it again says that there is no ticket.
        """
        ...

    def retry_all(self, reason: str, *, destination: str | None = None, kind: str | None = None, by: str) -> Reopened:
        """The same for all whose reason is, or begins with, this fixed word; the oldest 500, in one transaction.

        `destination` narrows it to deliveries there, `kind` to `alert` or `delivery`.
        """
        ...

    def discard_dead(self, item_id: str, by: str, why: str = "") -> bool:
        """It is no dead letter any more, is never tried again, and names who said so; `why` stands in the audit table."""
        ...

    def reopen_case(self, key: str, by: str = "operator") -> bool: ...

    def acknowledge(self, key: str, by: str, detail: str | None = None) -> bool:
        """`by` has seen the case. Who has done so first stays named; True all the same. The tickets learn of the first.

        `detail`, here and below: more about `by`, for the audit.
        """
        ...

    def assign(self, key: str, to: str | None, by: str, detail: str | None = None) -> bool:
        """The case is `to`'s from now on; None: nobody's. The tickets learn of a change."""
        ...

    def mute(self, key: str, until: datetime, by: str, why: str, detail: str | None = None) -> bool:
        """Its news calls nobody until then, see `CaseWork`. The tickets learn who did it and why."""
        ...

    def unmute(self, key: str, by: str, detail: str | None = None) -> bool: ...

    def note(self, *, by: str, action: str, item_id: str, detail: str | None = None) -> None:
        """A line in the audit table, of something that changes nothing else in the store: a log-in, a rule that was drafted."""
        ...

    def note_feedback(
        self, case_key: str, said: Said, by: str, source: str, note: str = "", *, at: datetime | None = None
    ) -> bool:
        """Keep what was said of a case, `at` by the clock of `source`, else now. What was said before stays, as history.

        False where nothing is new: the source said the same last, has said something later, or takes back what it never said.
        """
        ...


class Replays(Protocol):
    """Which signed requests have come already. Raises StoreUnavailable."""

    def fresh(self, digest: str) -> bool:
        """Remember it; False where it was remembered before."""
        ...


class Dialogs(Protocol):
    """What is shown in Slack to the person who pressed a button, while they wait: within two seconds. Raises DeliveryError."""

    def ask_why(self, trigger: str, key: str, channel: str) -> None:
        """Open the form that asks why the case is to be muted."""
        ...

    def tell(self, channel: str, user: str, text: str) -> None:
        """Say something that nobody else sees."""
        ...


class Sessions(Protocol):
    """Log-ins of local accounts, by the digest of what the browser holds. Raises StoreUnavailable.

    `name` is the account's, or its name and what tells its passwords apart: `m.alvarez:5e88…`.
    """

    def begin(self, digest: str, name: str, lasts: timedelta) -> None:
        """Those that have ended are forgotten at this occasion."""
        ...

    def name(self, digest: str) -> str | None:
        """Whose it is; None where there is none, or it has ended."""
        ...

    def end(self, digest: str) -> None: ...

    def end_all(self, name: str) -> int:
        """All of one account's, by its name alone; how many."""
        ...


class RuleBook(Protocol):
    """Which tuning rules are in use. Raises StoreUnavailable."""

    def loaded(self, rules: Iterable[str]) -> None:
        """Note the ids of rules that are loaded now; the first time that a rule is named here is when it was first seen."""
        ...
