"""The shape of the smaller YAML files, and what all of them share."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

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

PLACES = frozenset({"host", "tenant", "user", "platform", "process"})


def _fillable(line: str) -> str:
    try:
        places = {name for _, name, _, _ in Formatter().parse(line) if name is not None}
    except ValueError as error:
        raise ValueError(f"{error}; write a brace twice to print it") from error
    if unknown := places - PLACES:
        raise ValueError(f"cannot fill in {sorted(unknown)}; there are {', '.join(sorted(PLACES))}")
    return line


PlaybookFile = dict[Severity, list[Annotated[Text, AfterValidator(_fillable)]]]

# --- destinations.yml -----------------------------------------------------------------------------------------------

HttpUrl = Annotated[str, Field(pattern=r"^https?://[^/\s]+")]


class JiraEntry(Strict):
    """Where Jira is. The token comes from the environment."""

    url: HttpUrl | None = None
    email: Text | None = None
    project: Text | None = None
    flavour: Literal["cloud", "datacenter"] | None = None
    issue_type: Text | None = None
    quiet_seconds: Annotated[int, Field(strict=True, ge=0)] | None = None


class ServiceNowEntry(Strict):
    """Where ServiceNow is. The password comes from the environment."""

    url: HttpUrl | None = None
    user: Text | None = None
    table: Text | None = None


class SlackEntry(Strict):
    """Where Slack is. The token and the signing secret come from the environment."""

    url: HttpUrl | None = None
    channel: Text | None = None


class DestinationsFile(Strict):
    """Where tickets go. The environment wins over this file, and secrets stand only there."""

    jira: JiraEntry = JiraEntry()
    servicenow: ServiceNowEntry = ServiceNowEntry()
    slack: SlackEntry = SlackEntry()
