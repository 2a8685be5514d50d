"""Wording shared by the rules: names and types as a person writes them, Alembic code and numbered recipes.

A remedy is made by `steps`: one line a step, each beginning with the side of the deploy it belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from zdmigrate.history.catalog import Column, ColumnType, Default

_SA_TYPES = {
    "smallint": "sa.SmallInteger()",
    "int": "sa.Integer()",
    "bigint": "sa.BigInteger()",
    "text": "sa.Text()",
    "date": "sa.Date()",
    "json": "sa.JSON()",
    "float": "sa.Float()",
}

#: Types that SQLAlchemy's MySQL dialect has a class for (any other is left to the reader as `...`).
_MYSQL_TYPES = frozenset(
    name
    for names in (
        "tinyint smallint mediumint int bigint decimal float double bit",
        "char varchar tinytext text mediumtext longtext enum set json",
        "binary varbinary tinyblob blob mediumblob longblob",
        "date time datetime timestamp year",
    )
    for name in names.split()
)


def quoted(name: str) -> str:
    """An SQL identifier in backticks; a catalog key `schema.table` becomes two."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in name.split("."))


def sql_text(value: str) -> str:
    """A string literal of SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def listed(items: Iterable[str], conjunction: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    *head, last = [*items] or [""]
    return f"{', '.join(head)} {conjunction} {last}" if head else last


def sql_type(column_type: ColumnType) -> str:
    """The type as DDL writes it (charset and collation left out): `VARCHAR(50)`, `INT UNSIGNED`, `ENUM('a','b')`."""
    text = column_type.name.upper()
    if column_type.name in ("enum", "set"):
        text += "(" + ",".join(sql_text(member) for member in column_type.members) + ")"
    elif column_type.args:
        text += "(" + ",".join(map(str, column_type.args)) + ")"
    return text + (" UNSIGNED" if column_type.unsigned else "") + (" ZEROFILL" if column_type.zerofill else "")


def sql_default(default: Default) -> str:
    """The value after DEFAULT."""
    match default.kind:
        case "literal":
            return default.text if re.fullmatch(r"-?\d+(\.\d+)?", default.text) else sql_text(default.text)
        case "now":
            if default.text.isdigit():
                return f"CURRENT_TIMESTAMP({default.text})"
            return default.text or "CURRENT_TIMESTAMP"
        case "expression":
            return f"({default.text})"


def sql_column(column: Column) -> str:
    """The column's whole definition as MODIFY must restate it, name first."""
    words = [quoted(column.name), sql_type(column.type)]
    if column.generated is not None:
        words.append(f"AS ({column.generated.expression}) {'STORED' if column.generated.stored else 'VIRTUAL'}")
    if not column.nullable:
        words.append("NOT NULL")
    elif column.generated is None:
        words.append("NULL")
    if column.default is not None:
        words.append(f"DEFAULT {sql_default(column.default)}")
    if column.on_update:
        words.append(f"ON UPDATE {column.on_update}")
    if column.auto_increment:
        words.append("AUTO_INCREMENT")
    if column.comment:
        words.append(f"COMMENT {sql_text(column.comment)}")
    return " ".join(words)


def sa_type(column_type: ColumnType) -> str:
    """The type in SQLAlchemy: `sa.String(50)`, `sa.Enum('a', 'b')`, `mysql.TINYINT(1)`."""
    name, args = column_type.name, column_type.args
    if name not in _MYSQL_TYPES:
        return "..."
    if name == "enum":
        return "sa.Enum(" + ", ".join(map(repr, column_type.members)) + ")"
    if name == "set":
        return "mysql.SET(" + ", ".join(map(repr, column_type.members)) + ")"
    if name == "varchar":
        return f"sa.String({args[0]})" if args else "sa.String()"
    if name == "decimal" and not column_type.unsigned:
        return f"sa.Numeric({', '.join(map(str, args))})"
    if name == "tinyint" and args == (1,) and not column_type.unsigned:
        return "sa.Boolean()"
    if name == "datetime" and not args:
        return "sa.DateTime()"
    if name in _SA_TYPES and not args and not column_type.unsigned:
        return _SA_TYPES[name]
    given = [f"fsp={args[0]}"] if name in ("datetime", "timestamp", "time") and args else [str(arg) for arg in args]
    if column_type.unsigned:
        given.append("unsigned=True")
    return f"mysql.{'INTEGER' if name == 'int' else name.upper()}({', '.join(given)})"


def sa_default(default: Default) -> str:
    """The value of `server_default=`."""
    if default.kind == "literal":
        return repr(default.text)
    return f"sa.text({repr_name(sql_default(default))})"


def sa_column(column: Column, *, nullable: bool | None = None, default: Default | str | None = None) -> str:
    """`sa.Column(...)` for `column`; `nullable` and `default` (a Default, or code) override its own."""
    words = [repr_name(column.name), sa_type(column.type)]
    if column.generated is not None:
        words.append(f"sa.Computed({repr_name(column.generated.expression)}, persisted={column.generated.stored})")
    words.append(f"nullable={column.nullable if nullable is None else nullable}")
    chosen = default if default is not None else column.default
    if chosen is not None:
        words.append(f"server_default={chosen if isinstance(chosen, str) else sa_default(chosen)}")
    return f"sa.Column({', '.join(words)})"


def repr_name(name: str) -> str:
    """A name as a Python string with double quotes."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def table_arguments(table: str) -> tuple[str, str]:
    """First argument and trailing keyword of an `op` call: `("users", "")`, `("t", ', schema="other"')`."""
    schema, _, name = table.rpartition(".")
    return repr_name(name), f", schema={repr_name(schema)}" if schema else ""


def op_add_column(table: str, column: str) -> str:
    """`op.add_column(...)`; `column` is code, from `sa_column`."""
    first, rest = table_arguments(table)
    return f"op.add_column({first}, {column}{rest})"


def op_drop_column(table: str, column: str) -> str:
    """`op.drop_column(...)`."""
    first, rest = table_arguments(table)
    return f"op.drop_column({first}, {repr_name(column)}{rest})"


def op_drop_table(table: str) -> str:
    """`op.drop_table(...)`."""
    first, rest = table_arguments(table)
    return f"op.drop_table({first}{rest})"


def op_rename_table(table: str, new_name: str) -> str:
    """`op.rename_table(...)`."""
    first, rest = table_arguments(table)
    return f"op.rename_table({first}, {table_arguments(new_name)[0]}{rest})"


def existing_arguments(column: Column) -> dict[str, str]:
    """The `existing_*` arguments that make `op.alter_column` on MySQL keep all of `column`."""
    words = {"existing_type": sa_type(column.type), "existing_nullable": str(column.nullable)}
    if column.default is not None:
        default = sa_default(column.default)
        if column.on_update:
            default = f"sa.text({repr_name(f'{sql_default(column.default)} ON UPDATE {column.on_update}')})"
        words["existing_server_default"] = default
    if column.auto_increment:
        words["existing_autoincrement"] = "True"
    if column.comment:
        words["existing_comment"] = repr(column.comment)
    return words


def op_alter_column(table: str, column: Column, **changes: str) -> str:
    """`op.alter_column(...)` that makes `changes` (code by argument name) and keeps the rest of `column`."""
    first, rest = table_arguments(table)
    words = [first, repr_name(column.name), *(f"{name}={value}" for name, value in changes.items())]
    replaced = {
        "existing_type": "type_" in changes,
        "existing_nullable": "nullable" in changes,
        "existing_server_default": "server_default" in changes,
        "existing_comment": "comment" in changes,
        "existing_autoincrement": "autoincrement" in changes,
    }
    words += [f"{name}={value}" for name, value in existing_arguments(column).items() if not replaced[name]]
    return f"op.alter_column({', '.join(words)}{rest})"


def op_set_default(table: str, column: Column, default: str) -> str:
    """`op.alter_column(..., server_default=...)` in its short form: it renders ALTER ... SET DEFAULT."""
    first, rest = table_arguments(table)
    return f"op.alter_column({first}, {repr_name(column.name)}, server_default={default}{rest})"


def op_execute(sql: str) -> str:
    """`op.execute("...")`."""
    return f"op.execute({repr_name(sql)})"


def steps(*lines: tuple[str, str]) -> str:
    """A recipe: (side, what to do) pairs in order; sides are expand, deploy, migrate, contract."""
    return "\n".join(f"{number}. {side}: {text}" for number, (side, text) in enumerate(lines, 1))
