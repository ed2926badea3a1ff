"""A stand-in for whoever receives our webhook."""

from enricher.standins.receiver.service import Receiver

__all__ = ["Receiver"]
