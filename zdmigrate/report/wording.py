"""Sentences that several report formats share."""

from __future__ import annotations

from zdmigrate.gate import GateResult
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.verdict.model import Phase, Verdict


def plural(count: int, noun: str) -> str:
    """`1 change`, `2 changes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def summary(plan: Plan) -> str:
    """One line: how many revisions and changes, by verdict."""
    counts = plan.counts()
    changes = sum(len(revision.changes) for revision in plan.revisions)
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    return f"{plural(len(plan.revisions), 'revision')}, {plural(changes, 'change')}: {verdicts or 'nothing to judge'}"


def old_code(plan: Plan) -> str:
    """One line: what old code is taken to be."""
    if plan.deployed:
        known = f"code written for the schema at {', '.join(plan.deployed)}"
    else:
        known = "each revision judged by itself, for code written for the schema before it"
    if plan.manifests:
        versions = ", ".join(f"{item.version} ({item.digest[:8]})" for item in plan.manifests)
        return f"{known}, narrowed by manifest {versions}"
    return f"{known}, assumed to map all of it"


def fleet(plan: Plan) -> tuple[str, ...]:
    """What the live fleet said, and why that may not be all; nothing where it was not asked."""
    if plan.fleet is None:
        return ()
    return (plan.fleet.quote(), *(f"the fleet proves nothing: {gap}" for gap in plan.fleet.gaps))


def subject(change: PlannedChange) -> str:
    """`add_column users.nick`."""
    kind, table, column = change.subject
    name = ".".join(part for part in (table, column) if part)
    return f"{kind} {name}" if name else kind


def cost(change: PlannedChange) -> str:
    """`COPY, blocks writes`, `INSTANT`, or nothing for a statement with no table work."""
    if change.cost.algorithm in ("NONE", "DML"):
        return ""
    return f"{change.cost.algorithm}{', blocks writes' if change.cost.blocks_writes else ''}"


def why(change: PlannedChange) -> str:
    """The reason for the change's verdict: that of its worst open finding."""
    return next((item.reason for item in change.open_findings if item.old is change.verdict), "")


def rules(change: PlannedChange) -> tuple[str, ...]:
    """Rules behind the change's verdict, each once."""
    return tuple(dict.fromkeys(item.rule for item in change.open_findings if item.old is change.verdict))


def headline(revision: PlannedRevision) -> str:
    """The first line of the revision's message, or its file name."""
    lines = revision.recorded.message.strip().splitlines()
    return lines[0] if lines else revision.recorded.path.rsplit("/", 1)[-1]


def next_step(plan: Plan, gate: GateResult | None) -> str:
    """What to do next, in one sentence."""
    if gate is not None and not gate.passed:
        kinds = {item.kind for item in gate.obstacles}
        if "phase" in kinds:
            return "Split the revisions named above, then run this again."
        if "unsafe" in kinds:
            return (
                "Change the statements named above as their remedy says; if a change is meant to run after the deploy, "
                "mark its revision `# zdmigrate: phase contract`; if it is a reviewed exception, add a waiver."
            )
        if "fleet" in kinds:
            return (
                "A contract has to wait: replace the nodes named above (zdsession drain NODE, then stop it), or strike "
                "out those that have ended (zdsession forget NODE), then run this again."
            )
        if "broke" in kinds:
            return "Change what old code broke by when it was run, or move it after the deploy."
        if "unknown" in kinds:
            return "Give what is missing (--schema, --metadata, --import, or --url), or waive what you have reviewed."
        if "unproved" in kinds:
            return "Make what the server did not carry out run there, or prove without it (`zdmigrate prove REVISION`)."
        if "waiver" in kinds:
            return "Put the waivers named above right."
        return (
            "Prove the conditions named above (--url runs their queries, --deployed reads manifests), or accept them."
        )
    phases = [revision.side for revision in plan.revisions if revision.side is not Phase.NEUTRAL]
    if not plan.revisions:
        return "Nothing is pending."
    worst = Verdict.worst(revision.verdict for revision in plan.revisions)
    if not plan.deployed:
        return "Tell which revision is deployed with --from REV to judge what is pending as one release."
    both = sum(phase in (Phase.MIXED, Phase.SPLIT) for phase in phases)
    if both:
        needs = "needs" if both == 1 else "need"
        return f"{plural(both, 'revision')} {needs} both sides of a deploy: `zdmigrate check` says how to split."
    before = sum(phase in (Phase.EXPAND, Phase.MIGRATE) for phase in phases)
    after = sum(phase is Phase.CONTRACT for phase in phases)
    steps = []
    if before:
        steps.append(f"run {plural(before, 'revision')} before the deploy")
    if after:
        steps.append(f"{plural(after, 'revision')} after the last old node is gone")
    sentence = (" and ".join(steps) or "no revision depends on the deploy") + "."
    first = {
        Verdict.CONDITIONAL: " Check the conditions first.",
        Verdict.UNKNOWN: " Settle what is unknown first.",
    }.get(worst, "")
    return sentence[0].upper() + sentence[1:] + first
