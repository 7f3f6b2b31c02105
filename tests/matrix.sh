#!/usr/bin/env bash
# The same bytes from every build on every number of threads, for every kind of run.
#
#   tests/matrix.sh target/debug/herdsim target/release/herdsim
set -euo pipefail
builds=("$@")
[ ${#builds[@]} -gt 0 ] || { echo "which binaries?"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each kind once, small: its arguments.
kinds=(
    "run configs/blip.toml --replications 4"
    "run configs/chain.toml --replications 3"
    "run configs/bad-host.toml --replications 3"
    "run configs/order-refund.toml --replications 3"
    "run configs/way-out.toml --replications 2"
    "run configs/blip.toml --replications 4 --engine events"
    "fence --replications 20k"
    "saga --replications 20k"
    "quorum --replications 5k"
    "run configs/quorum-cluster.toml --replications 5k"
    "run configs/retry-grid.toml --replications 2 --set callers.count=500 --set service.servers=10"
    "edge --find theory,crash --set callers.count=500 --set service.servers=10 --set service.queue=500"
    "audit tests/audit/fixtures --read-only --format json" # the screen says how long it took
)

sums() {
    (cd "$1" && find . -type f | LC_ALL=C sort | xargs -d '\n' sha256sum)
}

failures=0
for i in "${!kinds[@]}"; do
    first=
    for build in "${builds[@]}"; do
        for threads in 1 2 3 8; do
            out="$work/$i"
            rm -rf "$out" && mkdir "$out"
            # shellcheck disable=SC2086
            "$build" ${kinds[$i]} --threads "$threads" --quiet --out "$out" > "$work/screen" 2> "$work/said" ||
                { echo "FAILED: ${kinds[$i]}: $(cat "$work/said")"; exit 1; }
            now="$(sums "$out") $(sha256sum < "$work/screen")"
            if [ -z "$first" ]; then
                first=$now
                of="$build, $threads threads"
            elif [ "$first" != "$now" ]; then
                echo "FAILED: ${kinds[$i]}: $build on $threads threads differs from $of"
                diff <(echo "$first") <(echo "$now") | head -6
                failures=$((failures + 1))
            fi
        done
    done
done
[ $failures -eq 0 ]
echo "${#kinds[@]} kinds of runs on 1, 2, 3 and 8 threads of ${#builds[@]} builds: the same bytes"
