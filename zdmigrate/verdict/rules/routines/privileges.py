"""ZD531: users, roles and what they may do."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import Privilege
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import steps

ID = "ZD531"

_LOST = {
    "REVOKE": "a statement that needs it fails with 1142, 1143 or 1044",
    "DROP USER": "its next login fails with 1045",
    "DROP ROLE": "who had it loses its rights (1142, 1044)",
    "SET DEFAULT ROLE NONE": "after its next login a statement that needs the role fails with 1142, 1143 or 1044",
    "RENAME USER": "its next login under the old name fails with 1045",
}


def judge(subject: Privilege, context: Context) -> Iterator[Finding]:
    """More rights are harmless; fewer are not. The statement's text is not quoted: it may hold a password."""
    verb = " ".join(subject.verb.upper().split())
    if verb == "GRANT" or verb in ("CREATE USER", "CREATE ROLE"):
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.CONDITIONAL,
            Phase.EXPAND,
            f"{verb} takes nothing from old code.",
            new_conditions=(
                Condition("rights-before-code", "order", "New code that needs these rights is deployed after them."),
            ),
        )
    elif verb in _LOST:
        yield _lost(verb)
    elif verb == "SET DEFAULT ROLE":
        yield _default_role(subject)
    elif verb in ("ALTER USER", "SET PASSWORD", "ALTER ROLE"):
        yield _changed(verb, subject)
    elif verb == "SET ROLE":
        reason = "SET ROLE changes the rights of the migration's own session alone."
        yield Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.NEUTRAL, reason)
    else:
        yield Finding(
            ID,
            Verdict.UNKNOWN,
            Verdict.UNKNOWN,
            Phase.NEUTRAL,
            f"{verb} is no statement about rights that we know.",
            remedy="Say what it does in GRANT, REVOKE, CREATE, ALTER or DROP USER, or waive this with a reason.",
        )


def _lost(verb: str) -> Finding:
    return Finding(
        ID,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"{verb} takes away what old code may use: {_LOST[verb]}. Pools notice at different times.",
        remedy=steps(
            ("expand", "create the new account or grant first, and release code that uses it"),
            ("deploy", "wait until no node runs older code (look at performance_schema.accounts or the process list)"),
            ("contract", f"{verb}, as written here"),
        ),
    )


def _default_role(node: Privilege) -> Finding:
    """The roles that logins of an account begin with: other ones may be fewer rights."""
    if node.text.upper().split()[3:4] == ["NONE"]:
        return _lost("SET DEFAULT ROLE NONE")
    return Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.CONTRACT,
        "SET DEFAULT ROLE puts other roles in the place of those an account's logins begin with: a statement that "
        "needs one of the former fails with 1142, 1143 or 1044.",
        remedy=steps(("expand", "name every role the account has by default now, and the new one beside them")),
        conditions=(
            Condition("roles-suffice", "person", "The roles named here allow every statement old code sends."),
        ),
        new_conditions=(
            Condition("rights-before-code", "order", "New code that needs these rights is deployed after them."),
        ),
    )


def _changed(verb: str, node: Privilege) -> Finding:
    if "RETAIN CURRENT PASSWORD" in node.text.upper():
        reason = (
            f"{verb} ... RETAIN CURRENT PASSWORD: old code logs in with the old password, new code with the new one."
        )
        return Finding(ID, Verdict.SAFE, Verdict.SAFE, Phase.EXPAND, reason)
    return Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.CONTRACT,
        f"{verb} changes an account that old code may log in with: with another password, plugin, lock or limit its "
        "next login fails with 1045.",
        remedy=steps(
            (
                "expand",
                "MySQL: ALTER USER ... IDENTIFIED BY ... RETAIN CURRENT PASSWORD; MariaDB: make a second account",
            ),
            ("deploy", "code with the new password"),
            ("contract", "MySQL: ALTER USER ... DISCARD OLD PASSWORD; MariaDB: drop the first account"),
        ),
        conditions=(
            Condition(
                "old-code-logs-in-otherwise", "person", "No running version of the app uses the account changed here."
            ),
        ),
        new_conditions=(
            Condition(
                "new-code-logs-in-otherwise", "order", "New code that uses the changed account is deployed after it."
            ),
        ),
    )


RULE = Rule(id=ID, title="users and rights", on=(Privilege,), facts=(75,), judge=judge)
