"""A stand-in for Slack's Web API, for one workspace and one bot."""

from enricher.standins.slack.service import Slack

__all__ = ["Slack"]
