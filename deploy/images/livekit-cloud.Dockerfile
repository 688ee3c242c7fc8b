# The agent at LiveKit Cloud, with a persona of yours: copy this beside it as «Dockerfile», name your image, and `lk agent create` there.
# Nothing is compiled: a build at LiveKit Cloud is given up after ten minutes.
#
# What is lost there: an instance's disk goes with it. Whatever ends by SIGTERM publishes its sessions before it exits, as everywhere;
# the sessions of an instance that is killed, and what one has kept for a NATS that was away until its end, are in nobody's spool.
# And NATS is reached over the internet: by TLS (NATS_URL=tls://…), with the seed of a user of its own as a secret (NATS_NKEY).
ARG AGENT=registry.example.com/postcall-agent:0.2.0
FROM ${AGENT}
COPY persona.toml /etc/postcall/persona.toml
ENV AGENT_PERSONA=/etc/postcall/persona.toml
