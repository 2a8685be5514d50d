"""What a server answers when it refuses a statement: error numbers and messages, as MySQL and MariaDB word them."""

from __future__ import annotations

from zdmigrate.errors import ZdmigrateError


class Refused(ZdmigrateError):  # noqa: N818 - it names what the server did
    """The server would have refused this statement.

    Attributes:
        errno: the server's error number.
        message: the server's message.
    """

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(errno, message)
        self.errno = errno
        self.message = message

    def __str__(self) -> str:
        return f"({self.errno}) {self.message}"


#: Message templates by error number; `refuse` fills them in.
MESSAGES: dict[int, str] = {
    1005: 'Can\'t create table {table} (errno: 150 "Foreign key constraint is incorrectly formed")',
    1007: "Can't create database '{name}'; database exists",
    1025: "Error on rename of '{table}' (errno: 150 \"Foreign key constraint is incorrectly formed\")",
    1050: "Table '{name}' already exists",
    1051: "Unknown table '{name}'",
    1054: "Unknown column '{name}' in '{table}'",
    1059: "Identifier name '{name}' is too long",
    1060: "Duplicate column name '{name}'",
    1061: "Duplicate key name '{name}'",
    1066: "Not unique table/alias: '{name}'",
    1067: "Invalid default value for '{name}'",
    1068: "Multiple primary key defined",
    1070: "Too many key parts specified; max {most} parts allowed",
    1071: "Specified key was too long; max key length is {most} bytes",
    1072: "Key column '{name}' doesn't exist in table",
    1074: "Column length too big for column '{name}' (max = {most}); use BLOB or TEXT instead",
    1075: "Incorrect table definition; there can be only one auto column and it must be defined as a key",
    1089: "Incorrect prefix key; the used key part isn't a string, the used length is longer than the key part, or the "
    "storage engine doesn't support unique prefix keys",
    1090: "You can't delete all columns with ALTER TABLE; use DROP TABLE instead",
    1091: "Can't DROP '{name}'; check that column/key exists",
    1097: "Too many strings for column {name} and SET",
    1101: "BLOB, TEXT, GEOMETRY or JSON column '{name}' can't have a default value",
    1113: "A table must have at least 1 column",
    1118: "Row size too large. The maximum row size for the used table type, not counting BLOBs, is 65535. This "
    "includes storage overhead, check the manual. You have to change some columns to TEXT or BLOBs",
    1146: "Table '{name}' doesn't exist",
    1170: "BLOB/TEXT column '{name}' used in key specification without a key length",
    1171: "All parts of a PRIMARY KEY must be NOT NULL; if you need NULL in a key, use UNIQUE instead",
    1176: "Key '{name}' doesn't exist in table '{table}'",
    1210: "Incorrect arguments to SPATIAL INDEX",
    1217: "Cannot delete or update a parent row: a foreign key constraint fails",
    1239: "Incorrect foreign key definition for '{name}': Key reference and table reference don't match",
    1252: "All parts of a SPATIAL index must be NOT NULL",
    1280: "Incorrect index name '{name}'",
    1283: "Column '{name}' cannot be part of FULLTEXT index",
    1291: "Column '{name}' has duplicated value '{value}' in {kind}",
    1294: "Invalid ON UPDATE clause for '{name}' column",
    1302: "Conflicting declarations: 'CHARACTER SET {one}' and 'CHARACTER SET {other}'",
    1304: "{kind} {name} already exists",
    1305: "{kind} {name} does not exist",
    1347: "'{name}' is not {kind}",
    1359: "Trigger already exists",
    1366: "Incorrect {kind} value: '{value}' for column '{name}' at row 1",
    1391: "Key part '{name}' length cannot be 0",
    1425: "Too big scale {given} specified for column '{name}'. Maximum is {most}.",
    1426: "Too-big precision {given} specified for '{name}'. Maximum is {most}.",
    1427: "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '{name}').",
    1439: "Display width out of range for column '{name}' (max = {most})",
    1360: "Trigger does not exist",
    1451: "Cannot delete or update a parent row: a foreign key constraint fails",
    1505: "Partition management on a not partitioned table is not possible",
    1507: "Error in list of partitions to {operation}",
    1517: "Duplicate partition name {name}",
    1537: "Event '{name}' already exists",
    1539: "Unknown event '{name}'",
    1553: "Cannot drop index '{name}': needed in a foreign key constraint",
    1687: "A SPATIAL index may only contain a geometrical type column",
    1701: "Cannot truncate a table referenced in a foreign key constraint ({name})",
    1822: "Failed to add the foreign key constraint. Missing index for constraint '{name}' in the referenced "
    "table '{table}'",
    1824: "Failed to open the referenced table '{name}'",
    1826: "Duplicate foreign key constraint name '{name}'",
    1828: "Cannot drop column '{column}': needed in a foreign key constraint '{name}'",
    1829: "Cannot drop column '{column}': needed in a foreign key constraint '{name}' of table '{table}'",
    1830: "Column '{column}' cannot be NOT NULL: needed in a foreign key constraint '{name}' SET NULL",
    1832: "Cannot change column '{column}': used in a foreign key constraint '{name}'",
    1833: "Cannot change column '{column}': used in a foreign key constraint '{name}' of table '{table}'",
    3108: "Column '{name}' has a generated column dependency.",
    3109: "Generated column '{name}' cannot refer to auto-increment column.",
    3152: "JSON column '{name}' supports indexing only via generated columns on a specified JSON path.",
    3730: "Cannot drop table '{name}' referenced by a foreign key constraint '{constraint}' on table '{table}'.",
    3734: "Failed to add the foreign key constraint. Missing column '{column}' for constraint '{name}' in the "
    "referenced table '{table}'",
    3768: "Default value expression of column '{name}' cannot refer to an auto-increment column.",
    3780: "Referencing column '{column}' and referenced column '{parent}' in foreign key constraint '{name}' are "
    "incompatible.",
    3818: "Check constraint '{name}' cannot refer to an auto-increment column.",
    3821: "Check constraint '{name}' is not found in the table.",
    3822: "Duplicate check constraint name '{name}'.",
    3837: "Column '{name}' has a functional index dependency and cannot be dropped or renamed.",
    3939: "Table has multiple constraints with the name '{name}'. Please use constraint specific 'DROP' clause.",
    3940: "Constraint '{name}' does not exist.",
    3959: "Check constraint '{name}' uses column '{column}', hence column cannot be dropped or renamed.",
    1846: "ALGORITHM=COPY is not supported. Reason: Columns participating in a foreign key are renamed. "
    "Try ALGORITHM=INPLACE.",
    1901: "Function or expression 'AUTO_INCREMENT' cannot be used in the {clause} clause of `{name}`",
    1965: "'{name}' is a view",
    4092: "Unknown VIEW: '{name}'",
    6125: "Failed to add the foreign key constraint. Missing unique key for constraint '{name}' in the referenced "
    "table '{table}'",
}


#: MariaDB's wording where it differs.
MARIADB_MESSAGES: dict[int, str] = {
    1091: "Can't DROP {kind} `{name}`; check that it exists",
    1347: "'{name}' is not of type '{kind}'",
    1359: "Trigger '{name}' already exists",
    1425: "Too big scale specified for '{name}'. Maximum is {most}",
    1426: "Too big precision specified for '{name}'. Maximum is {most}",
    1427: "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '{name}')",
    1439: "Display width out of range for '{name}' (max = {most})",
    1507: "Wrong partition name or partition list",
    1846: "ALGORITHM=COPY is not supported. Reason: Columns participating in a foreign key are renamed. "
    "Try ALGORITHM=INPLACE",
    1826: "Duplicate {kind} constraint name '{name}'",
}


def refused(errno: int, mariadb: bool = False, /, **fields: str) -> Refused:
    """The refusal of that number with its message filled in, to be raised."""
    template = MARIADB_MESSAGES.get(errno) if mariadb else None
    return Refused(errno, (template or MESSAGES[errno]).format(**fields))
