"""Enricher: from Sumo Logic's webhook to one graded case with one ticket per destination."""
