"""A stand-in for PagerDuty's Events API v2, for one service."""

from enricher.standins.pagerduty.service import PagerDuty

__all__ = ["PagerDuty"]
