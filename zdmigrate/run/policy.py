"""What a person decided about a run, in one frozen object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Blockers = Literal["wait", "kill", "abort"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits in seconds, and what was accepted.

    Attributes:
        max_lag: a replica further behind than this is not switched to.
        catch_up: how long to wait, before the freeze, for the candidate to be level with the primary.
        freeze_wait: how long the freeze may wait for statements that write right now; meanwhile new ones wait too.
        freeze_cap: how long writes may be blocked altogether before they are let on again.
        lease: for how long the candidate may be promoted, counted from just before the freeze, by the candidate's
            own clock. Until this is over (and a second more) nobody but the run itself lets writes on again.
        blockers: what to do with transactions older than `long_transaction`: wait for them, end them, or give up.
        blockers_wait: how long "wait" waits.
        end_sessions: end client connections that stay on the old primary, so that their pools connect anew.
        accept: reasons to refuse that were accepted: a variable that differs, `privileged-writers`, `grants`.
        ha_paused: a person says that other failover managers are paused.
        lock_wait: whole seconds a statement of `apply` may wait for a lock, and others behind it; then it steps back.
        lock_patience: for how long it steps back and tries again.
        statement_limit: how long one statement may run.
        kill_running: end a statement that runs when the limit is over or somebody stops the run; else it goes on.
    """

    max_lag: float = 5.0
    catch_up: float = 60.0
    freeze_wait: int = 1
    freeze_cap: float = 5.0
    lease: float = 5.0
    long_transaction: float = 1.0
    blockers: Blockers = "wait"
    blockers_wait: float = 30.0
    end_sessions: bool = True
    accept: frozenset[str] = frozenset()
    ha_paused: bool = False
    lock_wait: int = 1
    lock_patience: float = 60.0
    statement_limit: float = 3600.0
    kill_running: bool = False
