"""Statements of the shapes this project must judge: the labelled cases and the ALTERs probed on servers."""

# ruff: noqa: E501  (SQL is quoted as it was written)

from __future__ import annotations

import pytest

from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import AlterTable, Opaque

#: The migrations that people labelled.
CASES = """
ALTER TABLE `a` MODIFY `not_null_field` integer NULL
ALTER TABLE `a` ADD COLUMN `n` integer DEFAULT 1 NOT NULL
ALTER TABLE `a` DROP INDEX `u`
CREATE UNIQUE INDEX `index_name` ON `t` (`col1`,`col2`)
CREATE TABLE `t` (`col1` int, `col2` int); CREATE UNIQUE INDEX `i` ON `t` (`col1`,`col2`)
CREATE TABLE `b_m2m`(`id` int AUTO_INCREMENT NOT NULL PRIMARY KEY,`b_id` int NOT NULL,`a_id` int NOT NULL); ALTER TABLE `b_m2m` ADD CONSTRAINT fk1 FOREIGN KEY(`b_id`) REFERENCES `b`(`id`)
ALTER TABLE `a` ALTER COLUMN `col` SET DEFAULT 'empty'; UPDATE `a` SET `col`='empty' WHERE `col` IS NULL; ALTER TABLE `a` MODIFY `col` varchar(10) NOT NULL; ALTER TABLE `a` ALTER COLUMN `col` DROP DEFAULT
CREATE TABLE `a` (`id` int AUTO_INCREMENT PRIMARY KEY,`field` varchar(150) NOT NULL)
DROP TABLE `a`
ALTER TABLE `user` ADD COLUMN `email` varchar(254) NULL; CREATE INDEX `user_email` ON `user`(`email`)
CREATE TRIGGER t BEFORE UPDATE ON `a` FOR EACH ROW SET NEW.field = 1
ALTER TABLE users ADD nice datetime DEFAULT (now())
ALTER TABLE users ADD nice datetime; ALTER TABLE users ALTER nice SET DEFAULT (now())
ALTER TABLE users ADD nice varchar(255) AS (LOWER(city)) VIRTUAL
ALTER TABLE users ADD nice tinyint(1), ALGORITHM=COPY
ALTER TABLE users MODIFY country varchar(21)  -- from varchar(20)
ALTER TABLE users MODIFY country varchar(64)  -- from varchar(20)
ALTER TABLE users MODIFY country varchar(256)  -- from varchar(20)
ALTER TABLE users MODIFY country varchar(19)  -- from varchar(20)
ALTER TABLE users MODIFY properties bigint  -- type change
ALTER TABLE users MODIFY country varchar(20) NOT NULL
ALTER TABLE users ALTER name SET DEFAULT 'Test'
ALTER TABLE users ADD CONSTRAINT c CHECK (credit_score > 0)
ALTER TABLE users ADD country_id bigint; CREATE INDEX i ON users(country_id)
CREATE INDEX i ON users(name)
ALTER TABLE users ADD INDEX i(name), ALGORITHM=COPY
DROP INDEX i ON users
ALTER TABLE users DROP COLUMN name
ALTER TABLE users DROP COLUMN created_at, DROP COLUMN updated_at
ALTER TABLE users RENAME TO bad_name
DROP TABLE IF EXISTS admins; CREATE TABLE admins(id bigint primary key, name varchar(255))
ALTER TABLE recipe ADD COLUMN public tinyint(1)
ALTER TABLE foo ADD COLUMN bar int AS (b+c) STORED NOT NULL
ALTER TABLE core_recipe ADD COLUMN foo int DEFAULT 10 NOT NULL; ALTER TABLE core_recipe ALTER foo DROP DEFAULT
ALTER TABLE table_name RENAME TO new_table_name
DROP DATABASE foo_db
TRUNCATE TABLE a
ALTER TABLE table_name ADD CONSTRAINT c UNIQUE (field_name)
ALTER TABLE table_name DROP INDEX c
CREATE TABLE products(id bigint auto_increment primary key, sku varchar(64) not null); ALTER TABLE products ADD CONSTRAINT s UNIQUE (sku)
ALTER TABLE a ADD PRIMARY KEY (id)
ALTER TABLE accounts ADD CONSTRAINT positive_balance CHECK (balance >= 0)
ALTER TABLE core_recipe ADD COLUMN foo int; ALTER TABLE core_recipe ALTER foo SET DEFAULT 10
ALTER TABLE t MODIFY status ENUM('draft','submitted','approved','rejected','pending_review')
ALTER TABLE users ADD COLUMN c datetime NOT NULL
ALTER TABLE t MODIFY e ENUM('a')  -- was ('a','b')
ALTER TABLE t MODIFY e ENUM('b','a')
ALTER TABLE t MODIFY e ENUM('a','x','b')
ALTER TABLE posts RENAME COLUMN id TO uid, ADD COLUMN id int AS (uid)
UPDATE t SET c=0 WHERE c IS NULL; ALTER TABLE t MODIFY c int NOT NULL
ALTER TABLE users ENGINE=MyISAM
ALTER TABLE users PARTITION BY HASH(id) PARTITIONS 4
ALTER TABLE tech_book MODIFY name TEXT
ALTER TABLE tech_book MODIFY name TEXT NOT NULL
ALTER TABLE tech_book MODIFY name TEXT COMMENT 'bla'
ALTER TABLE t MODIFY c1 ENUM('a','b','x','c')
ALTER TABLE t DROP COLUMN i1 -- indexed
ALTER TABLE t MODIFY i1 INT FIRST
ALTER TABLE t1 MODIFY i1 INT INVISIBLE
ALTER TABLE t MODIFY i1 INT NOT NULL DEFAULT 3
ALTER TABLE users DROP PRIMARY KEY
ALTER TABLE t TRUNCATE PARTITION p0
ALTER TABLE t RENAME COLUMN a TO b
""".strip().splitlines()

#: ALTER clauses whose algorithm was probed on MySQL 9.7 and MariaDB 10.11.
CLAUSES = """
add column z int null
add column z int null after a
add column z int not null default 5
add column z int not null
add column z varchar(36) default (uuid())
add column z timestamp not null default current_timestamp
add column z text not null default 'x'
add column z int not null auto_increment unique
add column z int as (a+1) virtual
add column z int as (a+1) stored
drop column d
add column z int
drop column z
rename column d to dd
change column d dd int null
change column d dd bigint null
modify column d int null after a
alter column d set default 7
alter column c drop default
modify column n int not null default 9
modify column d bigint null
modify column d smallint null
modify column d int unsigned null
modify column d varchar(20) null
modify column b varchar(60) null
modify column v varchar(100) null
modify column b varchar(100) null
modify column v varchar(200) null
modify column b varchar(20) null
modify column b text null
modify column tx mediumtext null
modify column v char(20) null
modify column v decimal(12,2) null
modify column v datetime(6) null
modify column n int null default 0
modify column a int not null
modify column e enum('r','g','b') null
modify column e enum('r','b','g') null
modify column e enum('r') null
modify column e enum('r','gg') null
modify column s set('r','g','b') null
modify column d int null comment 'hi'
modify column v varchar(20) character set utf8mb4 null
modify column v varchar(20) collate utf8mb4_bin null
modify column v timestamp null default null on update current_timestamp
modify column k int not null auto_increment
add index i1(a)
add unique index i1(a)
add fulltext index f1(tx)
add fulltext index f2(b)
add spatial index sp1(g)
drop index kd
rename index kd to kd2
alter index kd invisible
add primary key(k)
drop primary key
drop primary key, add primary key(k,a)
add constraint fk1 foreign key (d) references par(id)
drop foreign key fk1
add constraint ck check (a is null or a>=0)
drop constraint ck
auto_increment=1000
row_format=compressed
comment='zz'
default character set latin1
convert to character set utf8mb4
convert to character set utf8mb4 collate utf8mb4_bin
engine=innodb
force
rename to t_new
alter index kd ignored
add system versioning
partition by hash(id) partitions 2
""".strip().splitlines()

#: Changes under which old code was run.
COMPATIBILITY = """
alter table item add column z int null
alter table item add column z int not null default 5
alter table item add column z int not null
alter table item add column z int not null default 5;alter table item alter column z drop default
alter table item add column z text not null
alter table item add column z int null unique
alter table item add column z int not null default 5 unique
alter table item add column z int as (qty+1) virtual
alter table item drop column note
alter table item drop column name
alter table item rename column note to memo
rename table item to item2
rename table item to item2;create view item as select * from item2
drop table item
update item set note='' where note is null;alter table item modify note varchar(50) not null
update item set note='' where note is null;alter table item modify note varchar(50) not null default ''
alter table item modify qty int null default 0
alter table item alter column qty drop default
alter table item alter column qty set default 9
alter table item modify note varchar(100) null
alter table item modify note varchar(20) null
alter table item modify qty bigint not null default 0
alter table item modify qty smallint not null default 0
alter table item modify qty varchar(20) not null default 0
alter table item modify code int null
alter table item modify status enum('new','done','hold') not null default 'new'
alter table item modify status enum('new','done','hold') not null default 'new';insert into item(name,status) values('q','hold')
update item set status='new';alter table item modify status enum('new') not null default 'new'
alter table item modify status enum('new','done','complete') not null default 'new';update item set status='complete' where status='done';alter table item modify status enum('new','complete') not null default 'new'
alter table item add unique key uq(code)
create unique index uq on item(code)
alter table item add unique key uq(code);alter table item drop key uq
create index ix on item(code)
alter table item add constraint fk foreign key(cust_id) references cust(id)
alter table item add constraint fk foreign key(cust_id) references cust(id);alter table item drop foreign key fk
alter table item add constraint ck check(price is null or price<3)
alter table item add constraint ck check(price is null or price<3);alter table item drop constraint ck
alter table item drop column code, add column code varchar(20) as (concat(name,qty)) stored
alter table item modify id int not null
alter table item drop primary key, add primary key(id,name)
alter table item modify note varchar(50) null comment 'c'
alter table item comment='c'
alter table item modify code varchar(20) collate utf8mb4_bin null
alter table item modify note varchar(50) character set latin1 null
alter table item modify price decimal(10,2) null first
create trigger trg before insert on item for each row set new.note=coalesce(new.note,new.name)
create trigger trg before insert on item for each row signal sqlstate '45000'
create view item_v as select id,name from item
create table item2(id int primary key)
update item set note='b' where note is null
delete from item
truncate table item
alter table item modify price decimal(8,2) null
alter table item modify created timestamp not null default current_timestamp on update current_timestamp
alter table item engine=myisam
""".strip().splitlines()

#: Cases with parts left out (`...`): what can be read is read, the rest is Opaque.
ABRIDGED = [
    (
        "... ; ALTER TABLE `a` MODIFY `col` varchar(10) NOT NULL; ALTER TABLE `a` ALTER COLUMN `col` SET DEFAULT 'empty'",
        ["Opaque", "AlterTable", "AlterTable"],
    ),
    (
        "ALTER TABLE foo ADD COLUMN bar bigint; ... ; ALTER TABLE foo MODIFY bar bigint NOT NULL",
        ["AlterTable", "Opaque", "AlterTable"],
    ),
    (
        "ALTER TABLE portforwardings ADD internal_ip_address VARCHAR(64) NOT NULL, ADD internal_port_start INT NOT NULL ...; DROP COLUMN socket; DROP COLUMN external_port",
        ["Opaque", "Opaque", "Opaque"],
    ),
    (
        "ALTER TABLE images DROP COLUMN is_public; ALTER TABLE images MODIFY visibility ENUM(...) NOT NULL DEFAULT 'shared'; DROP TRIGGER ...",
        ["AlterTable", "Opaque", "Opaque"],
    ),
]


def no_opaque(sql: str, *, mariadb: bool) -> None:
    """Fail when any statement could not be parsed."""
    found = parse(sql, mariadb=mariadb)
    assert found
    for statement in found:
        assert not isinstance(statement.node, Opaque), f"{statement.sql}: {statement.node.reason}"


@pytest.mark.parametrize("mariadb", [False, True])
@pytest.mark.parametrize("sql", CASES + COMPATIBILITY)
def test_statements(sql: str, mariadb: bool) -> None:
    no_opaque(sql, mariadb=mariadb)


@pytest.mark.parametrize("mariadb", [False, True])
@pytest.mark.parametrize("clause", CLAUSES)
def test_clauses(clause: str, mariadb: bool) -> None:
    no_opaque(f"ALTER TABLE t {clause}", mariadb=mariadb)
    node = parse(f"ALTER TABLE t {clause}, ALGORITHM=INPLACE, LOCK=NONE", mariadb=mariadb)[0].node
    if "partition" not in clause:
        assert isinstance(node, AlterTable)
        assert (node.algorithm, node.lock) == ("INPLACE", "NONE")


@pytest.mark.parametrize(("sql", "kinds"), ABRIDGED)
def test_abridged(sql: str, kinds: list[str]) -> None:
    assert [type(statement.node).__name__ for statement in parse(sql)] == kinds
