#!/usr/bin/env python3
"""An HTML report on archived sessions: calls by day and tier, how long they took, which signals were found, how long
callers waited. One file, with its plots in it.

Over a bucket, with the environment of the sinks (S3_BUCKET, S3_PREFIX, S3_ENDPOINT, AWS_REGION, credentials):

    sink-s3/report/report.py --program target/debug/sink-s3 --output report.html

compacts every day that has sessions, copies the Parquet files to a temporary folder and reads them there. Over a local
copy of a bucket, already compacted:

    sink-s3/report/report.py --program target/debug/sink-s3 --folder archive --output report.html
"""

import argparse
import base64
import html
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import matplotlib

matplotlib.use("Agg")
import matplotlib.dates
import matplotlib.pyplot as plot

TIERS = ["hot", "warm", "cold", "unqualified", "none"]
COLOURS = {"hot": "#c2410c", "warm": "#f59e0b", "cold": "#60a5fa", "unqualified": "#94a3b8", "none": "#e2e8f0"}
INK, ACCENT, QUIET = "#1e293b", "#0f766e", "#99f6e4"

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1e293b; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } .of { color: #64748b; margin-top: 0; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0; }
.figures div { flex: 1 1 8rem; border: 1px solid #e2e8f0; border-radius: .5rem; padding: .75rem 1rem; }
.figures b { display: block; font-size: 1.6rem; } .figures span { color: #64748b; font-size: .875rem; }
img { width: 100%; height: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #e2e8f0; } td.n, th.n { text-align: right; }
"""


def main():
    arguments = parse()
    if arguments.folder:
        document = report(arguments.program, Path(arguments.folder))
    else:
        with tempfile.TemporaryDirectory() as folder:
            copy_of_the_bucket(arguments.program, Path(folder))
            document = report(arguments.program, Path(folder))
    Path(arguments.output).write_text(document, encoding="utf-8")
    print(f"  {arguments.output}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="sink-s3", help="the sink-s3 to compact with and to ask for the views")
    parser.add_argument("--folder", help="a local copy of a bucket, instead of the bucket itself")
    parser.add_argument("--output", default="report.html", help="where to write the report")
    return parser.parse_args()


def copy_of_the_bucket(program, folder):
    import boto3
    from botocore.config import Config

    endpoint = os.environ.get("S3_ENDPOINT") or None
    path_style = Config(s3={"addressing_style": "path"}) if endpoint else None
    store = boto3.client("s3", endpoint_url=endpoint, region_name=os.environ.get("AWS_REGION"), config=path_style)
    bucket, prefix = os.environ["S3_BUCKET"], os.environ.get("S3_PREFIX", "").strip("/")
    prefix = f"{prefix}/" if prefix else ""
    days = days_with_sessions(store, bucket, f"{prefix}sessions/")
    if not days:
        sys.exit("report: there are no sessions yet; place a call first")
    # What it leaves out it has named; the report is of the rest.
    compacted = subprocess.run([program, "compact", "--from", days[0], "--to", days[-1]], stdout=subprocess.DEVNULL)
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}sessions-parquet/"):
        for listed in page.get("Contents", []):
            path = folder / listed["Key"].removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            store.download_file(bucket, listed["Key"], str(path))
    if not any(folder.rglob("*.parquet")):
        sys.exit(f"report: nothing could be compacted (exit code {compacted.returncode})")


def days_with_sessions(store, bucket, prefix):
    """All days that have a folder."""
    folders = [prefix]
    for _ in ["year", "month", "day"]:
        pages = [store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder, Delimiter="/")
                 for folder in folders]
        folders = sorted(below["Prefix"] for page in pages for part in page for below in part.get("CommonPrefixes", []))
    dates = [re.search(r"year=(\d{4})/month=(\d{2})/day=(\d{2})/$", folder) for folder in folders]
    return ["-".join(date.groups()) for date in dates if date]


def report(program, folder):
    views = subprocess.run([program, "ddl", "duckdb", "--location", str(folder)], check=True, capture_output=True)
    database = duckdb.connect()
    database.execute(views.stdout.decode())
    plot.rcParams.update({
        "figure.figsize": (9, 3.6), "figure.dpi": 110, "figure.constrained_layout.use": True, "font.size": 10,
        "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#94a3b8", "axes.labelcolor": INK,
        "xtick.color": INK, "ytick.color": INK, "axes.axisbelow": True, "axes.grid": True, "grid.color": "#f1f5f9",
    })
    first, last, sessions = ask(database, """
        SELECT strftime(min(end_time), '%Y-%m-%d %H:%M'), strftime(max(end_time), '%Y-%m-%d %H:%M'), count(*)
        FROM sessions""")[0]
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Calls</title><style>{STYLE}</style>
<h1>Calls</h1>
<p class="of">{sessions} sessions that ended from {first} to {last} UTC</p>
{figures(database)}
<h2>Calls by day and tier</h2>{calls_by_day(database)}
<h2>How long they took</h2>{durations(database)}
<h2>What was found out</h2>{signal_coverage(database)}
<h2>How long callers waited</h2>{latencies(database)}
<h2>How they ended</h2>{table(database, "end reason", "mean seconds", '''
  SELECT coalesce(end_reason, 'not recorded'), count(*) AS calls, round(avg(duration_seconds))::INT
  FROM sessions GROUP BY ALL ORDER BY calls DESC''')}
<h2>Tools</h2>{table(database, "tool", "failed", '''
  SELECT name, count(*) AS calls, count(*) FILTER (outcome = 'error') FROM tool_calls GROUP BY ALL ORDER BY calls DESC''')}
</html>
"""


def figures(database):
    calls, people, hot, minutes, wait = ask(database, """
        SELECT count(DISTINCT session_id), count(DISTINCT lower(user_email)) FILTER (user_email <> ''),
          count(*) FILTER (qualification_tier = 'hot'), sum(duration_seconds) / 60,
          quantile_cont(e2e_latency_p50, 0.5) FROM sessions""")[0]
    shown = [
        (f"{calls:,}", "calls"), (f"{people:,}", "people"), (f"{hot:,}", "hot"), (f"{minutes or 0:,.0f}", "minutes"),
        ("–" if wait is None else f"{wait:.2f} s", "usual wait for an answer"),
    ]
    return '<div class="figures">' + "".join(f"<div><b>{n}</b><span>{what}</span></div>" for n, what in shown) + "</div>"


def calls_by_day(database):
    rows = ask(database, """
        SELECT CAST(end_time AS DATE) AS day, coalesce(qualification_tier, 'none') AS tier, count(*)
        FROM sessions GROUP BY ALL ORDER BY day""")
    days = sorted({day for day, _, _ in rows})
    found = {(day, tier): calls for day, tier, calls in rows}
    tiers = [tier for tier in TIERS if any((day, tier) in found for day in days)]
    tiers += sorted({tier for _, tier, _ in rows} - set(TIERS))
    figure, axes = plot.subplots()
    below = [0] * len(days)
    for tier in tiers:
        calls = [found.get((day, tier), 0) for day in days]
        axes.bar(days, calls, bottom=below, label=tier, color=COLOURS.get(tier), width=0.8)
        below = [low + more for low, more in zip(below, calls)]
    axes.set_ylabel("calls")
    axes.yaxis.get_major_locator().set_params(integer=True)
    by_days(axes, days)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return image(figure, "Calls by day, stacked by tier")


def durations(database):
    seconds = [row[0] for row in ask(database,
        "SELECT duration_seconds FROM sessions WHERE duration_seconds IS NOT NULL")]
    if not seconds:
        return none("No durations.")
    median, p95 = ask(database,
        "SELECT quantile_cont(duration_seconds, 0.5), quantile_cont(duration_seconds, 0.95) FROM sessions")[0]
    figure, axes = plot.subplots()
    axes.hist(seconds, bins=min(40, max(5, len(seconds) // 3)), color=ACCENT, edgecolor="white")
    for value, name in [(median, "median"), (p95, "95th percentile")]:
        axes.axvline(value, color=INK, linestyle="--", linewidth=1)
        axes.annotate(f"{name} {value:.0f} s", (value, 1.01), xycoords=("data", "axes fraction"), ha="center", fontsize=9)
    axes.set(xlabel="seconds", ylabel="calls")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return image(figure, "Histogram of the durations of calls")


def signal_coverage(database):
    rows = ask(database, """
        WITH conversations AS (SELECT count(*) AS n FROM sessions WHERE transcript_entries > 1 OR user_turns > 0)
        SELECT name, least(100, 100.0 * count(*) / greatest(any_value(n), 1)), avg(turn)
        FROM signals, conversations WHERE name <> 'qualification_tier' AND value IS NOT NULL
        GROUP BY ALL ORDER BY 2""")
    if not rows:
        return none("No signals yet.")
    figure, axes = plot.subplots(figsize=(9, 0.8 + 0.42 * len(rows)))
    bars = axes.barh([name for name, _, _ in rows], [percent for _, percent, _ in rows], color=ACCENT, height=0.6)
    texts = [f"{percent:.0f} %" + (f", turn {turn:.1f}" if turn else "") for _, percent, turn in rows]
    axes.bar_label(bars, texts, padding=4, fontsize=9)
    axes.set(xlim=(0, 118), xlabel="percent of conversations in which it was found, and at which turn on average")
    axes.set_xticks(range(0, 101, 20))
    axes.grid(axis="y", visible=False)
    return image(figure, "Share of conversations in which each signal was found")


def latencies(database):
    rows = ask(database, """
        SELECT CAST(end_time AS DATE) AS day, quantile_cont(e2e_latency_p50, 0.5), quantile_cont(e2e_latency_p95, 0.5)
        FROM sessions WHERE e2e_latency_count > 0 GROUP BY ALL ORDER BY day""")
    if not rows:
        return none("No turns were measured yet.")
    parts = ask(database, """
        SELECT quantile_cont(end_of_utterance_delay_p50, 0.5), quantile_cont(llm_ttft_p50, 0.5),
          quantile_cont(tts_ttfb_p50, 0.5), quantile_cont(e2e_latency_p50, 0.5)
        FROM sessions WHERE e2e_latency_count > 0""")[0]
    days = [day for day, _, _ in rows]
    figure, (axes, bars) = plot.subplots(1, 2, width_ratios=[2, 1])
    axes.plot(days, [usual for _, usual, _ in rows], color=ACCENT, marker="o", label="usual (median of p50)")
    axes.plot(days, [long for _, _, long in rows], color=COLOURS["hot"], marker="o", label="long (median of p95)")
    axes.set_ylabel("seconds until an answer is heard")
    axes.set_ylim(bottom=0)
    by_days(axes, days, ticks=7)
    axes.legend(frameon=False, fontsize=9)
    names = ["taking the turn", "language model", "speech", "all of it"]
    drawn = bars.barh(names, [part or 0 for part in parts], color=[QUIET, QUIET, QUIET, ACCENT], height=0.6)
    bars.bar_label(drawn, ["–" if part is None else f"{part:.2f} s" for part in parts], padding=4, fontsize=9)
    bars.invert_yaxis()
    bars.margins(x=0.3)
    bars.set_xlabel("seconds, usual turn")
    bars.grid(axis="y", visible=False)
    return image(figure, "Waits by day, and what they consist of")


def by_days(axes, days, ticks=12):
    """A tick for a day, at most so many of them, and room around a single one."""
    step = max(1, -(-((days[-1] - days[0]).days + 1) // ticks))
    axes.xaxis.set_major_locator(matplotlib.dates.DayLocator(interval=step))
    axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%d %b"))
    if days[0] == days[-1]:
        middle = matplotlib.dates.date2num(days[0])
        axes.set_xlim(middle - 2, middle + 2)
    axes.grid(axis="x", visible=False)


def image(figure, what):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    plot.close(figure)
    return f'<img alt="{what}" src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}">'


def table(database, name, last, query):
    rows = ask(database, query)
    if not rows:
        return none("None yet.")
    cells = "".join(f'<tr><td>{html.escape(str(row[0]))}<td class="n">{row[1]}<td class="n">{row[2]}' for row in rows)
    return f'<table><tr><th>{name}<th class="n">calls<th class="n">{last}{cells}</table>'


def ask(database, query):
    return database.execute(query).fetchall()


def none(sentence):
    return f"<p>{sentence}</p>"


if __name__ == "__main__":
    main()
