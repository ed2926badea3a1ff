"""Which destinations a case goes to: first route that fits, and what no case can come to."""

from __future__ import annotations

from typing import Any, cast

import pytest

from enricher.core.document import CaseDocument
from enricher.core.route import Route, destinations_for, unreachable

NAMES = ("jira", "slack", "soc-pager")


def case(**values: Any) -> CaseDocument:
    document = {
        "severity": "high",
        "disposition": "open",
        "platform": {"id": "cf-workers", "category": "edge-worker"},
        "estate": {"groups": ["finance", "vip"], "role": "workstation"},
        **values,
    }
    return cast("CaseDocument", document)


def route(*to: str, **conditions: Any) -> Route:
    made: dict[str, Any] = {name: frozenset(values) for name, values in conditions.items()}
    return Route(to=to, **made)


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        pytest.param({}, True, id="no condition fits every open case"),
        pytest.param({"severity": ["high", "critical"]}, True, id="one of several severities"),
        pytest.param({"severity": ["low"]}, False, id="another severity"),
        pytest.param({"host_group": ["vip"]}, True, id="one of the groups"),
        pytest.param({"host_group": ["servers"]}, False, id="none of the groups"),
        pytest.param({"role": ["workstation"]}, True, id="the role"),
        pytest.param({"platform": ["cf-workers"]}, True, id="the platform"),
        pytest.param({"category": ["tunnel"]}, False, id="another category"),
        pytest.param({"severity": ["high"], "role": ["server"]}, False, id="all conditions must hold"),
        pytest.param({"disposition": ["suppressed"]}, False, id="another disposition"),
    ],
)
def test_a_route_fits(conditions: dict[str, list[str]], fits: bool) -> None:  # noqa: FBT001 - the row says it
    assert (destinations_for(case(), [route("jira", **conditions)], NAMES) == ("jira",)) is fits


def test_the_first_route_that_fits_decides_alone() -> None:
    routes = [route("soc-pager", "slack", severity=["critical"]), route("jira")]
    assert destinations_for(case(severity="critical"), routes, NAMES) == ("slack", "soc-pager")
    assert destinations_for(case(), routes, NAMES) == ("jira",)


def test_without_routes_open_cases_go_everywhere_and_others_nowhere() -> None:
    assert destinations_for(case(), (), NAMES) == NAMES
    assert destinations_for(case(disposition="suppressed"), (), NAMES) == ()


def test_a_suppressed_case_goes_where_a_route_names_it() -> None:
    routes = [route("jira", disposition=["suppressed", "open"])]
    assert destinations_for(case(disposition="suppressed"), routes, NAMES) == ("jira",)
    assert destinations_for(case(disposition="informational"), routes, NAMES) == ()


def test_a_case_that_fits_no_route_and_one_that_a_route_keeps_go_nowhere() -> None:
    assert destinations_for(case(), [route("jira", severity=["low"])], NAMES) == ()
    assert destinations_for(case(), [route(severity=["high"]), route("jira")], NAMES) == ()


def test_a_destination_that_is_not_set_up_is_left_out() -> None:
    assert destinations_for(case(), [route("jira", "servicenow")], NAMES) == ("jira",)


@pytest.mark.parametrize("estate", [None, {"groups": [], "role": None}])
def test_an_unknown_host_has_no_group_and_no_role(estate: Any) -> None:
    routes = [route("soc-pager", host_group=["finance"]), route("slack", role=["workstation"]), route("jira")]
    assert destinations_for(case(estate=estate), routes, NAMES) == ("jira",)


def test_a_case_stored_before_there_was_an_estate_is_routed() -> None:
    document = cast("CaseDocument", {name: value for name, value in case().items() if name != "estate"})
    assert destinations_for(document, [route("jira")], NAMES) == ("jira",)


@pytest.mark.parametrize(
    ("first", "second", "dead"),
    [
        pytest.param({}, {"severity": ["low"]}, True, id="everything came before"),
        pytest.param({"severity": ["low", "high"]}, {"severity": ["high"]}, True, id="a wider list came before"),
        pytest.param({"severity": ["low"]}, {}, False, id="a narrower one leaves cases over"),
        pytest.param({"severity": ["low"]}, {"severity": ["low", "high"]}, False, id="part of the list is left"),
        pytest.param({"severity": ["low"]}, {"role": ["server"]}, False, id="they ask for different things"),
        pytest.param({}, {"disposition": ["suppressed"]}, False, id="another disposition is left"),
        pytest.param({"severity": ["low"]}, {"severity": ["low"], "role": ["server"]}, True, id="one more condition"),
    ],
)
def test_a_route_that_no_case_can_come_to_is_found(first: Any, second: Any, dead: bool) -> None:  # noqa: FBT001 - the row says it
    routes = [route("jira", **first), route("slack", **second)]
    assert unreachable(routes) == ([(routes[1], routes[0])] if dead else [])
