#!/usr/bin/env bash
# Counts the instructions of a replication of small workloads, which does not depend on the
# machine's mood, and fails if one takes more than 3% more than instructions.txt says.
# With --update it writes that file. Needs valgrind, and the compiler that it was written
# with; says so where it skips.
set -euo pipefail
cd "$(dirname "$0")"
expected="instructions.txt"
compiler="$(rustc --version)"

if ! command -v valgrind > /dev/null; then
    (sudo -n apt-get install -y valgrind || apt-get install -y valgrind) > /dev/null 2>&1 || true
fi
if ! command -v valgrind > /dev/null; then
    echo "skipped: there is no valgrind to count instructions with"
    exit 0
fi
known="$(sed -n 's/^# //p' "$expected" 2> /dev/null || true)"
if [ "${1:-}" != "--update" ] && [ "$known" != "$compiler" ]; then
    echo "skipped: instructions were counted with $known, this is $compiler"
    exit 0
fi
binary="$(cargo bench --quiet --bench instructions --no-run --message-format=json \
    | sed -n 's/.*"name":"instructions".*"executable":"\([^"]*\)".*/\1/p' | tail -1)"

# What so many replications of a workload take.
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$1" "$2" 2>&1 \
        | sed -n 's/.*Collected : \([0-9]*\)/\1/p'
}

lines="# $compiler"
failed=0
for workload in $("$binary"); do
    # Of two replications less one, so that reading the scenario does not count.
    now=$(($(count "$workload" 2) - $(count "$workload" 1)))
    then="$(sed -n "s/^$workload //p" "$expected" 2> /dev/null || true)"
    lines="$lines"$'\n'"$workload $now"
    if [ -n "$then" ]; then
        echo "$workload: $now instructions, $((1000 * now / then - 1000)) per mille more than $then"
        if [ $((100 * now)) -gt $((103 * then)) ]; then
            echo "FAILED: $workload takes more than 3% more instructions"
            failed=1
        fi
    else
        echo "$workload: $now instructions"
    fi
done
if [ "${1:-}" = "--update" ]; then
    echo "$lines" > "$expected"
    exit 0
fi
exit "$failed"
