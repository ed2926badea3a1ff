"""`config/severity.yml`: its shape, and the policy it makes."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from enricher.content.models import Strict, Text
from enricher.core.rules import SeverityPolicy
from enricher.model import Severity

Points = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-100, le=100)]
Factor = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
Score = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=100)]

K = TypeVar("K")
V = TypeVar("V")


def _every(names: object) -> AfterValidator:
    """All keys of a Literal must be there: a rule without points is a slip, not a decision; 0 is a decision."""

    def check(value: dict[K, V]) -> dict[K, V]:
        missing = [name for name in get_args(names) if name not in value]
        if missing:
            raise ValueError(f"{', '.join(map(repr, missing))} missing; write 0 to switch a rule off")
        return value

    return AfterValidator(check)


PlatformPoints = Literal["score", "context"]
Source = Literal[
    "dns_same_process", "command_line", "dns_no_connection", "payload", "dns_other_process", "reverse_lookup", "dns_failed", "cname"
]  # fmt: skip
ProcessPoints = Literal[
    "script_host", "lolbin", "downloader", "shell", "runtime", "transfer", "office", "tunnel", "agent", "browser", "other",
    "other_elsewhere", "verified_task", "helper_at_home",
]  # fmt: skip
LineagePoints = Literal[
    "office_child", "server_shell", "browser_child", "lolbin_child", "wmi_child", "task_writable", "service_child", "server_any",
    "winrm_child", "elevated_child", "no_network_app", "explorer_script", "browser_foreign_parent", "explorer_one_liner",
    "install_hook", "installer_child", "task_other", "management", "ide", "ci", "vendor_service",
]  # fmt: skip
IdentityPoints = Literal["renamed", "browser_outside", "system_outside", "double_extension", "no_version"]
PathPoints = Literal["image_writable", "script_writable", "image_writable_more", "script_writable_more"]
CommandPoints = Literal["encoded", "flag", "flags_most", "inline", "url", "loop", "headless"]
DnsPoints = Literal["tenant_rotation", "failed_burst", "never_connected", "most"]
ContextPoints = Literal["new_tenant", "server", "shared_hosts", "needs"]
AddressPoints = Literal["inconsistent", "needs"]


class ContextCap(Strict):
    """A finding on a platform of scope `context`."""

    at_most: Score
    unless_signs: Points


class WeakNameCap(Strict):
    """A finding whose name is poorly known."""

    factor_below: Factor
    at_most: Score
    unless_signs: Points


class BrowserCap(Strict):
    """A finding of a verified browser."""

    at_most: Score


class Caps(Strict):
    """Ceilings, applied in this order."""

    context: ContextCap
    weak_name: WeakNameCap
    browser: BrowserCap


class WithSigns(Strict):
    """A lower score is enough where the signs are strong."""

    score: Score
    signs: Points


class Verdicts(Strict):
    """From which score on a verdict holds."""

    malicious: Score
    malicious_with_signs: WithSigns
    suspicious: Score
    benign_tuned_below: Score


class SeverityFile(Strict):
    """Points, factors, bands and caps. Rule ids as the ledger prints them are `group.name`."""

    bands: Annotated[dict[Severity, Score], Field(description="The lowest score of each band")]
    platform: Annotated[dict[PlatformPoints, Points], _every(PlatformPoints)]
    factor: Annotated[dict[Source, Factor], _every(Source)]
    process: Annotated[dict[ProcessPoints, Points], _every(ProcessPoints)]
    process_by_name: dict[Text, Points]
    lineage: Annotated[dict[LineagePoints, Points], _every(LineagePoints)]
    identity: Annotated[dict[IdentityPoints, Points], _every(IdentityPoints)]
    path: Annotated[dict[PathPoints, Points], _every(PathPoints)]
    command: Annotated[dict[CommandPoints, Points], _every(CommandPoints)]
    behaviour: Annotated[dict[Literal["periodic"], Points], _every(Literal["periodic"])]
    dns: Annotated[dict[DnsPoints, Points], _every(DnsPoints)]
    context: Annotated[dict[ContextPoints, Points], _every(ContextPoints)]
    address: Annotated[dict[AddressPoints, Points], _every(AddressPoints)] = {"inconsistent": 0.0, "needs": 10.0}  # noqa: RUF012 - pydantic copies it
    """A file written before there was this group knows of no such sign, and gets none."""
    floor: dict[Literal["periodic"], Score] = Field(default_factory=dict)
    """A file written before there was this group has no floor."""
    cap: Caps
    verdict: Verdicts
    shadow: list[Text] = Field(default_factory=list)

    @field_validator("bands")
    @classmethod
    def _rising(cls, bands: dict[Severity, float]) -> dict[Severity, float]:
        starts = [bands[band] for band in Severity if band in bands]
        if len(starts) < len(Severity) or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError(f"give {', '.join(Severity)}, each beginning above the one before, the first at 0")
        return bands

    @field_validator("shadow")
    @classmethod
    def _rules_there_are(cls, shadow: list[str], info: ValidationInfo) -> list[str]:
        """Asked last: `info.data` holds every group that could be read."""
        for rule in shadow:
            group, _, name = rule.partition(".")
            known = {*info.data.get(group, {name: 0}), *_PRINTED_AS.get(group, ())}
            if group not in _GROUPS or name not in known:
                raise ValueError(f"there is no rule {rule!r}; write 'group.name', such as 'path.script_writable'")
            if rule in _LIMITS:
                raise ValueError(f"{rule!r} is a limit, not a rule; write {_LIMITS[rule]}")
        return shadow


_PRINTED_AS = {"command": ("flags",)}
"""Rules whose points stand under other names."""
_LIMITS = {
    "command.flag": "'command.flags'",
    "command.flags_most": "'command.flags'",
    "dns.most": "the rules of 'dns'",
    "context.needs": "the rules of 'context' or 'behaviour.periodic'",
    "address.needs": "'address.inconsistent'",
}
"""Numbers in groups that are no points: in shadow they would silently do nothing."""

_GROUPS = frozenset(
    {"platform", "process", "lineage", "identity", "path", "command", "behaviour", "dns", "context", "address"}
)


def policy(file: SeverityFile) -> SeverityPolicy:
    """The file as the core reads it."""
    verdict = file.verdict
    return SeverityPolicy(
        **file.model_dump(exclude={"verdict", "shadow"}),
        verdict_malicious=verdict.malicious,
        verdict_malicious_with_signs=(verdict.malicious_with_signs.score, verdict.malicious_with_signs.signs),
        verdict_suspicious=verdict.suspicious,
        verdict_benign_tuned_below=verdict.benign_tuned_below,
        shadow=frozenset(file.shadow),
    )
