"""The templates of tickets: read, and tried on two made-up cases before one of a house's own meets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from enricher.content.templates import read_layouts
from enricher.core.document import CaseDocument, Json
from enricher.core.layout import PLAIN, Layout, Layouts
from enricher.destinations import jira_body, servicenow_body, slack_body
from enricher.destinations.jira_flavour import CLOUD, DATA_CENTER, MOST_TEXT, adf_size
from enricher.destinations.text import length
from enricher.errors import ConfigurationError
from enricher.wiring.specimen import bare, longest

BASE_URL = f"https://enricher.example/{'a' * 80}"


def load_templates(directory: Path | None) -> Layouts:
    """Read and try them. Raises ConfigurationError with every problem as `file:line: message`."""
    layouts = read_layouts(directory)
    problems = [
        *_tried(layouts.jira, PLAIN.jira, _jira),
        *_tried(layouts.servicenow, PLAIN.servicenow, _servicenow),
        *_tried(layouts.slack, PLAIN.slack, _slack),
    ]
    if problems:
        raise ConfigurationError(problems)
    return layouts


def _tried(layout: Layout, plain: Layout, render: Callable[[CaseDocument, Layout], Iterator[str]]) -> list[str]:
    """The packaged template is not tried each time: it takes a while, and tests do that."""
    if layout == plain:
        return []
    return [f"{layout.source}:1: {problem}" for document in (longest(), bare()) for problem in render(document, layout)]


def _jira(document: CaseDocument, layout: Layout) -> Iterator[str]:
    for flavour, size in ((CLOUD, adf_size), (DATA_CENTER, length)):
        body = jira_body.render(document, project="SEC", flavour=flavour, layout=layout, base_url=BASE_URL)
        text = body["fields"]["description"]
        if size(text) > MOST_TEXT:
            yield _too_long(size(text), MOST_TEXT)


def _servicenow(document: CaseDocument, layout: Layout) -> Iterator[str]:
    """The text is cut at its end to fit: then a part is not all there."""
    whole = servicenow_body.description(document, layout, BASE_URL)
    if length(whole) > servicenow_body.MOST_DESCRIPTION:
        yield _too_long(length(whole), servicenow_body.MOST_DESCRIPTION)


def _slack(document: CaseDocument, layout: Layout) -> Iterator[str]:
    body: Json = slack_body.render(document, channel="C0", layout=layout, base_url=BASE_URL, buttons=True)
    if (size := slack_body.blocks_size(body)) > slack_body.MOST_BLOCKS:
        yield _too_long(size, slack_body.MOST_BLOCKS)


def _too_long(size: int, most: int) -> str:
    return f"a long case has {size:,} characters at its shortest, of {most:,}: take away notes or sections, or shorten headings"
