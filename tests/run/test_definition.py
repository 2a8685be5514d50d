"""Definitions taken apart, and the ALTERs that take one back; on servers in test_replica_first.py."""

import pytest

from zdmigrate.run.definition import normalised, parse_definition, reversal

BEFORE = """CREATE TABLE `t` (
  `id` int NOT NULL AUTO_INCREMENT,
  `a` varchar(20) DEFAULT NULL COMMENT 'a, `b` (c)',
  `b` int DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `k` (`a`),
  CONSTRAINT `f` FOREIGN KEY (`b`) REFERENCES `p` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"""


def changed(*pairs: tuple[str, str]) -> str:
    text = BEFORE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_next_number_is_no_part_of_a_definition() -> None:
    with_number = BEFORE.replace("ENGINE=InnoDB", "ENGINE=InnoDB AUTO_INCREMENT=17")
    assert normalised(with_number) == normalised(BEFORE) == BEFORE


def test_parts() -> None:
    found = parse_definition(BEFORE + "\n/*!50100 PARTITION BY HASH (`id`)\nPARTITIONS 4 */")
    assert list(found.columns) == ["id", "a", "b"]
    assert set(found.keys) == {("primary", ""), ("key", "k"), ("foreign key", "f")}
    assert found.primary_key == "PRIMARY KEY (`id`)"
    assert found.options == "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    assert found.partitions.startswith("/*!50100 PARTITION BY HASH")


@pytest.mark.parametrize(
    ("after", "back"),
    [
        (BEFORE, ""),
        (changed(("`b` int DEFAULT NULL,", "`b` int DEFAULT NULL,\n  `x` int,")), "ALTER TABLE `t` DROP COLUMN `x`"),
        (
            changed(("`b` int DEFAULT NULL", "`b` bigint DEFAULT NULL")),
            "ALTER TABLE `t` MODIFY COLUMN `b` int DEFAULT NULL",
        ),
        (
            changed(("`b` int DEFAULT NULL", "`c` int DEFAULT NULL")),
            "ALTER TABLE `t` CHANGE COLUMN `c` `b` int DEFAULT NULL",
        ),
        (changed(("KEY `k` (`a`)", "KEY `k` (`a`),\n  UNIQUE KEY `u` (`b`)")), "ALTER TABLE `t` DROP KEY `u`"),
        (changed(("  KEY `k` (`a`),\n", "")), "ALTER TABLE `t` ADD KEY `k` (`a`)"),
        (
            changed((" REFERENCES `p` (`id`)", " REFERENCES `p` (`id`) ON DELETE CASCADE")),
            "ALTER TABLE `t` DROP FOREIGN KEY `f`, ADD CONSTRAINT `f` FOREIGN KEY (`b`) REFERENCES `p` (`id`)",
        ),
        (
            changed(("\n)", ",\n  CONSTRAINT `c` CHECK ((`b` > 0))\n)")),
            "ALTER TABLE `t` DROP CONSTRAINT `c`",
        ),
        (
            changed(("CHARSET=utf8mb4", "CHARSET=utf8mb4 ROW_FORMAT=COMPRESSED COMMENT='x'")),
            "ALTER TABLE `t` ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 ROW_FORMAT=DEFAULT COMMENT=''",
        ),
        (BEFORE + "\n PARTITION BY HASH (`id`)\nPARTITIONS 4", "ALTER TABLE `t` REMOVE PARTITIONING"),
        (changed(("  `b` int DEFAULT NULL,\n", "")), None),
    ],
)
def test_back(after: str, back: str | None) -> None:
    assert reversal("t", BEFORE, after) == back
