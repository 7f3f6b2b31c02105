#!/usr/bin/env bash
# Times the workload H of benches/herd.rs in other discrete-event simulators and in herdsim,
# on one core, and fails if one counts other calls, attempts or refusals than herdsim does.
# Installs the peers for itself, in a directory that it removes; says which ones it skips.
set -euo pipefail
export LC_ALL=C
here="$(cd "$(dirname "$0")" && pwd)"
directory="$(mktemp -d)"
trap 'rm -rf "$directory"' EXIT
target="${CARGO_TARGET_DIR:-$directory/target}"
log="$directory/log"
lines="$directory/lines"

# Keeps the line that a command prints for a name.
keep() {
    local name="$1"
    shift
    "$@" 2> "$log" | grep "^$name," >> "$lines"
}

# Says that a peer is skipped, why, and the last that was heard of it.
skip() {
    echo "skipped: $1: $2: $(grep -v '^ *$' "$log" | tail -n 1)"
}

# One run of herdsim's own; they come between the peers', so that a noisy machine disturbs
# all alike.
herdsim() {
    if ! keep herdsim cargo bench --quiet --manifest-path "$here/../../Cargo.toml" \
        --bench herd -- --only H; then
        cat "$log"
        echo "herdsim's own H did not run"
        exit 1
    fi
}

# Three runs of a peer in Rust: its name and its binary.
rust() {
    keep "$1" cargo run --quiet --release --locked --manifest-path "$here/rust/Cargo.toml" \
        --target-dir "$target" --bin "$2" -- 3 || skip "$1" "it did not build or run"
}

simpy() {
    local python="$directory/venv/bin/python"
    if ! python3 -m venv "$directory/venv" > "$log" 2>&1; then
        skip simpy "no virtual environment"
    elif ! "$python" -m pip install --quiet --disable-pip-version-check "simpy==4.1.*" \
        > "$log" 2>&1; then
        skip simpy "not installed"
    else
        keep simpy "$python" "$here/simpy_h.py" 1 || skip simpy "it did not run"
    fi
}

herdsim
rust nexosim nexosim_h
herdsim
rust simu-des simu_des_h
herdsim
simpy

# Several lines of one name make one: the median of the times and the means of the counts.
sort -t , -k 1,1 -k 2,2g "$lines" | awk -F , '
    function like(a, b) { return a <= 1.02 * b && a >= 0.98 * b }
    {
        time[$1, ++n[$1]] = $2
        for (i = 3; i <= 5; i++) count[$1, i] += $i
    }
    END {
        for (name in n) {
            seconds[name] = time[name, int((n[name] + 1) / 2)]
            for (i = 3; i <= 5; i++) count[name, i] /= n[name]
        }
        row = "%-10s %12s %10s %10s %10s %9s\n"
        printf row, "peer", "seconds/run", "x herdsim", "calls", "attempts", "refused"
        split("herdsim nexosim simu-des simpy", order, " ")
        for (k = 1; k in order; k++) {
            name = order[k]
            if (!(name in n)) continue
            printf row, name, sprintf("%.4f", seconds[name]),
                sprintf("%.1f", seconds[name] / seconds["herdsim"]),
                sprintf("%.0f", count[name, 3]), sprintf("%.0f", count[name, 4]),
                sprintf("%.0f", count[name, 5])
            for (i = 3; i <= 5; i++)
                if (!like(count[name, i], count["herdsim", i])) differs[name]
            if (name in differs) other = other " " name
        }
        if (other) {
            print "counts differ by more than 2%, of another model:" other
            exit 1
        }
    }'
