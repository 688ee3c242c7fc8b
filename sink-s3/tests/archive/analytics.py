"""Reads an archive as analysts do: runs every block of docs/ANALYTICS.md, and compares what the engines say.

Usage: analytics.py FOLDER SESSIONS DDL RAW_DDL DOCUMENT; FOLDER has `archive`, a copy of the bucket.
"""

import os
import re
import sys
from pathlib import Path

import duckdb
import pandas
import pyarrow.dataset

NOT_IN_RAW = {"user_email_domain", "transcript_entries", "transcript_characters", "user_talk_seconds",
              "agent_talk_seconds", "interruptions", "object_key"}


def main(folder, sessions, ddl, raw_ddl, document):
    sessions, text = int(sessions), Path(document).read_text()
    ddl, raw_ddl = Path(ddl).read_text(), Path(raw_ddl).read_text()
    os.chdir(folder)
    database, raw = duckdb.connect(), duckdb.connect()
    database.execute(ddl)
    raw.execute(raw_ddl)
    counts_agree(database, raw, sessions)
    raw_views_agree(database, raw_ddl)
    table_names_every_column(database, text)
    run_python(text)
    run_questions(database, text)


def counts_agree(database, raw, sessions):
    count = "SELECT count(*) FROM sessions"
    found = {
        "DuckDB, Parquet": database.sql(count).fetchone()[0],
        "DuckDB, raw": raw.sql(count).fetchone()[0],
        "pyarrow": pyarrow.dataset.dataset("archive/sessions-parquet", partitioning="hive").count_rows(),
        "pandas": len(pandas.read_parquet("archive/sessions-parquet")),
    }
    assert set(found.values()) == {sessions}, (found, sessions)


def raw_views_agree(database, raw_ddl):
    """Whatever both have is the same, value for value."""
    for view in ["sessions", "tool_calls", "signals"]:
        database.execute(f"CREATE TABLE parquet_{view} AS FROM {view}")
    database.execute("CREATE SCHEMA raw; USE raw;" + raw_ddl)
    for view in ["sessions", "tool_calls", "signals"]:
        columns = [name for name, *_ in database.sql(f"DESCRIBE {view}").fetchall()]
        expected = [name for name, *_ in database.sql(f"DESCRIBE main.parquet_{view}").fetchall()]
        assert set(expected) - set(columns) == (NOT_IN_RAW if view == "sessions" else set()), view
        for column in columns:
            keys = f"session_id, job_id, CAST({column} AS VARCHAR) AS value"
            sides = f"SELECT {keys} FROM {view}", f"SELECT {keys} FROM main.parquet_{view}"
            for one, other in [sides, sides[::-1]]:
                only = database.sql(f"{one} EXCEPT ALL {other}").fetchmany(3)
                assert not only, (view, column, only)
    database.execute("USE main")


def table_names_every_column(database, text):
    table = text.split("## The columns")[1].split("\n\nThe views")[0]
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)}
    columns = {name for name, *_ in database.sql("DESCRIBE sessions").fetchall()}
    assert named == columns, named ^ columns


def run_python(text):
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/ANALYTICS.md", "exec"), {})


def run_questions(database, text):
    blocks = re.findall(r"```sql\n(.*?)```", text, re.S)
    assert len(blocks) >= 10
    for block in blocks:
        result = database.sql(block)
        assert result.fetchall(), f"no answer: {block}"
        print(database.sql(block))


main(*sys.argv[1:])
