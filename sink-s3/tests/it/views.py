"""Prints the rows of a query over views as JSON. Usage: views.py DDL QUERY"""

import json
import sys

import duckdb

ddl, query = sys.argv[1:]
database = duckdb.connect()
database.execute(ddl)
print(json.dumps(database.execute(query).fetchall()))
