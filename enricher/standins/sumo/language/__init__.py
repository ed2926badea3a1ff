"""The part of Sumo Logic's query language that our searches use, evaluated as it is documented and strict about the rest.

`parse(text).run(messages)` gives the rows. What no page of the documentation has is a QueryError that names the line; what a page
leaves open is a reading that the caller chooses, so that a search can be shown to mean one thing under all of them.
"""

from enricher.standins.sumo.language.search import Search, parse
from enricher.standins.sumo.language.values import QueryError, Reading
from enricher.standins.sumo.language.webhooks import LABELS, webhook_rows

__all__ = ["LABELS", "QueryError", "Reading", "Search", "parse", "webhook_rows"]
