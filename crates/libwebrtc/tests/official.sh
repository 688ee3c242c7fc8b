#!/usr/bin/env bash
# Runs the tests of the official `livekit` crate, unmodified, over this libwebrtc and against livekit-server.
# Usage: official.sh [ARGUMENT OF CARGO TEST]...     for example: official.sh --test reconnection_test
# LIVEKIT_CRATE: the crate's folder, with its tests; by default the one that cargo has downloaded.
set -euo pipefail
cd "$(dirname "$0")/../../.."
root=$PWD

version=$(sed -n 's/^livekit = { version = "=\([^"]*\)".*/\1/p' Cargo.toml)
crate=${LIVEKIT_CRATE:-$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"livekit-$version")}
[ -d "$crate/tests" ] || { echo "official.sh: no tests in $crate; run «cargo fetch», or set LIVEKIT_CRATE" >&2; exit 1; }

# A workspace of its own, with the same versions and the same optimisation.
copy=$root/target/official-livekit
mkdir -p "$copy"
cp -r "$crate/." "$copy"
cp Cargo.lock "$copy"
{
  printf '\n[workspace]\n\n[patch.crates-io]\nlibwebrtc = { path = "%s" }\n\n' "$root/crates/libwebrtc"
  sed -n '/^\[profile/,$p' Cargo.toml
} >>"$copy/Cargo.toml"

port=${LIVEKIT_PORT:-7880}
"${POSTCALL_TOOLS:-$root/.tools}/bin/livekit-server" --dev --node-ip 127.0.0.1 \
  --config-body "{port: $port, bind_addresses: [127.0.0.1], enable_data_tracks: true, enable_participant_data_blob: true, rtc: {tcp_port: $((port + 1)), udp_port: $((port + 2))}}" \
  >"$copy/livekit-server.log" 2>&1 &
server=$!
trap 'kill $server' EXIT
export LIVEKIT_URL=ws://127.0.0.1:$port LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret

cd "$copy"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
cargo test --features default,__lk-e2e-test --no-fail-fast "$@"
