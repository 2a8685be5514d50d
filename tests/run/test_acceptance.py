"""A name after --accept that means nothing is a mistake, not a decision."""

import pytest

from zdmigrate.errors import UsageError
from zdmigrate.run.acceptance import NAMES, check_accepted


def test_every_guard_and_every_compared_variable_is_known() -> None:
    assert {"no-standby", "binlog-readers", "privileged-writers", "grants", "sql_mode", "sync_binlog"} <= set(NAMES)
    check_accepted(NAMES)
    check_accepted(["ab12:0", "ab12", "grants"], ["ab12", "ab12:0"])
    check_accepted(["ab12:0"], of_changes=True)


def test_what_is_not_known_is_named_with_what_is() -> None:
    with pytest.raises(UsageError, match=r"--accept no-standbye: nothing is called that.*no-standby"):
        check_accepted(["no-standbye", "grants"])
    with pytest.raises(UsageError, match=r"--accept ab12:1: .*; of this plan: ab12, ab12:0"):
        check_accepted(["ab12:1"], ["ab12", "ab12:0"])
    with pytest.raises(UsageError, match="ab12"):
        check_accepted(["ab12"], of_changes=True)
