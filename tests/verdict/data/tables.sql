-- table: plain (what most probes run on)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: compressed (ROW_FORMAT=COMPRESSED)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci row_format=compressed

-- table: redundant (ROW_FORMAT=REDUNDANT)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci row_format=redundant

-- table: dynamic (ROW_FORMAT=DYNAMIC, written out)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci row_format=dynamic

-- table: fulltext (has a FULLTEXT index)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), fulltext index f1 (tx)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: fulltext2 (has two FULLTEXT indexes)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), fulltext index f1 (tx), fulltext index f2 (b)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: d_indexed (d is indexed)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), key k_d (d)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: d_in_two (d is the second part of an index)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), key k_cd (c, d)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: d_unique (d is unique)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), unique key u_d (d)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: spatial (has a point column)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, g point not null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: stored (has a STORED generated column)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, z int as (a+1) stored, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: virtual (has a VIRTUAL generated column)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, z int as (a+1) virtual, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: virtual_indexed (has an indexed VIRTUAL column)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, z int as (a+1) virtual, key kz (z), key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_100 (v is varchar(100))
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(100) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_char (v is char(10))
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v char(10) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_decimal (v is decimal(10,2))
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v decimal(10,2) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_datetime (v is datetime)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v datetime null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_timestamp (v is timestamp)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v timestamp null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_latin1 (v is varchar(20) character set latin1)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) character set latin1 null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_utf8mb3 (v is varchar(20) character set utf8mb3)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) character set utf8mb3 null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_varbinary (v is varbinary(50))
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varbinary(50) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_float (v is float)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v float null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_31 (v is varchar(31))
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(31) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_32 (v is varchar(32))
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(32) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_63 (v is varchar(63))
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(63) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_64 (v is varchar(64))
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(64) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_text_general (v is text)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v text null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_json (v is json)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v json null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_tiny (v is tinyint(1))
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v tinyint(1) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_date (v is date)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v date null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_time (v is time)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v time null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_double (v is double)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v double null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_utf8mb3_indexed (v is utf8mb3 and indexed)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) character set utf8mb3 null, key kd (c), key kv (v)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_indexed (v is indexed)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), key kv (v)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_unique (v is unique)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), unique key kv (v)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_fulltext (v has a FULLTEXT index)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), fulltext index fv (v)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_stored_from (a STORED column reads v)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, z varchar(20) as (lower(v)) stored, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: utf8mb3 (a utf8mb3 table)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb3 collate=utf8mb3_general_ci

-- table: pk_k (k is the primary key)
create table par (id int not null primary key);
create table t (
  id int not null, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, primary key (k), key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: auto (id is AUTO_INCREMENT)
create table par (id int not null primary key);
create table t (
  id int not null auto_increment primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: no_pk (no primary key)
create table par (id int not null primary key);
create table t (
  id int not null, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: fk (d refers to par)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), key k_d (d), constraint fk1 foreign key (d) references par (id)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: fk_ready (d is indexed, ready for a foreign key)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), key k_d (d)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: fk_cascade (d refers to par ON DELETE CASCADE)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), key k_d (d), constraint fk1 foreign key (d) references par (id) on delete cascade
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: fk_set_null (d refers to par ON DELETE SET NULL)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), key k_d (d), constraint fk1 foreign key (d) references par (id) on delete set null
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: fk_parent (a table refers to t.k)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), key kk (k)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci;
create table child (id int not null primary key, x int, constraint fkc foreign key (x) references t (id))

-- table: fk_parent_cascade (a table refers to t ON DELETE CASCADE)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci;
create table child (id int not null primary key, x int, constraint fkc foreign key (x) references t (id) on delete cascade)

-- table: check (has a CHECK)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), constraint ck check (a is null or a >= 0)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: myisam (engine MyISAM)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=myisam charset=utf8mb4 collate=utf8mb4_general_ci

-- table: partitioned (PARTITION BY RANGE)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci
partition by range (id) (partition p0 values less than (10), partition p1 values less than (20))

-- table: hashed (PARTITION BY HASH)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci
partition by hash (id) partitions 2

-- table: versioned (MariaDB: system versioned)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci with system versioning

-- table: on_update (v is a timestamp ON UPDATE now)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v timestamp null default null on update current_timestamp, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: enum_255 (e has 255 members)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('m0','m1','m2','m3','m4','m5','m6','m7','m8','m9','m10','m11','m12','m13','m14','m15','m16','m17','m18','m19','m20','m21','m22','m23','m24','m25','m26','m27','m28','m29','m30','m31','m32','m33','m34','m35','m36','m37','m38','m39','m40','m41','m42','m43','m44','m45','m46','m47','m48','m49','m50','m51','m52','m53','m54','m55','m56','m57','m58','m59','m60','m61','m62','m63','m64','m65','m66','m67','m68','m69','m70','m71','m72','m73','m74','m75','m76','m77','m78','m79','m80','m81','m82','m83','m84','m85','m86','m87','m88','m89','m90','m91','m92','m93','m94','m95','m96','m97','m98','m99','m100','m101','m102','m103','m104','m105','m106','m107','m108','m109','m110','m111','m112','m113','m114','m115','m116','m117','m118','m119','m120','m121','m122','m123','m124','m125','m126','m127','m128','m129','m130','m131','m132','m133','m134','m135','m136','m137','m138','m139','m140','m141','m142','m143','m144','m145','m146','m147','m148','m149','m150','m151','m152','m153','m154','m155','m156','m157','m158','m159','m160','m161','m162','m163','m164','m165','m166','m167','m168','m169','m170','m171','m172','m173','m174','m175','m176','m177','m178','m179','m180','m181','m182','m183','m184','m185','m186','m187','m188','m189','m190','m191','m192','m193','m194','m195','m196','m197','m198','m199','m200','m201','m202','m203','m204','m205','m206','m207','m208','m209','m210','m211','m212','m213','m214','m215','m216','m217','m218','m219','m220','m221','m222','m223','m224','m225','m226','m227','m228','m229','m230','m231','m232','m233','m234','m235','m236','m237','m238','m239','m240','m241','m242','m243','m244','m245','m246','m247','m248','m249','m250','m251','m252','m253','m254') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: set_8 (s has 8 members)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('m0','m1','m2','m3','m4','m5','m6','m7') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: set_7 (s has 7 members)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('m0','m1','m2','m3','m4','m5','m6') null, tx text null,
  v varchar(20) null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: expression_key (MySQL: has a functional index)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), key kx ((a + 1))
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: spatial_indexed (has a SPATIAL index)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, g point not null, key kd (c), spatial index sg (g)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_ascii (v is ascii)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) character set ascii null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_ascii_indexed (v is ascii and indexed)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) character set ascii null, key kd (c), key kv (v)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_char_utf8mb3 (v is char(10) utf8mb3)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v char(10) character set utf8mb3 null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: v_text_utf8mb3 (v is text utf8mb3)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v text character set utf8mb3 null, key kd (c)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: e_indexed (e is indexed)
create table par (id int not null primary key);
create table t (
  id int not null primary key, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), key ke (e)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: no_pk_unique (no primary key, but a unique key on NOT NULL)
create table par (id int not null primary key);
create table t (
  id int not null, a int null, b varchar(50) null, c int null default 3, d int null,
  e enum('r','g') null, k int not null, n int not null default 0, s set('r','g') null, tx text null,
  v varchar(20) null, key kd (c), unique key u1 (k)
) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: u3_varchar (for CONVERT TO)
create table t (id int not null primary key, v varchar(20)) engine=innodb charset=utf8mb3 collate=utf8mb3_general_ci

-- table: u3_varchar_indexed (for CONVERT TO)
create table t (id int not null primary key, v varchar(20), key kv (v)) engine=innodb charset=utf8mb3 collate=utf8mb3_general_ci

-- table: u3_ints (for CONVERT TO)
create table t (id int not null primary key, d int) engine=innodb charset=utf8mb3 collate=utf8mb3_general_ci

-- table: u4_varchar (for CONVERT TO)
create table t (id int not null primary key, v varchar(20)) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: u4_ints (for CONVERT TO)
create table t (id int not null primary key, d int) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: u4_enum (for CONVERT TO)
create table t (id int not null primary key, e enum('r','g')) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: u4_set (for CONVERT TO)
create table t (id int not null primary key, s set('r','g')) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: u4_text (for CONVERT TO)
create table t (id int not null primary key, tx text) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: u4_enum_varchar (for CONVERT TO)
create table t (id int not null primary key, e enum('r','g'), v varchar(20)) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: u4_text_varchar (for CONVERT TO)
create table t (id int not null primary key, tx text, v varchar(20)) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: u4_two_varchar (for CONVERT TO)
create table t (id int not null primary key, b varchar(50), v varchar(20)) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: u4_varchar_key (for CONVERT TO)
create table t (id int not null primary key, b varchar(50), d int, key kd (d)) engine=innodb charset=utf8mb4 collate=utf8mb4_general_ci

-- table: u3_text (for CONVERT TO)
create table t (id int not null primary key, tx text) engine=innodb charset=utf8mb3 collate=utf8mb3_general_ci

-- table: u3_enum (for CONVERT TO)
create table t (id int not null primary key, e enum('r','g')) engine=innodb charset=utf8mb3 collate=utf8mb3_general_ci
