"""A stand-in for ServiceNow's Table API, with the table `incident` and what an integration reads beside it."""

from enricher.standins.servicenow.service import ServiceNow

__all__ = ["ServiceNow"]
