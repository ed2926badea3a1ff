"""`enricher explain`: a payload or events through the flow, offline unless asked, as a page, as JSON, or as a ticket's body."""

from __future__ import annotations

import sys
from pathlib import Path

from enricher.cli.look import print_json, say
from enricher.cli.page import show
from enricher.core.files import read_files
from enricher.core.insight import console
from enricher.core.payload import read, sniff
from enricher.errors import PayloadError
from enricher.model import Alert
from enricher.wiring import clock, configured, content_directory, lookups
from enricher.wiring.flow import Flow
from enricher.wiring.live import load_content
from enricher.wiring.rendering import render
from enricher.wiring.templates import load_templates

READ = 0
UNREADABLE = 2


def explain(source: str, *, as_json: bool, use_lookups: bool, render_for: str | None) -> int:
    """Returns the exit code: 0, or 2 when the input cannot be read, with the reason on stderr."""
    try:
        alert = _alert(source)
    except (PayloadError, OSError) as error:
        say(f"{source}: {_why(error)}", err=True)
        return UNREADABLE
    settings = configured()
    programs = load_content(content_directory(settings))
    asked = lookups(settings if use_lookups else settings.model_copy(update={"lookups": False}), None)
    where = console(settings.sumo_api_url)
    flow = Flow(lambda: programs, asked, None, owner=use_lookups, console=where, scope=settings.sumo_scope)
    document = flow.explain_alert(alert, clock())
    if render_for:
        templates = load_templates(content_directory(settings))
        print_json([render(case, render_for, settings, templates) for case in document["cases"]])
    elif as_json:
        print_json(document)
    else:
        show(document)
    return READ


def _why(error: PayloadError | OSError) -> str:
    if isinstance(error, PayloadError):
        return str(error)
    return f"{(error.strerror or str(error)).lower()}; give a file, a folder, or - for standard input"


def _alert(source: str) -> Alert:
    if source == "-":
        return _of_body("standard input", sys.stdin.buffer.read())
    path = Path(source)
    if path.is_dir():
        files = [(p.name, p.read_bytes()) for p in sorted(path.iterdir()) if p.is_file()]
        if not files:
            raise PayloadError("no_files", "the folder holds no files")
        return read_files(files)
    return _of_body(path.name, path.read_bytes())


def _of_body(name: str, body: bytes) -> Alert:
    return read(body) if sniff(body) == "payload" else read_files([(name, body)])
