"""What a role in Sumo Logic must be able to do: for who installs the kit, and for the access key that the service uses.

Source: Sumo Logic's documentation, "Role Capabilities", whose words and whose values of the API these are, and "Search Job APIs",
"Required role capabilities".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Who = Literal["installs", "service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """One capability: whose it must be, its name in the role editor, its value in the API, and what it is needed for.

    `part` is the part of the kit that needs it: `kit` is everyone's.
    """

    who: Who
    name: str
    value: str
    why: str
    part: Literal["kit", "cases", "cloud-siem"] = "kit"


CAPABILITIES: tuple[Capability, ...] = (
    Capability(who="installs", name="View Connections", value="viewConnections", why="find the webhook connection again"),
    Capability(who="installs", name="Manage Connections", value="manageConnections", why="make the webhook connection"),
    Capability(who="installs", name="View Monitors", value="viewMonitorsV2", why="find the monitors again"),
    Capability(who="installs", name="Manage Monitors", value="manageMonitorsV2", why="make folder and monitors"),
    Capability(who="installs", name="View Alerts", value="viewAlerts", why="open an alert, and see whether it ended"),
    Capability(
        who="installs", name="Create Access Keys", value="createAccessKeys", why="make the keys for apply and Terraform"
    ),
    Capability(who="installs", name="View Fields", value="viewFields", why="find declared fields", part="cases"),
    Capability(who="installs", name="Manage Fields", value="manageFields", why="declare the fields of cases", part="cases"),
    Capability(
        who="installs", name="View Collectors", value="viewCollectors", why="find the HTTP Source of cases", part="cases"
    ),
    Capability(
        who="installs",
        name="Manage Collectors",
        value="manageCollectors",
        why="make the HTTP Source of cases",
        part="cases",
    ),
    Capability(who="installs", name="View Cloud SIEM", value="viewCse", why="reach Cloud SIEM at all", part="cloud-siem"),
    Capability(
        who="installs", name="View Rules", value="cseViewRules", why="find the match rules again", part="cloud-siem"
    ),
    Capability(who="installs", name="Manage Rules", value="cseManageRules", why="make the match rules", part="cloud-siem"),
    Capability(
        who="installs",
        name="Manage Actions",
        value="cseManageActions",
        why="send Insights to the service",
        part="cloud-siem",
    ),
    Capability(
        who="service",
        name="Download Search Results",
        value="downloadSearchResults",
        why="search jobs: lineage, rows that were cut, rows of an open alert",
    ),
    Capability(who="service", name="View Collectors", value="viewCollectors", why="asked for by the page of search jobs"),
    Capability(who="service", name="Manage Access Keys", value="manageAccessKeys", why="asked for by the same page"),
    Capability(who="service", name="Create Access Keys", value="createAccessKeys", why="have an access key of its own"),
    Capability(who="service", name="View Cloud SIEM", value="viewCse", why="read an Insight", part="cloud-siem"),
    Capability(
        who="service",
        name="Comment on Insights",
        value="cseCommentOnInsights",
        why="write what was found to the Insight",
        part="cloud-siem",
    ),
    Capability(
        who="service",
        name="Manage Insight Tags",
        value="cseManageInsightTags",
        why="tag the Insight, so that nothing is written twice",
        part="cloud-siem",
    ),
    Capability(
        who="service",
        name="Manage Insight Status",
        value="cseManageInsightStatus",
        why="raise the Insight's severity, never lower it",
        part="cloud-siem",
    ),
)
"""All of them. A role sees only data that its search filter lets through: that of the service must let the scope through."""


def capabilities(who: Who, parts: frozenset[str] = frozenset({"kit"})) -> tuple[Capability, ...]:
    """Those that one of both needs for these parts."""
    return tuple(one for one in CAPABILITIES if one.who == who and one.part in parts)
