#!/usr/bin/env bash
# Records every file that the shipped scenarios leave, of every kind of run, with what
# they print: for holding a change that should change nothing to that.
#
#   tests/record.sh HERDSIM DIR     # with the binary before the change, and after it
#   diff -r DIR-before DIR-after
set -euo pipefail
herdsim=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
configs=$(realpath "$(dirname "$0")/../configs")
cd "$out"

# run NAME ARGUMENTS…: what it prints and its exit status go beside its files.
run() {
    local name=$1 status=0
    shift
    "$herdsim" "$@" >"$name.stdout" 2>"$name.stderr" || status=$?
    echo "$status" >"$name.status"
}

for config in "$configs"/*.toml; do
    name=$(basename "$config" .toml)
    if grep -q '^\[sweep\]' "$config"; then
        run "$name" sweep "$config" --name "$name"
    else
        run "$name" run "$config" --name "$name"
    fi
done
for format in json csv markdown; do
    for name in blip chain fence saga quorum-cluster; do
        run "$name-$format" run "$configs/$name.toml" --name "$name-$format" --no-charts --format "$format"
    done
    run "retry-grid-$format" sweep "$configs/retry-grid.toml" --name "retry-grid-$format" \
        --no-charts --format "$format" --set run.replications=1
done
run default --theme dark --name default
run precision --name precision --set run.precision=1% --callers 500 --set service.servers=10 --no-charts
run vary-fence fence --vary 'fence.ttl=5s,10s,20s' --name vary-fence
run vary-quorum quorum --vary 'cluster.down=0,1%,5%' --name vary-quorum
for command in '' herd quorum fence saga run sweep merge report policies; do
    run "help-${command:-all}" $command --help
done
run policies policies
run policies-grpc policies grpc
# A run as the baseline of another, with conditions on values and on changes.
for name in blip fence saga quorum-cluster; do
    run "$name-against" run "$configs/$name.toml" --name "$name-against" --set run.seed=2 \
        --baseline "out/$name/result.json" --junit "$name.xml"
done
run conditions run "$configs/blip.toml" --name conditions --baseline out/blip \
    --assert 'budget.recovery_s < 5' --assert 'success_ratio > 95%' \
    --assert 'attempts_per_call.change < 5%' --junit conditions.xml
# Shards and their merge; then everything rebuilt from its files.
for shard in 1 2 3; do
    run "shard-$shard" sweep "$configs/retry-grid.toml" --shard "$shard/3" --name shards --no-charts
done
run merge merge out/shards.shard-* --out merged
for name in blip chain fence saga quorum-cluster retry-grid; do
    rm -rf "rebuilt-$name"
    cp -r "out/$name" "rebuilt-$name"
    rm -f "rebuilt-$name"/*.png "rebuilt-$name"/*.svg "rebuilt-$name"/*.md "rebuilt-$name"/*.html
    run "report-$name" report "rebuilt-$name"
done
run report-several report out/blip out/blip-against out/fence --out several
