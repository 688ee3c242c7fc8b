#!/usr/bin/env bash
# Runs the whole suite N times, every second time beside a load that keeps all cores busy, and shows what failed how often.
# Ends with 1 where anything failed even once: a test that is right most of the time is a fault. `make test-flaky` calls it.
# Usage: flaky.sh N
set -uo pipefail
cd "$(dirname "$0")/.."

readonly runs=${1:?usage: flaky.sh N} folder=.run/flaky
# A suite takes some twenty minutes; one that hangs is ended, and has failed.
readonly limit=60m
rm -rf "$folder"
mkdir -p "$folder"
cores=$(nproc)

load='' suite=''
end_load() {
  [ -z "$load" ] || kill "$load" 2>/dev/null
  load=''
}
# Ctrl-C reaches only this script: the suite has a process group of its own, by which `timeout` ends all of it.
end_all() {
  [ -z "$suite" ] || kill "$suite" 2>/dev/null
  end_load
}
trap end_all EXIT
trap 'exit 130' INT TERM

# failures LOG: the tests that failed, one a line, each behind its binary as cargo names it.
failures() {
  awk -F '`' '
    function tell(binary,   number) {
      for (number = 0; number < count; number++) print binary ": " failed[number]
      if (count == 0) print binary ": ended before its tests did"
      count = 0
    }
    /^test .* \.\.\. FAILED$/ { gsub(/^test | \.\.\. FAILED$/, ""); failed[count++] = $0 }
    /^error: test failed, to rerun pass/ { tell($2) }
    /^error: could not compile/ { print }
    END { if (count > 0) tell("the last binary") }
  ' "$1"
}

for run in $(seq "$runs"); do
  kind=quiet
  if [ $((run % 2)) = 0 ]; then
    kind=loaded
    stress-ng --quiet --cpu "$cores" --timeout "$limit" &
    load=$!
  fi
  log=$folder/$run-$kind.log
  SECONDS=0
  timeout --signal=INT --kill-after=60 "$limit" cargo test --workspace --no-fail-fast >"$log" 2>&1 &
  suite=$!
  wait "$suite"
  status=$?
  suite=''
  end_load
  found=$(failures "$log")
  [ "$status" = 0 ] || [ -n "$found" ] || found="cargo test ended with $status: see $log"
  printf '%s' "${found:+$found$'\n'}" | sed "s/^/$kind\t/" >>"$folder/failed"
  printf 'run %2d of %d, %-6s %4d s: %s\n' "$run" "$runs" "$kind" "$SECONDS" "$([ "$status" = 0 ] && echo passed || echo FAILED)"
done

quiet=$(((runs + 1) / 2)) loaded=$((runs / 2))
if [ ! -s "$folder/failed" ]; then
  printf '\nNothing failed in %d quiet and %d loaded runs.\n' "$quiet" "$loaded"
  exit 0
fi
printf '\n%8s %8s  what failed\n' "of $quiet" "of $loaded"
awk -F '\t' '
  { all[$2] = 1; count[$1, $2]++ }
  END { for (name in all) printf "%8d %8d  %s\n", count["quiet", name], count["loaded", name], name }
' "$folder/failed" | sort -k3
printf '\nThe logs are in %s.\n' "$folder"
exit 1
