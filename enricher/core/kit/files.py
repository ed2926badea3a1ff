"""The whole kit as files, for a folder of one's own: Terraform, bodies of the API, queries, Sigma, Sysmon's configuration, payloads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from enricher.core.kit.dashboard import dashboard
from enricher.core.kit.forms import FORMS, SEARCHES
from enricher.core.kit.hunting import hunting_queries
from enricher.core.kit.installed import installed
from enricher.core.kit.objects import Objects, Options
from enricher.core.kit.preflight import preflight_query
from enricher.core.kit.queries import detection_queries, process_queries
from enricher.core.kit.rest import Body, bodies, scheduled_bodies
from enricher.core.kit.roles import CAPABILITIES
from enricher.core.kit.searches import case_searches
from enricher.core.kit.sigma import as_yaml, sigma_rules
from enricher.core.kit.sysmon_config import sysmon_config
from enricher.core.kit.terraform import terraform
from enricher.core.rules import Rules


@dataclass(frozen=True, slots=True)
class File:
    """One file: its path below the kit's folder, with slashes, and what it says."""

    name: str
    text: str


def kit(rules: Rules, options: Options, more: Iterable[File] = ()) -> tuple[File, ...]:
    """Every file, each name once, with `more` of whoever has some. No secret is in any. Raises Unsearchable."""
    objects = installed(rules, options)
    return (
        *(File(f"terraform/{name}", text) for name, text in terraform(objects).items()),
        *_rest(objects),
        *_queries(rules, options),
        *(File(f"queries/cases/{one.name}.txt", f"{one.text}\n") for one in case_searches(options.case_category)),
        File("dashboard/cases.json", _json(dashboard(options.case_category))),
        File("sigma/serverless-c2.sigma.yml", as_yaml(sigma_rules(rules))),
        File("sysmon/sysmon-serverless.xml", sysmon_config(rules)),
        *(File(f"payloads/{name}.json", text) for name, text in asdict(options.payloads).items()),
        File("roles.json", _json([asdict(one) for one in CAPABILITIES])),
        *more,
    )


def _rest(objects: Objects) -> Iterator[File]:
    for one in bodies(objects, cases=True):
        yield _body("rest", one)
    for one in scheduled_bodies(objects):
        yield _body("rest/instead-of-monitors", one)


def _body(folder: str, one: Body) -> File:
    return File(f"{folder}/{one.kind}-{one.name.lower().replace(' ', '-')}.json", _json(one.body))


def _queries(rules: Rules, options: Options) -> Iterator[File]:
    for form in FORMS:
        queries = (*detection_queries(rules, options.scope, form), *process_queries(rules, options.scope, form))
        for query in queries:
            yield File(f"queries/{form}/{query.name}.txt", f"{query.text}\n")
    for form in SEARCHES:
        yield File(f"queries/{form}/preflight.txt", f"{preflight_query(options.scope, form)}\n")
        yield File(f"queries/{form}/hunting.txt", hunting_queries(options.scope, rules, form))


def _json(value: object) -> str:
    return f"{json.dumps(value, indent=2, ensure_ascii=False)}\n"
