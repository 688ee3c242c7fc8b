"""Reads an archive as analysts do: runs every block of docs/ANALYTICS.md, and compares what the engines say.

Usage: analytics.py FOLDER SESSIONS DDL RAW_DDL DOCUMENT; FOLDER has `archive`, a copy of the bucket.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import duckdb
import pandas
import pyarrow.dataset
import pyarrow.parquet

NOT_IN_RAW = {"user_email_domain", "transcript_entries", "transcript_characters", "user_talk_seconds",
              "agent_talk_seconds", "interruptions", "object_key"}

# Columns that the files of an older version do not have.
ADDED = ["early_replies", "early_replies_used", "llm_discarded_prompt_tokens", "llm_discarded_completion_tokens", "cost",
         "cost_currency", "model_usage"]

VIEWS = ["sessions", "tool_calls", "signals", "model_usage"]

# The order of signals means nothing, and is the payload's in one and the alphabet's in the other; white space around the
# payload is not JSON's.
COMPARED = {
    "discovered_signals": "list_sort(map_entries(discovered_signals))",
    "signals": "list_sort(signals)",
    "payload": "trim(payload, E'\\n ')",
}


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
    files_of_an_older_version_unite(database, ddl)
    run_python(text)
    run_questions(database, text)


def counts_agree(database, raw, sessions):
    count = "SELECT count(*) FROM sessions"
    found = {
        "DuckDB, Parquet": rows(database, count)[0][0],
        "DuckDB, raw": rows(raw, count)[0][0],
        "pyarrow": pyarrow.dataset.dataset("archive/sessions-parquet", partitioning="hive").count_rows(),
        "pandas": len(pandas.read_parquet("archive/sessions-parquet")),
    }
    assert set(found.values()) == {sessions}, (found, sessions)


def raw_views_agree(database, raw_ddl):
    """Whatever both have is the same, value for value."""
    for view in VIEWS:
        database.execute(f"CREATE TABLE parquet_{view} AS FROM {view}")
    database.execute("CREATE SCHEMA raw; USE raw;" + raw_ddl)
    for view in VIEWS:
        columns = [name for name, *_ in rows(database, f"DESCRIBE {view}")]
        expected = [name for name, *_ in rows(database, f"DESCRIBE main.parquet_{view}")]
        assert set(expected) - set(columns) == (NOT_IN_RAW if view == "sessions" else set()), view
        for column in columns:
            keys = f"session_id, job_id, CAST({COMPARED.get(column, column)} AS VARCHAR) AS value"
            sides = f"SELECT {keys} FROM {view}", f"SELECT {keys} FROM main.parquet_{view}"
            for one, other in [sides, sides[::-1]]:
                only = rows(database, f"{one} EXCEPT ALL {other} LIMIT 3")
                assert not only, (view, column, only)
    database.execute("USE main")


def files_of_an_older_version_unite(database, ddl):
    """A day that was compacted before there were some columns has none of them, and all else."""
    day = "sessions-parquet/year=2025/month=11/day=14/sessions.parquet"
    shutil.copytree("archive/sessions-parquet", "older/sessions-parquet")
    whole = pyarrow.parquet.ParquetFile(f"archive/{day}").read()
    pyarrow.parquet.write_table(whole.drop_columns(ADDED), f"older/{day}")
    older = duckdb.connect()
    older.execute(ddl.replace("'archive/", "'older/"))
    columns = [name for name, *_ in rows(database, "DESCRIBE sessions")]
    assert sorted(columns) == sorted(name for name, *_ in rows(older, "DESCRIBE sessions"))
    for columns, where, same in [
        ([name for name in columns if name not in ADDED], "true", True),
        (ADDED, "day <> 14", True),
        (ADDED, "day = 14", False),
    ]:
        query = f"SELECT {', '.join(columns)} FROM sessions WHERE {where} ORDER BY object_key"
        query = f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({query})"
        assert (rows(database, query) == rows(older, query)) == same, (columns, where)
    count = "SELECT count(*) FILTER (day = 14), count(*) FILTER (day <> 14) FROM model_usage"
    [(of_the_day, others)], found = rows(database, count), rows(older, count)
    assert of_the_day > 0 and found == [(0, others)], (of_the_day, others, found)


def table_names_every_column(database, text):
    table = text.split("## The columns")[1].split("\n\nThe views")[0]
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)}
    columns = {name for name, *_ in rows(database, "DESCRIBE sessions")}
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
        # As text: times would need a package more.
        answer = rows(database, f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({block.rstrip().rstrip(';')})")
        assert answer, f"no answer: {block}"
        print(*[name for name, *_ in database.description], sep=" | ")
        print(*answer, sep="\n", end="\n\n")


def rows(database, query):
    return database.execute(query).fetchall()


main(*sys.argv[1:])
