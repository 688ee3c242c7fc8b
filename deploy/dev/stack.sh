#!/usr/bin/env bash
# The development stack on this machine: real servers, a simulated Salesforce, and our programs.
# Usage: stack.sh up | down | status
#
# State is in .run/: env (every address, key and name), <name>.pid, log/<name>.log, data/. `up` starts what is not running,
# and starts anew what runs with settings that were changed since. Ports are chosen by the variables below, which .run/env
# remembers; the file is yours to edit.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly run=$PWD/.run bin=$PWD/.tools/bin programs=$PWD/target/debug
readonly names=(livekit nats s3 salesforce openai sink-s3 sink-salesforce agent web)
# Above everything that a first start has been seen to take on a busy machine.
readonly start_limit_seconds=${START_LIMIT_SECONDS:-60}

fail() {
  printf 'stack: %s\n' "$*" >&2
  exit 1
}

pid_of() { cat "$run/$1.pid" 2>/dev/null; }

# Whether the recorded process lives and is still the program that was started (pids are reused).
running() {
  local pid
  pid=$(pid_of "$1") && [ -n "$pid" ] && [ "$(readlink "/proc/$pid/exe" 2>/dev/null | sed 's/ (deleted)$//')" = "$(cat "$run/$1.exe" 2>/dev/null)" ]
}

# start NAME PROGRAM ARGUMENT...: in a process group of its own, so that Ctrl-C at a terminal does not reach it.
start() {
  local name=$1 program settings
  shift
  program=$(readlink -f "$1")
  [ -x "$program" ] || fail "$1 is missing; run «make build»"
  settings=$(settings "$name" "$@")
  if running "$name"; then
    [ "$settings" != "$(cat "$run/$name.settings" 2>/dev/null)" ] || return 0
    stop "$name"
  fi
  printf '  starting %s\n' "$name"
  setsid "$@" >>"$run/log/$name.log" 2>&1 </dev/null &
  printf '%s\n' "$!" >"$run/$name.pid"
  printf '%s\n' "$program" >"$run/$name.exe"
  printf '%s\n' "$settings" >"$run/$name.settings"
  # Until the shell's child has become the program, it is not yet «running».
  until running "$name" || ! kill -0 "$!" 2>/dev/null; do sleep 0.01; done
}

# settings NAME PROGRAM ARGUMENT...: a digest of all that a program is told; our own programs read the environment file.
settings() {
  local name=$1
  shift
  {
    printf '%s\n' "$@"
    case $1 in
      "$programs"/*) cat "$run/env" ;;
      *) cat "$run/$name".{yaml,conf,json} 2>/dev/null || true ;;
    esac
  } | sha256sum | cut -d' ' -f1
}

# ready NAME COMMAND...: waits until the command succeeds, the process ends, or the limit is over.
ready() {
  local name=$1 deadline=$((SECONDS + start_limit_seconds))
  shift
  until "$@" >/dev/null 2>&1; do
    running "$name" || fail "$name ended; the last lines of .run/log/$name.log:
$(tail -n 15 "$run/log/$name.log")"
    [ $SECONDS -lt $deadline ] || fail "$name is not ready after $start_limit_seconds s; see .run/log/$name.log
$("$@" 2>&1 || true)"
    sleep 0.1
  done
}

# Says what the answer says, where it is no success.
answers() { curl --silent --show-error --fail-with-body --max-time 2 "$1"; }

secret() { openssl rand -hex 20; }

# Writes .run/env once; ports and names can be set by the environment of the first `up`.
write_env() {
  local livekit_port=${LIVEKIT_PORT:-7880} nats_port=${NATS_PORT:-4222} s3_port=${S3_PORT:-8333}
  local salesforce_port=${SALESFORCE_PORT:-8025} web_port=${WEB_PORT:-3000} agent_port=${AGENT_PORT:-8081}
  local openai_port=${OPENAI_PORT:-8090} openai_key
  openai_key=$(secret)
  local sink_s3_port=${SINK_S3_PORT:-9101} sink_salesforce_port=${SINK_SALESFORCE_PORT:-9102}
  local web_operations_port=${WEB_OPERATIONS_PORT:-9103}
  umask 077
  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$run/salesforce-private.pem" 2>/dev/null
  openssl pkey -in "$run/salesforce-private.pem" -pubout -out "$run/salesforce-public.pem"
  cat >"$run/env.new" <<ENV
LIVEKIT_URL=ws://127.0.0.1:$livekit_port
LIVEKIT_API_KEY=devkey
LIVEKIT_API_SECRET=$(secret)
AGENT_NAME=${AGENT_NAME:-postcall}
NATS_URL=nats://postcall:$(secret)@127.0.0.1:$nats_port
S3_ENDPOINT=http://127.0.0.1:$s3_port
S3_BUCKET=${S3_BUCKET:-postcall-sessions}
AWS_REGION=us-east-1
AWS_ACCESS_KEY_ID=$(secret)
AWS_SECRET_ACCESS_KEY=$(secret)
SALESFORCE_URL=http://127.0.0.1:$salesforce_port
SALESFORCE_CLIENT_ID=postcall-dev
SALESFORCE_USERNAME=integration@postcall.example
SALESFORCE_PRIVATE_KEY_FILE=$run/salesforce-private.pem
SALESFORCE_PUBLIC_KEY_FILE=$run/salesforce-public.pem
SALESFORCE_AUDIENCE=https://login.salesforce.com
WEB_URL=http://127.0.0.1:$web_port
WEB_HTTP=127.0.0.1:$web_port
WEB_OPERATIONS_HTTP=127.0.0.1:$web_operations_port
AGENT_PERSONA=$PWD/agent/personas/pandadoc-trial.toml
OPENAI_SIMULATOR_URL=http://127.0.0.1:$openai_port/v1
OPENAI_SIMULATOR_API_KEY=$openai_key
STT_BASE_URL=http://127.0.0.1:$openai_port/v1
STT_API_KEY=$openai_key
LLM_BASE_URL=http://127.0.0.1:$openai_port/v1
LLM_API_KEY=$openai_key
TTS_BASE_URL=http://127.0.0.1:$openai_port/v1
TTS_API_KEY=$openai_key
AGENT_HTTP=127.0.0.1:$agent_port
AGENT_SPOOL_DIR=$run/data/agent
SINK_S3_HTTP=127.0.0.1:$sink_s3_port
SINK_SALESFORCE_HTTP=127.0.0.1:$sink_salesforce_port
ENV
  mv "$run/env.new" "$run/env"
}

# read_env: all of .run/env into the environment.
read_env() {
  set -a
  # shellcheck source=/dev/null
  . "$run/env"
  set +a
}

# A file from before some of the lines were there gets them. It may end without a line break.
complete_env() {
  [ -n "${WEB_OPERATIONS_HTTP:-}" ] ||
    printf '\nWEB_OPERATIONS_HTTP=127.0.0.1:%s\n' "${WEB_OPERATIONS_PORT:-9103}" >>"$run/env"
  [ -n "${OPENAI_SIMULATOR_URL:-}" ] || add_simulator
  read_env
}

# Before the simulator had lines of its own, speech to text was at the simulator, unless somebody has changed it.
add_simulator() {
  local part url="http://127.0.0.1:${OPENAI_PORT:-8090}/v1" key=
  for part in TTS LLM STT; do
    local base=${part}_BASE_URL own=${part}_API_KEY
    [[ ${!base:-} =~ ^http://127\.0\.0\.1:[0-9]+/v1$ && ${!own:-} =~ ^[0-9a-f]{40}$ ]] || continue
    url=${!base} key=${!own}
  done
  printf '\nOPENAI_SIMULATOR_URL=%s\nOPENAI_SIMULATOR_API_KEY=%s\n' "$url" "${key:-$(secret)}" >>"$run/env"
}

port() { printf '%s' "${1##*:}"; }

# address URL: its host and port.
address() { sed -E "s,^[a-z]+://([^/]*).*,\1,; s,^localhost:,127.0.0.1:," <<<"$1"; }

up_livekit() {
  local port
  port=$(port "$LIVEKIT_URL")
  (umask 077 && cat >"$run/livekit.yaml") <<YAML
port: $port
bind_addresses: [127.0.0.1]
keys: { $LIVEKIT_API_KEY: $LIVEKIT_API_SECRET }
rtc:
  tcp_port: $((port + 1))
  udp_port: $((port + 2))
  node_ip: 127.0.0.1
  use_external_ip: false
  enable_loopback_candidate: true
YAML
  start livekit "$bin/livekit-server" --config "$run/livekit.yaml"
}

up_nats() {
  mkdir -p "$run/data/nats"
  # 8 MiB of payload: room for long transcripts and for a dead letter's headers.
  (umask 077 && cat >"$run/nats.conf") <<CONF
listen: 127.0.0.1:$(port "$NATS_URL")
max_payload: 8MB
jetstream { store_dir: "$run/data/nats", max_file_store: 2GB }
$(nats_authorization)
CONF
  start nats "$bin/nats-server" --config "$run/nats.conf"
}

# The user and password of NATS_URL, where it has them; in an address they are percent-encoded.
nats_authorization() {
  [[ $NATS_URL =~ ^[a-z]+://([^:@/]*):([^@/]*)@ ]] || return 0
  local user password
  user=$(decoded "${BASH_REMATCH[1]}") password=$(decoded "${BASH_REMATCH[2]}")
  printf 'authorization { user: "%s", password: "%s" }' "$(quoted "$user")" "$(quoted "$password")"
}

decoded() { printf '%b' "$(sed -E 's/\\/\\\\/g; s/%([0-9A-Fa-f]{2})/\\x\1/g' <<<"$1")"; }

quoted() { sed -E 's/(["\\])/\\\1/g' <<<"$1"; }

up_s3() {
  local port
  port=$(port "$S3_ENDPOINT")
  mkdir -p "$run/data/s3"
  (umask 077 && cat >"$run/s3.json") <<JSON
{"identities": [{"name": "dev", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
  "credentials": [{"accessKey": "$AWS_ACCESS_KEY_ID", "secretKey": "$AWS_SECRET_ACCESS_KEY"}]}]}
JSON
  # SeaweedFS keeps each server's gRPC port 10,000 above its HTTP port.
  start s3 "$bin/weed" server -dir="$run/data/s3" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -master.port=$((port + 1)) -volume.port=$((port + 2)) -filer -filer.port=$((port + 3)) \
    -s3 -s3.port="$port" -s3.port.iceberg=0 -s3.port.lance=0 -s3.config="$run/s3.json" \
    -volume.max=50 -master.volumeSizeLimitMB=64 -master.telemetry=false
}

up_salesforce() {
  start salesforce "$programs/salesforce-simulator" --listen "${SALESFORCE_URL#http://}" \
    --public-key-file "$SALESFORCE_PUBLIC_KEY_FILE" --client-id "$SALESFORCE_CLIENT_ID" \
    --username "$SALESFORCE_USERNAME" --audience "$SALESFORCE_AUDIENCE" --seed-file deploy/dev/salesforce-seed.json
}

# Whether one of the three is at the simulator. What has no address is at OpenAI.
needs_simulator() {
  local url
  for url in "${STT_BASE_URL:-}" "${LLM_BASE_URL:-}" "${TTS_BASE_URL:-}"; do
    [ "$(address "$url")" = "$(address "$OPENAI_SIMULATOR_URL")" ] && return
  done
  return 1
}

# Hears, thinks and speaks without an account, for those of the three that are here. Its key is in its environment.
up_openai() {
  if needs_simulator; then
    start openai "$programs/openai-simulator" --listen "$(address "$OPENAI_SIMULATOR_URL")" --persona "${AGENT_PERSONA:-agent/personas/pandadoc-trial.toml}"
  else
    stop openai
  fi
}

up() {
  mkdir -p "$run/log" "$run/data"
  [ -f "$run/env" ] || write_env
  read_env
  complete_env
  up_livekit
  up_nats
  up_s3
  up_salesforce
  up_openai
  ready livekit answers "http${LIVEKIT_URL#ws}"
  ready nats nats_answers
  ready s3 answers "$S3_ENDPOINT/healthz"
  ready salesforce answers "$SALESFORCE_URL/healthz"
  ! needs_simulator || ready openai answers "http://$(address "$OPENAI_SIMULATOR_URL")/healthz"
  # The operator's part, with an operator's rights: streams, consumers, bucket.
  "$programs/sink-s3" setup --create-bucket >>"$run/log/setup.log" 2>&1 || fail "sink-s3 setup did not work; see .run/log/setup.log"
  "$programs/sink-salesforce" setup >>"$run/log/setup.log" 2>&1 || fail "sink-salesforce setup did not work; see .run/log/setup.log"
  start sink-s3 "$programs/sink-s3" run
  start sink-salesforce "$programs/sink-salesforce" run
  start agent "$programs/agent" dev
  start web "$programs/web"
  ready sink-s3 answers "http://$SINK_S3_HTTP/readyz"
  ready sink-salesforce answers "http://$SINK_SALESFORCE_HTTP/readyz"
  ready agent answers "http://$AGENT_HTTP/readyz"
  ready web answers "http://$WEB_OPERATIONS_HTTP/readyz"
}

nats_answers() { exec 3<>"/dev/tcp/127.0.0.1/$(port "$NATS_URL")"; }

# stop NAME: nothing happens where it does not run.
stop() {
  local name=$1 pid deadline
  if running "$name"; then
    pid=$(pid_of "$name")
    printf '  stopping %s\n' "$name"
    # It may end by itself at this moment.
    kill -TERM "$pid" 2>/dev/null || true
    deadline=$((SECONDS + 30))
    while running "$name" && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
    ! running "$name" || kill -KILL "$pid" 2>/dev/null || true
    while running "$name"; do sleep 0.05; done
  fi
  rm -f "$run/$name".{pid,exe,settings}
}

# Ends our programs first, so that they drain into servers that still run.
down() {
  local name
  for name in web agent sink-s3 sink-salesforce openai salesforce s3 nats livekit; do
    stop "$name"
  done
}

status() {
  local name
  [ -f "$run/env" ] || fail "nothing was started yet: run «make up»"
  read_env
  complete_env
  for name in "${names[@]}"; do
    if running "$name"; then
      printf '  %-16s up, pid %s\n' "$name" "$(pid_of "$name")"
    elif [ "$name" = openai ] && ! needs_simulator; then
      printf '  %-16s not needed: others hear, think and speak\n' "$name"
    else
      printf '  %-16s down\n' "$name"
    fi
  done
  cat <<TEXT

  The page              $WEB_URL
  Salesforce Leads      $SALESFORCE_URL
  Addresses and keys    .run/env
  Logs                  .run/log/
  Stop                  make down
TEXT
}

case ${1:-} in
  up | down | status) "$1" ;;
  *) fail "usage: stack.sh up | down | status" ;;
esac
