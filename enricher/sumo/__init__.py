"""Asking Sumo Logic by its Search Job API. Never more than one flight of requests, and no job left behind."""
