"""The shape of the smaller YAML files, and what all of them share."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from enricher.core.issue_fields import Option, custom_fields, option_of
from enricher.core.rules import PLACES
from enricher.core.ticket_fields import SERVICENOW_OURS
from enricher.model import Severity

Text = Annotated[str, Field(min_length=1, max_length=2_000)]


class Strict(BaseModel):
    """No key but those named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Strict)


# --- detections/*.yml -----------------------------------------------------------------------------------------------


class DetectionFile(Strict):
    """What a case is opened for."""

    id: Annotated[str, Field(pattern=r"^T\d{4}(\.\d{3})?$")]
    name: Text
    tactic: Text
    url: Annotated[str, Field(pattern=r"^https://")]
    categories: Annotated[
        list[Text] | None, Field(min_length=1, description="Of the catalog; left out: all that no other names")
    ] = None


# --- catalog/*.yml --------------------------------------------------------------------------------------------------

Names = list[Text]


class ProcessesFile(Strict):
    """Which program is of which class."""

    classes: dict[Text, Names]
    families: dict[Text, Text]
    tool_classes: Names
    system_names: Names
    system_folders: Names
    carriers: Names


class BrowserEntry(Strict):
    """One browser and the folders it lives in."""

    names: Annotated[Names, Field(min_length=1)]
    folders: Annotated[Names, Field(min_length=1)]


class FoldersFile(Strict):
    """Folders that say something about a program in them."""

    protected: Names
    protected_except: Names
    usual: Names
    writable: Names
    more: Names
    more_except: Names


# --- playbook.yml ---------------------------------------------------------------------------------------------------


def _fillable(line: str) -> str:
    try:
        parts = [part for part in Formatter().parse(line) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"{error}; write a brace twice to print it") from error
    if unknown := {name or "" for _, name, _, _ in parts} - PLACES:
        raise ValueError(f"cannot fill in {sorted(unknown)}; there are {', '.join(sorted(PLACES))}")
    if any(form or conversion for _, _, form, conversion in parts):
        raise ValueError("a name in braces is filled in as it is; leave out what stands behind '!' or ':'")
    return line


Line = Annotated[Text, AfterValidator(_fillable)]


class BandLines(Strict):
    """What to do, for each severity; none is as good as an empty list."""

    critical: tuple[Line, ...] = ()
    high: tuple[Line, ...] = ()
    medium: tuple[Line, ...] = ()
    low: tuple[Line, ...] = ()
    informational: tuple[Line, ...] = ()


class PlaybookFile(BandLines):
    """Lines for every case, and lines that come on top for a detection's id, a platform's category or a platform's id."""

    detections: dict[Text, BandLines] = Field(default_factory=dict)
    categories: dict[Text, BandLines] = Field(default_factory=dict)
    platforms: dict[Text, BandLines] = Field(default_factory=dict)


# --- destinations.yml -----------------------------------------------------------------------------------------------

HttpUrl = Annotated[str, Field(pattern=r"^https?://[^/\s]+")]
Rate = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]
"""Calls a second; 0 is without limit."""
Days = Annotated[float, Field(ge=0, le=3_650, allow_inf_nan=False)]


JiraOption = Annotated[Option, BeforeValidator(option_of, json_schema_input_type=str | Option)]


class JiraEntry(Strict):
    """Where Jira is and what a site wants in its issues. The token comes from the environment."""

    url: HttpUrl | None = None
    site_url: HttpUrl | None = None
    email: Text | None = None
    project: Text | None = None
    flavour: Literal["cloud", "datacenter"] | None = None
    issue_type: Text | None = None
    comments: Literal["internal", "public"] | None = None
    quiet_seconds: Annotated[int, Field(strict=True, ge=0)] | None = None
    rate: Rate | None = None
    on_recovery: Literal["comment", "resolve"] | None = None
    reopen_days: Days | None = None
    after_quiet: Literal["create", "hold"] | None = None
    false_positives: list[Text] | None = None
    true_positives: list[Text] | None = None
    priorities: dict[Severity, JiraOption] | None = None
    components: list[JiraOption] | None = None
    security: JiraOption | None = None
    assignee: Text | None = None
    fields: Annotated[dict[Text, JsonValue], AfterValidator(custom_fields)] | None = None


def _not_ours(fields: dict[str, str | int | bool] | None) -> dict[str, str | int | bool] | None:
    if ours := SERVICENOW_OURS & set(fields or ()):
        raise ValueError(f"{', '.join(sorted(ours))} cannot be set: Enricher fills that in, or keeps it empty")
    return fields


FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
QueryText = Annotated[str, Field(pattern=r"^[^\^\x00-\x1f\x7f]{1,100}$")]
Weight = Annotated[int, Field(strict=True, ge=1, le=5)]


class ServiceNowWeights(Strict):
    """How urgent a record is, 1 the highest: impact and urgency, of which the instance computes a priority, or the priority."""

    impact: Weight | None = None
    urgency: Weight | None = None
    priority: Weight | None = None
    severity: Weight | None = None
    business_criticality: Weight | None = None

    @model_validator(mode="after")
    def _some(self) -> ServiceNowWeights:
        if not self.model_fields_set:
            raise ValueError("should name impact and urgency, or priority")
        return self


class ServiceNowPriorities(Strict):
    """The weights of each severity."""

    critical: ServiceNowWeights
    high: ServiceNowWeights
    medium: ServiceNowWeights
    low: ServiceNowWeights
    informational: ServiceNowWeights


class ServiceNowEntry(Strict):
    """Where ServiceNow is and how its records are filled in. Password and client secret come from the environment."""

    url: HttpUrl | None = None
    user: Text | None = None
    client_id: Text | None = None
    table: FieldName | None = None
    assignment_group: QueryText | None = None
    caller: QueryText | None = None
    cmdb: bool | None = None
    risk_score: Literal["instance", "case"] | None = None
    rate: Rate | None = None
    on_recovery: Literal["comment", "resolve"] | None = None
    close_code: Text | None = None
    reopen_days: Days | None = None
    fields: Annotated[dict[FieldName, str | int | bool] | None, AfterValidator(_not_ours)] = None
    priorities: ServiceNowPriorities | None = None
    false_positives: list[Text] | None = None
    true_positives: list[Text] | None = None


class SlackEntry(Strict):
    """Where Slack is. The token and the signing secret come from the environment."""

    url: HttpUrl | None = None
    channel: Text | None = None
    rate: Rate | None = None
    digest_at: Annotated[int, Field(strict=True, ge=0, le=10_000)] | None = None
