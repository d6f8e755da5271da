"""Which statement of the team's own is told to take out what writes."""

import pytest

from exporter.sources.postgres.refusal import writes


@pytest.mark.parametrize(
    "sql",
    [
        "insert into t values (1)",
        "/* w /* nested */ */ insert into t values (1)",
        "-- every minute\ndelete from t",
        'update only "my table" as t set i = 1',
        "with gone as materialized (delete from t returning i) select i from gone",
        "with new as (select 1) insert into t select * from new",
        "with new as (select 1) update s.t set i = 1",
        "merge into t using u on true when matched then delete",
        "select i into u from t",
        "drop table t",
        "CREATE TABLE u AS SELECT 1",
        "select 1; truncate t",
        "select nextval('s')",
    ],
)
def test_what_writes(sql: str) -> None:
    assert writes(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "selec kind, count(*) from t group by (update)",
        "select update, delete from t where (update) = 'set'",
        "select 'insert into t' as what, \"drop table\" from comment -- drop table t",
        "select $$delete from t$$, created, (select max(updated) from t) from updates set",
        "with set as (select 1) selec * from set",
    ],
)
def test_what_only_reads(sql: str) -> None:
    assert not writes(sql)
