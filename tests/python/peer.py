"""A worker of livekit-agents, as the environment says."""

import os

from livekit.agents import WorkerOptions, cli


def run(entrypoint):
    cli.run_app(
        WorkerOptions(
            entrypoint_fnc=entrypoint,
            agent_name=os.environ["AGENT_NAME"],
            port=int(os.environ["PEER_HTTP_PORT"]),
            load_threshold=float("inf"),
            # By the machine's load, of which callers and server are most, livekit-server offers it no further jobs.
            load_fnc=lambda: 0.0,
        )
    )
