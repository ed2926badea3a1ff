"""A stand-in for Jira Cloud, REST API v3."""

from enricher.standins.jira.service import Jira

__all__ = ["Jira"]
