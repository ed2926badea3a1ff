"""Fields of tickets that are ours, so that no site may set them to something else."""

from __future__ import annotations

SERVICENOW_OURS = frozenset(
    {
        "sys_id",
        "number",
        "correlation_id",
        "correlation_display",
        "short_description",
        "description",
        "work_notes",
        "comments",
    }
)
"""`comments` because the caller reads them: a case is for the people who work on it."""
