"""The capabilities that are needed: no more than the parts that are used, and each with its reason."""

from __future__ import annotations

from enricher.core.kit.roles import CAPABILITIES, capabilities


def test_the_kit_alone_needs_connections_and_monitors_and_the_service_searches() -> None:
    assert [one.value for one in capabilities("installs")] == [
        "viewConnections",
        "manageConnections",
        "viewMonitorsV2",
        "manageMonitorsV2",
        "viewAlerts",
        "createAccessKeys",
    ]
    assert [one.value for one in capabilities("service")] == [
        "downloadSearchResults",
        "viewCollectors",
        "manageAccessKeys",
        "createAccessKeys",
    ]


def test_the_service_manages_nothing_but_insights_and_what_search_jobs_ask_for() -> None:
    values = {one.value for one in CAPABILITIES if one.who == "service"}
    assert {one for one in values if one.startswith("manage")} == {"manageAccessKeys"}
    assert {one for one in values if one.startswith("cseManage")} == {"cseManageInsightTags", "cseManageInsightStatus"}


def test_each_is_said_once_with_a_reason() -> None:
    named = [(one.who, one.part, one.value) for one in CAPABILITIES]
    assert len(set(named)) == len(named)
    assert all(one.name and one.why for one in CAPABILITIES)


def test_a_part_that_is_not_used_asks_for_nothing() -> None:
    assert capabilities("installs", frozenset()) == ()
    both = capabilities("installs", frozenset({"cases", "cloud-siem"}))
    assert {one.part for one in both} == {"cases", "cloud-siem"}
