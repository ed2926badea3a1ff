"""`config/tuning/*.yml`: the shape of a rule as it is written."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from enricher.content.estate import MaintenanceEntry
from enricher.content.models import Names, Strict, Text

Date = Annotated[date, Field(strict=True, description="YYYY-MM-DD, without quotes")]
OneOrMore = Text | Annotated[list[Text], Field(min_length=1)]
DEFAULT_LIFE = timedelta(days=90)
LONGEST_LIFE = timedelta(days=365)


class ScopeEntry(Strict):
    """Where a rule may act: all that is named must hold."""

    groups: OneOrMore | None = None
    users: OneOrMore | None = None
    hosts: OneOrMore | None = None
    maintenance: Annotated[
        Literal[True] | None, Field(description="Only where every contact fell into a maintenance window of the estate's")
    ] = None
    service_account: Annotated[
        Literal[True] | None, Field(description="Only where the user is one of the estate's service accounts")
    ] = None


class ConditionsEntry(Strict):
    """What must hold, all of it; of a list, any."""

    image: OneOrMore | None = None
    parent: OneOrMore | None = None
    ancestor: OneOrMore | None = None
    command_line: OneOrMore | None = None
    user: OneOrMore | None = None
    tenant: OneOrMore | None = None
    hostname: OneOrMore | None = None
    hash: OneOrMore | None = None
    chain: Annotated[
        list[Text] | None,
        Field(min_length=1, max_length=4, description="The parent's path, its parent's …: each in its place, all of them"),
    ] = None
    schedule: Annotated[
        list[MaintenanceEntry] | MaintenanceEntry | None,
        Field(description="Every contact must fall into one of these weekly windows, in UTC"),
    ] = None


class FactsEntry(Strict):
    """A made-up finding, for a rule's tests."""

    host: Text = "host.example"
    groups: Names | None = None
    user: Text | None = None
    image: Text | None = None
    parents: list[Text | None] = Field(default_factory=list)
    command_line: Text | None = None
    tenant: Text | None = None
    hostname: Text | None = None
    hashes: dict[Literal["sha256", "sha1", "md5", "imphash"], Text] = Field(default_factory=dict)
    identity: Names = Field(default_factory=list)
    maintenance: bool | None = None
    service_account: bool | None = None
    contacts: Annotated[list[AwareDatetime | None], Field(description="When contact was made; null: not known")] = Field(
        default_factory=list
    )


class TestsEntry(Strict):
    """Run when the file is read. An entry of `must_not` is the first of `must_match` with these facts changed."""

    must_match: Annotated[list[FactsEntry], Field(min_length=1)]
    must_not: Annotated[list[FactsEntry], Field(min_length=1)]


class TuningEntry(Strict):
    """An exception with an owner, a reason and an end."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{2,63}$")]
    version: Annotated[int, Field(strict=True, ge=1)]
    owner: Text
    approver: OneOrMore
    reason: Annotated[str, Field(min_length=10, max_length=2_000)]
    ticket: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*-?\d+$")]
    created: Date
    expires: Annotated[
        Date | None, Field(description="The first day without the rule; default 90 days after `created`")
    ] = None
    scope: ScopeEntry
    conditions: ConditionsEntry
    effect: Literal["cap", "subtract", "suppress"]
    cap_at: Literal["informational", "low", "medium", "high"] | None = None
    amount: Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=40)] | None = None
    mode: Literal["shadow", "live"] = "shadow"
    ends_when_unmatched_days: Annotated[
        int | None, Field(strict=True, ge=1, le=365, description="No longer in force after so many days without a match")
    ] = None
    tests: TestsEntry


TuningFile = list[TuningEntry]
