"""A catalog table as SHOW CREATE TABLE prints it, so that SQLAlchemy reflects it with its own code."""

from __future__ import annotations

from zdmigrate.history.catalog import Check, Column, ColumnType, ForeignKey, Key, KeyPart, Table

_NO_DEFAULT = ("text", "tinytext", "mediumtext", "longtext", "blob", "tinyblob", "mediumblob", "longblob")


def show_create_table(table: Table, name: str) -> str:
    """The CREATE TABLE statement of a table."""
    lines = [f"{quoted(column.name)} {column_definition(column, table)}" for column in table.columns]
    lines += [_key(key) for key in table.keys if key.parts]
    lines += [_foreign_key(item) for item in table.foreign_keys if item.columns]
    lines += [_check(item) for item in table.checks if item.expression]
    options = [f"ENGINE={table.engine}"]
    if table.charset:
        options.append(f"DEFAULT CHARSET={table.charset}")
    if table.collation:
        options.append(f"COLLATE={table.collation}")
    if table.row_format:
        options.append(f"ROW_FORMAT={table.row_format}")
    if table.comment:
        options.append(f"COMMENT={string(table.comment)}")
    body = ",\n  ".join(lines)
    return f"CREATE TABLE {quoted(name)} (\n  {body}\n) {' '.join(options)}"


def column_definition(column: Column, table: Table) -> str:
    """What follows the column's name."""
    parts = [column_type(column.type)]
    if column.type.collation and column.type.collation != table.collation:
        if column.type.charset and column.type.charset != table.charset:
            parts.append(f"CHARACTER SET {column.type.charset}")
        parts.append(f"COLLATE {column.type.collation}")
    if column.generated is not None:
        kind = "STORED" if column.generated.stored else "VIRTUAL"
        parts.append(f"GENERATED ALWAYS AS ({column.generated.expression}) {kind}")
    if not column.nullable:
        parts.append("NOT NULL")
    elif column.type.name == "timestamp":
        parts.append("NULL")
    if column.auto_increment:
        parts.append("AUTO_INCREMENT")
    elif column.generated is None:
        default = default_text(column)
        if default is not None:
            parts.append(f"DEFAULT {default}")
        elif column.nullable and column.type.name not in _NO_DEFAULT:
            parts.append("DEFAULT NULL")
    if column.on_update:
        parts.append(f"ON UPDATE {column.on_update}")
    if column.comment:
        parts.append(f"COMMENT {string(column.comment)}")
    return " ".join(parts)


def column_type(kind: ColumnType) -> str:
    """The type as the server prints it."""
    arguments = ",".join(map(string, kind.members)) if kind.members else ",".join(map(str, kind.args))
    text = f"{kind.name}({arguments})" if arguments else kind.name
    if kind.unsigned:
        text += " unsigned"
    return f"{text} zerofill" if kind.zerofill else text


def default_text(column: Column) -> str | None:
    """The default as SHOW CREATE TABLE prints it, or None."""
    if column.default is None:
        return None
    match column.default.kind:
        case "literal" if column.type.name == "bit" and column.default.text.isdigit():
            return f"b'{int(column.default.text):b}'"
        case "literal":
            return string(column.default.text)
        case "now":
            return f"CURRENT_TIMESTAMP({column.default.text})" if column.default.text else "CURRENT_TIMESTAMP"
        case "expression":
            return f"({column.default.text})"


def quoted(name: str) -> str:
    """An identifier in backticks."""
    return "`" + name.replace("`", "``") + "`"


def string(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def _part(part: KeyPart) -> str:
    text = quoted(part.column) if part.column is not None else f"({part.expression})"
    if part.length is not None:
        text += f"({part.length})"
    return f"{text} DESC" if part.descending else text


def _key(key: Key) -> str:
    columns = ",".join(map(_part, key.parts))
    if key.kind == "primary":
        return f"PRIMARY KEY ({columns})"
    kind = {"unique": "UNIQUE ", "fulltext": "FULLTEXT ", "spatial": "SPATIAL "}.get(key.kind, "")
    return f"{kind}KEY {quoted(key.name)} ({columns})"


def _foreign_key(item: ForeignKey) -> str:
    own = ",".join(map(quoted, item.columns))
    theirs = ",".join(map(quoted, item.ref_columns))
    target = ".".join(map(quoted, item.ref_table.split(".")))
    text = f"CONSTRAINT {quoted(item.name)} FOREIGN KEY ({own}) REFERENCES {target} ({theirs})"
    if item.on_delete not in ("NO ACTION", "RESTRICT"):
        text += f" ON DELETE {item.on_delete}"
    if item.on_update not in ("NO ACTION", "RESTRICT"):
        text += f" ON UPDATE {item.on_update}"
    return text


def _check(item: Check) -> str:
    enforced = "" if item.enforced else " /*!80016 NOT ENFORCED */"
    return f"CONSTRAINT {quoted(item.name)} CHECK ({item.expression}){enforced}"
