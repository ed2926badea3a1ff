"""What a client may ask about the site itself: its project, its screens, who it is and what it may do."""

from __future__ import annotations

from enricher.standins.jira.fields import RIGHTS, Layout, refusal
from enricher.standins.shelf import Json

LARGEST_PAGE = 200
NAMES = {"issuetype": "Issue Type", "customfield_10123": "Case key", "customfield_10124": "Case severity"}


def project(layout: Layout, id_or_key: str, api: str) -> Json:
    """Raises 404."""
    if "BROWSE_PROJECTS" not in layout.rights or id_or_key not in {layout.project, layout.project_id}:
        raise refusal(messages=[f"No project could be found with key '{id_or_key}'."], status=404)
    return {
        "self": f"{api}/project/{layout.project_id}",
        "id": layout.project_id,
        "key": layout.project,
        "name": layout.project_name,
        "projectTypeKey": "service_desk" if layout.service_desk else "software",
        "simplified": False,
        "style": "classic",
        "issueTypes": _issue_types(layout),
    }


def issue_types(layout: Layout, start: int, size: int) -> Json:
    """One page of the project's issue types; none that this account may not create."""
    found = _issue_types(layout) if "CREATE_ISSUES" in layout.rights else []
    return _page(found, "values" if layout.data_center else "issueTypes", start, size)


def create_fields(layout: Layout, issue_type: str, start: int, size: int) -> Json:
    """One page of the create screen. Raises 404."""
    if issue_type not in layout.issue_types:
        raise refusal(messages=["The issue type does not exist or is not in this project."], status=404)
    shown = layout.screen if "SET_ISSUE_SECURITY" in layout.rights else layout.screen - {"security"}
    found = [_field(name, layout) for name in ("project", "issuetype", *sorted(shown))]
    return _page(found, "values" if layout.data_center else "fields", start, size)


def _page(items: list[Json], name: str, start: int, size: int) -> Json:
    size = max(1, min(size, LARGEST_PAGE))
    return {"startAt": start, "maxResults": size, "total": len(items), name: items[start : start + size]}


def permissions(layout: Layout, asked: str) -> Json:
    """Raises 400 for a call that names none: on Cloud it must. Data Center then shows all."""
    names = [name for name in asked.split(",") if name]
    if not names and not layout.data_center:
        raise refusal(messages=["The 'permissions' query parameter is required."])
    return {
        "permissions": {
            name: {"key": name, "name": name, "type": "PROJECT", "havePermission": name in layout.rights}
            for name in names or sorted(RIGHTS)
        }
    }


def _issue_types(layout: Layout) -> list[Json]:
    return [{"id": type_id, "name": name, "subtask": False} for type_id, name in layout.issue_types.items()]


def _field(name: str, layout: Layout) -> Json:
    document: Json = {
        "fieldId": name,
        "key": name,
        "name": NAMES.get(name, name.capitalize()),
        "required": name in {"project", "issuetype", "summary"} | layout.required,
        "hasDefaultValue": name == "priority",
        "operations": ["add", "set", "remove"] if name in {"labels", "components"} else ["set"],
        "schema": _schema(name, layout),
    }
    allowed = _allowed(name, layout)
    if allowed is not None:
        document["allowedValues"] = allowed
    return document


def _schema(name: str, layout: Layout) -> Json:
    if name in {"labels", "components"}:
        return {"type": "array", "items": "string" if name == "labels" else "component", "system": name}
    if name in layout.select_fields:
        return {"type": "option", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:select"}
    if name in layout.text_fields:
        return {"type": "string", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield"}
    kinds = {"summary": "string", "description": "string", "security": "securitylevel", "assignee": "user"}
    return {"type": kinds.get(name, name), "system": name}


def _allowed(name: str, layout: Layout) -> list[Json] | None:
    if name == "project":
        return [{"id": layout.project_id, "key": layout.project, "name": layout.project_name}]
    if name == "components":
        return [{"id": option_id, "name": component} for option_id, component in layout.component_ids.items()]
    if name in layout.select_fields:
        return [{"id": str(n), "value": option} for n, option in enumerate(layout.select_fields[name], 10_200)]
    tables = {"issuetype": layout.issue_types, "priority": layout.priorities, "security": layout.security_levels}
    table = tables.get(name)
    return None if table is None else [{"id": option_id, "name": option} for option_id, option in table.items()]
