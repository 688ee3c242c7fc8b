#!/usr/bin/env bash
# Calls what reads bytes from outside with any bytes, under libFuzzer and AddressSanitizer.
# Usage: run.sh SECONDS all | TARGET...       each target for so long, one after the other; ends with 1 where something is found
#        run.sh --input FILE TARGET           one target with one file, as often as it takes to see why it fails
set -euo pipefail
cd "$(dirname "$0")"
# Sanitizers are behind a switch that the stable compiler has as well.
export RUSTC_BOOTSTRAP=1

fuzz() {
  local target=$1
  shift
  local options=(-max_len=8192 -timeout=20 -rss_limit_mb=2048)
  [ ! -f "dictionaries/$target.dict" ] || options+=("-dict=dictionaries/$target.dict")
  cargo fuzz run --fuzz-dir . "$target" "$@" "${options[@]}"
}

# What is fuzzed has the dependencies of what is shipped.
cp ../Cargo.lock Cargo.lock

if [ "$1" = --input ]; then
  [ -f "$2" ] || { echo "run.sh: there is no file $2" >&2; exit 2; }
  fuzz "$3" "$2" --
  exit
fi

seconds=$1
shift
targets=("$@")
[ "$*" != all ] || mapfile -t targets < <(cargo fuzz list --fuzz-dir .)
found=()
for target in "${targets[@]}"; do
  [ -f "targets/$target.rs" ] || { echo "run.sh: there is no $target in fuzz/targets" >&2; exit 2; }
  echo "== $target"
  # New inputs are kept in the first folder, so that the next run goes on where this one ends.
  mkdir -p "corpus/$target"
  fuzz "$target" "corpus/$target" "seeds/$target" -- "-max_total_time=$seconds" -print_final_stats=1 || found+=("$target")
done

[ ${#found[@]} -gt 0 ] || exit 0
echo
for target in "${found[@]}"; do
  # Without a file it was not built.
  for file in "artifacts/$target"/*; do
    [ ! -f "$file" ] || echo "found in $target: make fuzz TARGET=$target INPUT=fuzz/$file"
  done
done
echo "failed: ${found[*]}"
exit 1
