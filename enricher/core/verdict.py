"""The verdict on a case in one sentence, and what the words for a process's identity mean.

What comes out may hold text from logs: whoever shows it makes it harmless.
"""

from __future__ import annotations

from collections.abc import Mapping

from enricher.core.document import CaseDocument, StepDoc

IDENTITY: Mapping[str, str] = {
    "renamed": "the file was compiled under another name than it runs by",
    "masquerade": "it has a system program's or a browser's name, outside that program's folders",
    "user_writable": "it, or a script it runs, lies where a user may write",
    "no_version": "its version information is empty",
    "double_extension": "its name hides what sort of file it is",
}
"""What each word says of a process."""

REASONS: Mapping[str, str] = {
    "platform.score": "a serverless platform",
    "platform.context": "a platform that much else uses",
    "process.script_host": "a script host",
    "process.lolbin": "a system program that has no business on the internet",
    "process.downloader": "a downloader",
    "process.shell": "a shell",
    "process.runtime": "a script runtime",
    "process.transfer": "a transfer tool",
    "process.office": "an Office program",
    "process.tunnel": "a tunnel",
    "process.browser": "a browser",
    "process.other": "an ordinary program",
    "process.other_elsewhere": "a program outside the usual folders",
    "process.helper_at_home": "an updater in its own folder",
    "process.verified_task": "a script of a protected folder",
    "lineage.office_child": "an Office program as its parent",
    "lineage.server_shell": "a server program as its parent",
    "lineage.server_any": "a server program as its parent",
    "lineage.browser_child": "a browser or archiver as its parent",
    "lineage.lolbin_child": "a script host as its parent",
    "lineage.wmi_child": "its start through WMI",
    "lineage.task_writable": "a scheduled task in a writable folder",
    "lineage.task_other": "a scheduled task",
    "lineage.service_child": "its start by the service manager",
    "lineage.winrm_child": "its start through WinRM",
    "lineage.elevated_child": "its start by a program that elevates",
    "lineage.no_network_app": "a program that needs no network",
    "lineage.explorer_script": "a script started from the desktop",
    "lineage.browser_foreign_parent": "a browser started by a stranger",
    "lineage.explorer_one_liner": "a long one-liner started from the desktop",
    "lineage.install_hook": "the install hook of a package",
    "lineage.installer_child": "an installer as its parent",
    "identity.renamed": "a renamed file",
    "identity.browser_outside": "a browser's name outside its folders",
    "identity.system_outside": "a system program's name outside its folders",
    "identity.double_extension": "a name that hides what sort of file it is",
    "identity.no_version": "no version information",
    "path.image_writable": "a file in a writable folder",
    "path.image_writable_more": "a file in a folder that users may write to",
    "path.script_writable": "a script in a writable folder",
    "path.script_writable_more": "a script in a folder that users may write to",
    "command.encoded": "an encoded command",
    "command.flag": "a telling switch on its command line",
    "command.flags": "telling switches on its command line",
    "command.inline": "code on its command line",
    "command.url": "the host on its command line",
    "command.loop": "a loop on its command line",
    "command.headless": "a browser without a window",
    "behaviour.periodic": "regular contact",
    "dns.tenant_rotation": "many tenants in an hour",
    "dns.failed_burst": "a burst of failed queries",
    "dns.never_connected": "names asked for and never contacted",
    "context.server": "a server",
    "context.new_tenant": "a tenant new to this estate",
    "context.shared_hosts": "several hosts at once",
    "address.inconsistent": "an address that is not the platform's",
    "floor.periodic": "regular contact that nothing explains",
}
"""What a step that adds points adds them for."""

LARGEST = 3


def sentence(document: CaseDocument) -> str:
    """`Malicious, confidence 0.9: 98 of 100 is critical, chiefly for an Office program as its parent (+30).`

    An older case may lack the confidence or the ledger; then nothing is said of it.
    """
    verdict, sure = document["verdict"] or "unknown", document["confidence"]
    said = "Undecided" if verdict == "unknown" else verdict.capitalize()
    confidence = f", confidence {_number(sure)}" if sure else ""
    grade = f"{document['score'] or 0} of 100 is {document['severity'] or 'not graded'}"
    return f"{said}{confidence}: {grade}{_chiefly(document)}{_before_tuning(document)}."


def _chiefly(document: CaseDocument) -> str:
    raising = [step for step in document["ledger"] or () if step["taken"] and (step["points"] or 0) > 0]
    largest = sorted(raising, key=lambda step: -step["points"])[:LARGEST]
    if not largest:
        return ""
    *most, last = map(_step, largest)
    return f", chiefly for {' and '.join(filter(None, (', '.join(most), last)))}"


def _step(step: StepDoc) -> str:
    rule = step["rule"] or step["step"] or "a step without a name"
    return f"{REASONS.get(rule) or rule.replace('.', ' ').replace('_', ' ')} (+{_number(step['points'])})"


def _before_tuning(document: CaseDocument) -> str:
    """What a tuning rule has lowered it from; empty where none did."""
    raw, severity = document["raw_score"], document["raw_severity"]
    if raw is None or (raw, severity) == (document["score"], document["severity"]):
        return ""
    return f"; before tuning it was {raw}, {severity}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
