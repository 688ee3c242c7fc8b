#!/usr/bin/env python3
"""Writes the Grafana dashboards: dashboards.py FOLDER (without one, into `dashboards` beside this file).

A panel is a title, a look and its queries, each with a legend. What Grafana calls things is the business of its own SDK, which
has its types.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model

RATE = "[$__rate_interval]"
PUBLISHED, OF_WEB = '{outcome="published"}', '{server=~"web.*"}'


@dataclass(frozen=True)
class Look:
    """How values are shown: in which unit, and what else is special about them."""

    unit: str
    # Some are a thousand times as large as others: the axis is logarithmic.
    wide: bool = False
    # A share that is promised: a line is drawn at it, and the axis shows what is near it.
    promised: float | None = None
    # Something is so, or is not: which of 1 and 0 is well.
    well: int | None = None


COUNT, WIDE_COUNT, BYTES, SHARE = Look("short"), Look("short", wide=True), Look("bytes"), Look("percentunit")
SECONDS, WIDE_SECONDS, TIME = Look("s"), Look("s", wide=True), Look("dateTimeFromNow")
WELL_IF_SO, WELL_IF_NOT = Look("none", well=1), Look("none", well=0)


def promised(share):
    return Look("percentunit", promised=share)


def a_minute(metric, by="", labels=""):
    """Events a minute, of all instances together."""
    return f"60 * sum{f' by ({by})' if by else ''} (rate({metric}{labels}{RATE}))"


def quantiles(histogram, labels=""):
    """The median, and what one of ten and one of a hundred are above."""
    rates = f"sum by (le) (rate({histogram}_bucket{labels}{RATE}))"
    return [(f"histogram_quantile({share}, {rates})", f"{percent} %") for share, percent in
            [(0.5, 50), (0.9, 90), (0.99, 99)]]


def kept(slo):
    """The share of what was promised that was kept, of an hour and of three days."""
    return [(f"1 - postcall:{slo}_errors:ratio_rate{window}", window) for window in ["1h", "3d"]]


def program(name):
    """What each program shows of its process."""
    own = f'and on (job, instance) postcall_build_info{{program="{name}"}}'
    return ("Process", [
        ("Version", COUNT, [(f'sum by (version) (postcall_build_info{{program="{name}"}})', "{{version}}")]),
        ("Processor time, cores", COUNT, [(f"rate(process_cpu_seconds_total{RATE}) {own}", "{{instance}}")]),
        ("Memory", BYTES, [(f"process_resident_memory_bytes {own}", "{{instance}}")]),
        ("Open files", COUNT, [(f"process_open_fds {own}", "{{instance}}")]),
        ("Running since", TIME, [(f"process_start_time_seconds * 1000 {own}", "{{instance}}")]),
        ("HTTP connections", COUNT, [(f"sum by (server) (postcall_http_connections_open {own})", "{{server}}")]),
    ])


def sink(name):
    """What all sinks have."""
    of = f'{{sink="{name}"}}'
    return [
        ("Is it well", [
            ("Ready", WELL_IF_SO, [(f"min by (instance) (postcall_sink_ready{of})", "{{instance}}")]),
            ("What keeps it", WELL_IF_NOT, [(f"max by (part) (postcall_sink_not_ready{of})", "{{part}}")]),
            ("Paused", WELL_IF_NOT, [(f"max by (instance) (postcall_sink_paused{of})", "{{instance}}")]),
            ("Connected to NATS", WELL_IF_SO, [(f"min by (instance) (postcall_sink_nats_connected{of})", "{{instance}}")]),
            ("Last written", TIME, [(f"max (postcall_sink_last_success_timestamp_seconds{of}) * 1000", "")]),
            ("Dead letters", COUNT, [
                (f"max (postcall_sink_dead_letters_stored{of})", "for a person"),
                (f"sum (postcall_sink_dead_letters_waiting{of})", "cannot be stored"),
            ]),
        ]),
        ("What is written", [
            ("Sessions a minute, by outcome", COUNT,
             [(a_minute("postcall_sink_messages_total", "outcome", of), "{{outcome}}")]),
            ("From the call's end to its write", WIDE_SECONDS, quantiles("postcall_sink_lag_seconds", of)),
            ("Time of a write", SECONDS, quantiles("postcall_sink_write_seconds", of)),
            # Within the first bucket, which is one session, quantiles are parts of one.
            ("Sessions in a write", COUNT, [
                (f"clamp_min({query}, 1)", legend) for query, legend in quantiles("postcall_sink_batch_messages", of)
            ]),
        ]),
        ("What waits", [
            ("In the stream", COUNT, [
                (f"max (postcall_sink_undelivered{of})", "not delivered"),
                (f"max (postcall_sink_unsettled{of})", "delivered, not settled"),
                (f"max (postcall_sink_redelivered{of})", "delivered more than once"),
            ]),
            ("Age of the oldest", SECONDS, [(f"max (postcall_sink_oldest_unsettled_seconds{of})", "")]),
            ("In flight", COUNT, [
                (f"sum (postcall_sink_in_flight{of})", "sessions"),
                (f"sum (postcall_sink_long_holds{of})", "held for more than a minute"),
            ]),
            ("May be in flight", COUNT, [
                (f"sum (postcall_sink_concurrency{of})", "writes at a time"),
                (f"max (postcall_sink_window{of})", "unsettled (0: any number)"),
            ]),
            ("Again, a minute", COUNT, [
                (a_minute("postcall_sink_redeliveries_total", labels=of), "sessions"),
                (a_minute("postcall_sink_store_retries_total", labels=of), "writes"),
                (a_minute("postcall_sink_dead_letters_total", labels=of), "became dead letters"),
            ]),
        ]),
    ]


DASHBOARDS = {
    "overview": ("postcall", [
        ("What is promised", [
            ("Agent within 2 s (99 %)", promised(0.99), kept("join")),
            ("Answer within 1 s (95 %)", promised(0.95), kept("answer")),
            ("Archived within 5 s (99.9 %)", promised(0.999), kept("archive")),
            ("In Salesforce within 60 s (99 %)", promised(0.99), kept("salesforce")),
        ]),
        ("Calls", [
            ("Calls now", COUNT, [
                ("sum(postcall_agent_sessions_active)", "held by agents"),
                ("max(postcall_web_calls)", "rooms at LiveKit"),
                ("max(postcall_agent_rooms_without_agent)", "without an agent"),
            ]),
            ("Places held", SHARE, [("max(postcall_agent_load_ratio)", "the fullest agent"),
                                    ("min(postcall_agent_load_ratio)", "the emptiest agent")]),
            ("Ended calls a minute, by why", COUNT,
             [(a_minute("postcall_agent_sessions_total", "end_reason"), "{{end_reason}}")]),
            ("Who wants to call, a minute", COUNT,
             [(a_minute("postcall_web_connection_details_answers_total", "status"), "{{status}}")]),
        ]),
        ("From the call to the record", [
            ("Sessions a minute", COUNT, [
                (a_minute("postcall_agent_sessions_total"), "ended"),
                (a_minute("postcall_agent_publishes_total", labels=PUBLISHED), "published"),
                (a_minute("postcall_sink_lag_seconds_count", "sink"), "written by {{sink}}"),
            ]),
            ("What waits", COUNT, [
                ("sum(postcall_agent_outbox_waiting)", "in the agents' outboxes"),
                ("max by (sink) (postcall_sink_undelivered)", "in the stream for {{sink}}"),
                ("max by (sink) (postcall_sink_dead_letters_stored)", "dead letters of {{sink}}"),
            ]),
            ("Age of the oldest", SECONDS, [
                ("max(postcall_agent_outbox_oldest_seconds)", "in an outbox"),
                ("max by (sink) (postcall_sink_oldest_unsettled_seconds)", "for {{sink}}"),
            ]),
            ("Call's end to its write, 99 %", WIDE_SECONDS, [
                (f"histogram_quantile(0.99, sum by (le, sink) (rate(postcall_sink_lag_seconds_bucket{RATE})))", "{{sink}}"),
            ]),
        ]),
        ("Who is there", [
            ("Agents connected to LiveKit", COUNT, [("sum(postcall_agent_livekit_connected)", "")]),
            ("LiveKit answers", WELL_IF_SO, [("min(postcall_web_livekit_reachable)", "")]),
            ("Connected to NATS", WELL_IF_SO, [("min(postcall_agent_nats_connected)", "agents"),
                                               ("min by (sink) (postcall_sink_nats_connected)", "{{sink}}")]),
            ("Services answer", WELL_IF_SO, [("max by (service) (postcall_agent_service_up)", "{{service}}")]),
            ("Sinks ready", WELL_IF_SO, [("min by (sink) (postcall_sink_ready)", "{{sink}}")]),
            ("Programs", COUNT, [("count by (program, version) (postcall_build_info)", "{{program}} {{version}}")]),
        ]),
    ]),
    "agent": ("postcall: agent", [
        ("Joining", [
            ("From assignment to track", SECONDS, quantiles("postcall_agent_join_seconds")),
            ("Offers a minute, by the answer", COUNT,
             [(a_minute("postcall_agent_offers_total", "answer"), "{{answer}}")]),
            ("Joins that fail, a minute", COUNT,
             [(a_minute("postcall_agent_joins_failed_total", "reason"), "{{reason}}"),
              (a_minute("postcall_agent_rooms_redispatched_total"), "dispatched again")]),
            ("Calls and places", COUNT, [("postcall_agent_sessions_active", "calls of {{instance}}"),
                                         ("max(postcall_agent_rooms_without_agent)", "without an agent")]),
        ]),
        ("Answers", [
            ("Last word to first sound", SECONDS, quantiles("postcall_agent_answer_seconds")),
            ("Parts of it, 90 %", SECONDS, [
                (f"histogram_quantile(0.9, sum by (le) (rate(postcall_agent_{part}_seconds_bucket{RATE})))", part)
                for part in ["turn_end", "transcript", "first_token", "first_sound"]
            ]),
            ("Requests to services a minute", COUNT,
             [(a_minute("postcall_agent_service_requests_total", "service"), "{{service}}")]),
            ("Failures of services a minute", COUNT,
             [(a_minute("postcall_agent_service_failures_total", "service, reason"), "{{service}}: {{reason}}")]),
            ("Calls of tools a minute", COUNT,
             [(a_minute("postcall_agent_tool_calls_total", "outcome"), "{{outcome}}")]),
            ("Services answer", WELL_IF_SO, [("min by (service) (postcall_agent_service_up)", "{{service}}")]),
            ("Sockets of services", COUNT,
             [("sum by (service) (postcall_agent_service_sockets_open)", "{{service}}"),
              (a_minute("postcall_agent_service_sockets_opened_total", "service"), "{{service}}, opened a minute")]),
        ]),
        ("Limits", [
            ("Budgets used, a minute", WIDE_COUNT,
             [(a_minute("postcall_agent_budget_used_total", "budget"), "{{budget}}")]),
            ("Calls that used one up, a minute", COUNT,
             [(a_minute("postcall_agent_budget_spent_total", "budget"), "{{budget}}")]),
            ("Left out, a minute", COUNT, [(a_minute("postcall_agent_cut_total", "what"), "{{what}}"),
                                           (a_minute("postcall_agent_not_shown_total", "what"), "not shown: {{what}}")]),
        ]),
        ("Sessions on their way out", [
            ("Outbox", COUNT, [("postcall_agent_outbox_waiting", "{{instance}}"),
                               ("postcall_agent_outbox_in_memory", "{{instance}}, in memory only")]),
            ("Age of the oldest", SECONDS, [("postcall_agent_outbox_oldest_seconds", "{{instance}}")]),
            ("Tries to publish a minute", COUNT,
             [(a_minute("postcall_agent_publishes_total", "outcome"), "{{outcome}}")]),
            ("Files of the spool", COUNT, [("sum by (folder) (postcall_agent_spool_files)", "{{folder}}"),
                                           ("sum(postcall_agent_published_kept)", "published and kept")]),
            ("What an end has left", COUNT, [("sum(postcall_agent_sessions_recovered_total)", "recovered at the start"),
                                             (a_minute("postcall_agent_published_not_kept_total"), "not kept, a minute"),
                                             ("sum(postcall_agent_journals_refused)", "journals refused")]),
            ("Is anything wrong", WELL_IF_NOT, [("max(postcall_agent_spool_failing)", "the disk refuses"),
                                                ("max(postcall_agent_publish_refused)", "JetStream refuses"),
                                                ("max(1 - postcall_agent_nats_connected)", "no NATS"),
                                                ("max(1 - postcall_agent_livekit_connected)", "no LiveKit")]),
        ]),
        program("agent"),
    ]),
    "web": ("postcall: web", [
        ("Visitors", [
            ("Connection details a minute, by status", COUNT,
             [(a_minute("postcall_web_connection_details_answers_total", "status"), "{{status}}")]),
            ("Limited a minute, by the limit", COUNT,
             [(a_minute("postcall_web_connection_details_limited_total", "limit"), "{{limit}}")]),
            ("Proofs against robots a minute", COUNT,
             [(a_minute("postcall_web_proofs_total", "outcome"), "{{outcome}}")]),
            ("Networks that are counted", COUNT, [("sum(postcall_web_connection_details_limited_clients)", "")]),
        ]),
        ("LiveKit", [
            ("It answers", WELL_IF_SO, [("postcall_web_livekit_reachable", "{{instance}}")]),
            ("Rooms of calls", COUNT, [("max(postcall_web_calls)", "")]),
        ]),
        ("Connections", [
            ("Ended a minute, by how", COUNT,
             [(a_minute("postcall_http_connections_ended_total", "server, end", OF_WEB), "{{server}}: {{end}}")]),
            ("Refused a minute", COUNT,
             [(a_minute("postcall_http_connections_refused_total", "server", OF_WEB), "{{server}}"),
              (a_minute("postcall_http_accept_errors_total", "server", OF_WEB), "{{server}}: no file or memory")]),
        ]),
        program("web"),
    ]),
    "sink-s3": ("postcall: sink-s3", [
        *sink("sink-s3"),
        ("S3", [("Errors a minute, by kind", COUNT, [(a_minute("postcall_s3_errors_total", "kind"), "{{kind}}")])]),
        program("sink-s3"),
    ]),
    "sink-salesforce": ("postcall: sink-salesforce", [
        *sink("sink-salesforce"),
        ("Salesforce", [
            ("Errors a minute, by kind", COUNT,
             [(a_minute("postcall_salesforce_errors_total", "kind"), "{{kind}}")]),
            ("API calls a minute", COUNT, [(a_minute("postcall_salesforce_api_calls_total"), "of this sink")]),
            ("API calls of 24 hours", COUNT, [("max(postcall_salesforce_api_used)", "used, by everybody"),
                                              ("max(postcall_salesforce_api_limit)", "limit"),
                                              ("sum(increase(postcall_salesforce_api_calls_total[1d]))", "of this sink")]),
            ("Values that fit no field, a minute", COUNT,
             [(a_minute("postcall_salesforce_unfit_values_total"), "")]),
        ]),
        program("sink-salesforce"),
    ]),
}

WIDTH, HEIGHT = 24, 8
SOURCE = model.DataSourceRef(type_val="prometheus", uid="${source}")


def panel(title, look, queries):
    """One panel, as its look has it."""
    if look == TIME:
        made = stat.Panel()
    elif look.well is not None:
        made = states(look.well)
    else:
        made = lines(look)
    made = made.title(title).unit(look.unit).datasource(SOURCE)
    for number, (expression, legend) in enumerate(queries):
        query = prometheus.Dataquery().expr(expression).legend_format(legend or title).ref_id(chr(ord("A") + number))
        made = made.with_target(query.datasource(SOURCE))
    return made


def states(well):
    """A bar for each series, green while it is as it should be."""
    words = {
        str(value): model.ValueMappingResult(text=text, color="green" if value == well else "red")
        for value, text in enumerate(["no", "yes"])
    }
    return statetimeline.Panel().mappings([model.ValueMap(words)]).show_value(options.VisibilityMode.NEVER).legend(
        common.VizLegendOptions().show_legend(False)
    )


def lines(look):
    """A line for each series. What has been zero all the time is not in the legend: programs export all kinds of a failure."""
    made = timeseries.Panel().tooltip(
        common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING)
    ).legend(
        common.VizLegendOptions().show_legend(True).placement(options.LegendPlacement.BOTTOM)
        .display_mode(options.LegendDisplayMode.LIST)
    ).with_override(
        model.MatcherConfig("byValue", {"reducer": "allIsZero", "op": "gte", "value": 0}),
        [model.DynamicConfigValue("custom.hideFrom", {"legend": True, "tooltip": True, "viz": False})],
    )
    if look.wide:
        return made.scale_distribution(common.ScaleDistributionConfig().type(options.ScaleDistribution.LOG).log(10))
    if look.promised is not None:
        kept_from = [model.Threshold(None, "red"), model.Threshold(look.promised, "green")]
        return made.axis_soft_min(round(1 - 4 * (1 - look.promised), 4)).max(1).thresholds(
            dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(kept_from)
        ).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(options.GraphTresholdsStyleMode.DASHED)
        )
    made = made.min(0).fill_opacity(10)
    return made.max(1) if look == SHARE else made


def shared_out(panels):
    """At most four beside each other, and about as many on each line."""
    count = -(-len(panels) // 4)
    at_least, more = divmod(len(panels), count)
    begin = 0
    for line in range(count):
        end = begin + at_least + (line < more)
        yield panels[begin:end]
        begin = end


def written(uid, title, rows):
    """The JSON of one dashboard."""
    made = (
        dashboard.Dashboard(title).uid(f"postcall-{uid}").tags(["postcall"]).refresh("30s").time("now-6h", "now")
        .timezone("browser").readonly().tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
        .link(dashboard.DashboardLink("postcall").type(model.DashboardLinkType.DASHBOARDS).tags(["postcall"]).as_dropdown(False))
    )
    top, number = 0, 0
    for row, panels in rows:
        number += 1
        made = made.with_row(dashboard.Row(row).id(number).grid_pos(model.GridPos(h=1, w=WIDTH, x=0, y=top)))
        top += 1
        for line in shared_out(panels):
            width = WIDTH // len(line)
            for column, (name, look, queries) in enumerate(line):
                number += 1
                place = model.GridPos(h=HEIGHT, w=width, x=column * width, y=top)
                made = made.with_panel(panel(name, look, queries).id(number).grid_pos(place))
            top += HEIGHT
    text = JSONEncoder(sort_keys=True, indent=2).encode(made.build())
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE) + "\n"


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "dashboards"
    folder.mkdir(exist_ok=True)
    for uid, (title, rows) in DASHBOARDS.items():
        (folder / f"{uid}.json").write_text(written(uid, title, rows))


main()
