"""Positions of MariaDB."""

import pytest

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.gtid import domains


def test_one_position_a_domain() -> None:
    assert domains("") == {}
    assert domains("0-1-100, 5-2-7") == {0: (1, 100), 5: (2, 7)}


@pytest.mark.parametrize("text", ["0-1", "a-b-c", "0-1-2-3", "uuid:1-5"])
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(ZdmigrateError, match="is not a MariaDB GTID position"):
        domains(text)
