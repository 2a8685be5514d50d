"""What manifests prove about old code, and what it is taken to do without them."""

from __future__ import annotations

import pytest

from tests.verdict.support import USERS, judged, manifest, recorded
from zdmigrate.history.catalog import Column, ColumnType
from zdmigrate.history.statements import parse_type
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.model import Verdict
from zdsession.manifest import Manifest, MappedColumn, MappedTable

BASE, _ = recorded(USERS)


def old_code(*manifests: Manifest) -> OldCode:
    """Old code that maps what these say."""
    return OldCode(BASE, manifests, parse_type)


def column(name: str) -> Column:
    """A column of the base schema."""
    found = BASE.tables["users"].column(name)
    assert found is not None
    return found


def test_without_manifests_it_maps_everything_and_does_what_the_schema_allows() -> None:
    code = old_code()
    assert not code.proven
    assert code.maps_table("anything")
    assert code.maps_column("users", "anything")
    assert code.may_write_null("users", column("nick"))
    assert not code.may_write_null("users", column("name"))
    assert code.may_omit("users", column("qty"))
    assert code.may_omit("users", column("nick"))
    assert not code.may_omit("users", column("name"))
    assert code.types("users", column("nick")) == (column("nick").type,)
    assert code.quote("users", "nick") == ""


def test_manifests_say_exactly_what_is_mapped() -> None:
    code = old_code(manifest(users={"id": "INT NOT NULL", "Nick": "VARCHAR(50)"}))
    assert code.proven
    assert code.maps_table("users")
    assert not code.maps_table("orders")
    assert code.maps_column("users", "nick")
    assert not code.maps_column("users", "qty")
    assert not code.maps_column("orders", "id")


def test_one_manifest_that_maps_it_is_enough() -> None:
    code = old_code(manifest("1", users={"id": "INT"}), manifest("2", users={"id": "INT", "qty": "INT"}))
    assert code.maps_column("users", "qty")


@pytest.mark.parametrize(
    ("mapped", "null", "omit"),
    [
        (MappedColumn("INT", nullable=False), False, False),
        (MappedColumn("INT", nullable=True), True, True),
        (MappedColumn("INT", nullable=True, client_default=True), True, False),
        (MappedColumn("INT", nullable=False, server_default="0"), False, True),
        (MappedColumn("INT", nullable=False, autoincrement=True), False, True),
        (MappedColumn("INT", generated=True), False, True),
        (None, False, True),
    ],
)
def test_what_inserts_of_a_mapping_do(mapped: MappedColumn | None, null: bool, omit: bool) -> None:
    columns: dict[str, MappedColumn | str] = {"id": "INT"}
    if mapped is not None:
        columns["qty"] = mapped
    code = old_code(manifest(users=columns))
    assert code.may_write_null("users", column("qty")) is null
    assert code.may_omit("users", column("qty")) is omit


def test_nobody_inserts_into_a_table_nobody_maps() -> None:
    code = old_code(manifest(orders={"id": "INT"}))
    assert not code.may_omit("users", column("qty"))


def test_types_are_those_mapped() -> None:
    code = old_code(manifest("1", users={"nick": "VARCHAR(20)"}), manifest("2", users={"nick": "TEXT"}))
    assert code.types("users", column("nick")) == (ColumnType("varchar", (20,)), ColumnType("text"))
    assert code.types("users", column("qty")) == ()


def test_the_proof_in_words() -> None:
    newer = manifest("2.4.1", users={"id": "INT NOT NULL", "name": "VARCHAR(50)"})
    other = manifest("2.4.0", orders={"id": "INT"})
    code = old_code(newer, other)
    assert code.quote("users", "nick") == (
        f"manifest 2.4.1 ({newer.digest[:8]}) maps users(id, name), not nick; "
        f"manifest 2.4.0 ({other.digest[:8]}) maps no table users"
    )
    assert "maps users.name as VARCHAR(50) NULL" in code.quote("users", "name")
    assert code.quote("users").startswith(f"manifest 2.4.1 ({newer.digest[:8]}) maps users;")


@pytest.mark.parametrize("name", ["shop.users", "Users", "shop.USERS"])
def test_a_table_named_with_its_schema_or_in_other_case_is_taken_for_mapped(name: str) -> None:
    """A name we cannot be sure of must never prove that nobody maps a table."""
    mapped = Manifest(
        "1", ("h",), {name: MappedTable({"id": MappedColumn("INT"), "nick": MappedColumn("VARCHAR(50)")})}
    )
    (dropped,) = judged(USERS, "DROP TABLE users", manifests=[mapped])
    assert dropped.old is Verdict.UNSAFE
    (column,) = judged(USERS, "ALTER TABLE users DROP COLUMN nick", manifests=[mapped])
    assert column.old is Verdict.UNSAFE
