"""Stand-ins for Jira: Cloud (REST API v3) and Data Center (v2), either with a service desk."""

from enricher.standins.jira.datacenter import JiraDataCenter
from enricher.standins.jira.fields import Layout
from enricher.standins.jira.service import Jira

__all__ = ["Jira", "JiraDataCenter", "Layout"]
