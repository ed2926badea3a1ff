"""A stand-in for Sumo Logic's Search Job API."""

from enricher.standins.sumo.jobs import Message
from enricher.standins.sumo.service import Behaviour, SumoLogic

__all__ = ["Behaviour", "Message", "SumoLogic"]
