#!/usr/bin/env bash
# What the machine does to a run: signals at random moments, full and vanishing disks, closed
# pipes, odd environments, names and limits. Each case and its outcome: docs/reliability.md.
#
#   tests/faults/run.sh target/debug/herdsim [ROUNDS]
set -uo pipefail
herdsim=$(realpath "${1:?the binary}")
rounds=${2:-50}
work=$(mktemp -d)
trap 'umount "$work"/disk "$work"/ro 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
cases=0 failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# Says which statuses are right, and that nobody panicked: expect WHAT STATUS ALLOWED... < STDERR
expect() {
    local what=$1 status=$2 said
    shift 2
    cases=$((cases + 1))
    said=$(cat)
    [[ " $* " == *" $status "* ]] || fail "$what: status $status, not one of: $* ($said)"
    [[ $said != *panicked* && $said != *overflow* ]] || fail "$what: $said"
}

# A directory of results is whole or not there.
whole() {
    local what=$1 place=$2
    [[ -e $place ]] || return 0
    "$herdsim" report "$place" > /dev/null 2> said || fail "$what: half of $place ($(cat said))"
}

# Nothing in the making is left.
clean() {
    local what=$1 left
    left=$(find out -name '.*partial*' 2> /dev/null)
    [[ -z $left ]] || fail "$what: left $left"
}

run=(run small.toml --quiet --name small --out)
sweep=(--vary "service.queue=100..1000 10" --replications 2 --quiet --name grid --out)
cat > small.toml << 'TOML'
name = "small"
compare = ["fixed", "budget"]
callers = { count = 300 }
service = { servers = 6, queue = 300 }
run = { replications = 6 }
TOML

# How long something takes, in milliseconds.
lasts() {
    local from
    from=$(date +%s%N)
    "$@" > /dev/null 2>&1
    echo $((($(date +%s%N) - from) / 1000000 + 1))
}

# Sends a signal to a command at a random moment of so many milliseconds.
hit() {
    local signal=$1 most=$2 at status
    shift 2
    at=$((RANDOM % most))
    "$herdsim" "$@" > /dev/null 2> said &
    sleep "$(printf '0.%03d' $((at % 1000)))"
    [[ $at -lt 1000 ]] || sleep $((at / 1000))
    kill -"$signal" $! 2> /dev/null
    wait $! 2> /dev/null
    status=$?
    return $status
}

"$herdsim" "${run[@]}" out > /dev/null 2>&1 || fail "a plain run"
"$herdsim" "${sweep[@]}" out > /dev/null 2>&1 || fail "a plain sweep"
cp -r out/grid plain-grid
for i in 1 2; do
    "$herdsim" "${sweep[@]}" out --shard "$i/2" > /dev/null 2>&1 || fail "shard $i"
done
of_run=$(lasts "$herdsim" "${run[@]}" out)
of_sweep=$(lasts "$herdsim" "${sweep[@]}" out --restart)
of_report=$(lasts "$herdsim" report out/small)
of_merge=$(lasts "$herdsim" merge out/grid.shard-1-of-2 out/grid.shard-2-of-2 --out out --quiet)
for signal in INT TERM KILL; do
    for _ in $(seq "$rounds"); do
        allowed="0 130"
        [[ $signal = KILL ]] && allowed="0 137"
        hit $signal "$of_run" "${run[@]}" out
        # A signal before the handler is there ends the process as it would any other.
        expect "SIG$signal in a run" $? $allowed 130 143 < said
        whole "SIG$signal in a run" out/small
        hit $signal "$of_sweep" "${sweep[@]}" out
        expect "SIG$signal in a sweep" $? $allowed 130 143 < said
        whole "SIG$signal in a sweep" out/grid
        hit $signal "$of_report" report out/small
        expect "SIG$signal in a report" $? $allowed 130 143 < said
        hit $signal "$of_merge" merge out/grid.shard-1-of-2 out/grid.shard-2-of-2 --out out --quiet
        expect "SIG$signal in a merge" $? $allowed 130 143 < said
        whole "SIG$signal in a merge" out/grid
    done
    # The next of each name goes on, and clears away.
    "$herdsim" "${run[@]}" out > /dev/null 2> said
    expect "a run after SIG$signal" $? 0 < said
    "$herdsim" "${sweep[@]}" out > /dev/null 2> said
    expect "a sweep after SIG$signal" $? 0 < said
    cmp -s out/grid/summary.csv plain-grid/summary.csv || fail "SIG$signal: another summary"
    clean "SIG$signal"
done

# Two sweeps of one name: one is done, the other refused, or done after it.
for _ in 1 2 3 4 5; do
    rm -rf out/grid out/.grid.sweep
    "$herdsim" "${sweep[@]}" out > /dev/null 2> first &
    "$herdsim" "${sweep[@]}" out > /dev/null 2> second
    b=$?
    wait $!
    a=$?
    expect "the first of two sweeps" $a 0 2 < first
    expect "the second of two sweeps" $b 0 2 < second
    [[ $a -eq 0 || $b -eq 0 ]] || fail "two sweeps: $a and $b"
    cat first second | grep -q "another sweep of that name" || [[ $a -eq 0 && $b -eq 0 ]] ||
        fail "two sweeps: $(cat first second)"
    cmp -s out/grid/summary.csv plain-grid/summary.csv || fail "two sweeps: another summary"
done

# Disks: full, read-only, gone.
mkdir disk ro
if mount -t tmpfs -o size=3m tmpfs disk 2> /dev/null; then
    "$herdsim" "${run[@]}" disk > /dev/null 2> said
    expect "a full disk" $? 1 < said
    [[ -z $(ls -A disk) ]] || fail "a full disk: left $(ls -A disk)"
    "$herdsim" "${run[@]}" disk --no-charts > /dev/null 2>&1
    before=$(cksum disk/small/summary.csv)
    "$herdsim" "${run[@]}" disk > /dev/null 2> said
    expect "a disk that fills up" $? 1 < said
    [[ $before = "$(cksum disk/small/summary.csv)" ]] || fail "the earlier run was lost"
    "$herdsim" "${sweep[@]}" disk > /dev/null 2> said
    expect "a sweep on a full disk" $? 0 1 < said
    umount disk
    mount -t tmpfs -o ro tmpfs ro
    "$herdsim" "${run[@]}" ro > /dev/null 2> said
    expect "a read-only disk" $? 1 < said
    umount ro
else
    echo "skipped: full and read-only disks take a mount, which takes root"
fi
for _ in 1 2 3 4 5; do
    mkdir -p gone
    "$herdsim" "${run[@]}" gone > /dev/null 2> said &
    sleep "0.0$((RANDOM % 10))"
    rm -rf gone
    wait $!
    expect "a directory that goes" $? 0 1 < said
    rm -rf gone
done
ln -s "$work/elsewhere" linked && mkdir elsewhere
"$herdsim" run small.toml --quiet --out . --name linked > /dev/null 2> said
expect "a link to a directory" $? 0 < said
[[ -L linked && -e elsewhere/summary.csv ]] || fail "a link to a directory: it is none any more"

# Pipes and streams.
"$herdsim" "${run[@]}" out 2> said | head -c 1 > /dev/null
expect "a reader that has had enough" "${PIPESTATUS[0]}" 0 < said
"$herdsim" "${run[@]}" out > /dev/full 2> said
expect "a full disk behind standard output" $? 1 < said
for text in --help --version "man" "schema" "policies" "completions bash"; do
    # shellcheck disable=SC2086
    "$herdsim" $text > /dev/full 2> said
    expect "$text to a full disk" $? 1 < said
done
"$herdsim" run small.toml --out out > /dev/null 2> /dev/full
expect "a full disk behind standard error" $? 0 < /dev/null
"$herdsim" run small.toml --out out > /dev/null 2>&-
expect "standard error closed" $? 0 < /dev/null
"$herdsim" run small.toml --out out -q >&- 2> said
expect "standard output closed" $? 0 1 < said
"$herdsim" run small.toml --out out -q < /dev/null > /dev/null 2> said
expect "no standard input" $? 0 < said

# Environments: the same bytes in each.
"$herdsim" "${run[@]}" plain > plain.txt 2> /dev/null
for setting in "TZ=Mars/Olympus" "TZ=Asia/Kolkata" "LC_ALL=tr_TR.UTF-8" "LC_ALL=C" "LANG=xx" \
    "NO_COLOR=" "COLUMNS=20" "COLUMNS=0" "TERM=" "RAYON_NUM_THREADS=0" "HOME=" "TMPDIR=/nowhere"; do
    env "$setting" "$herdsim" "${run[@]}" odd > odd.txt 2> said
    expect "$setting" $? 0 < said
    cmp -s plain/small/summary.csv odd/small/summary.csv || fail "$setting: another summary"
    cmp -s plain/small/report.html odd/small/report.html || fail "$setting: another report"
    cmp -s plain.txt odd.txt || fail "$setting: another table"
done
env -i "$herdsim" "${run[@]}" odd > odd.txt 2> said
expect "no environment at all" $? 0 < said
cmp -s plain.txt odd.txt || fail "no environment: another table"

# Names that a shell may give.
for name in "with space" $'a\nnew line' $'\xff\xfe' "-dash" "täglich" "a'quote" 'a"b' "%s%n"; do
    mkdir -p -- "./$name"
    cp small.toml "./$name/s.toml"
    "$herdsim" run "./$name/s.toml" --out "./$name" -q > /dev/null 2> said
    expect "a directory called $(printf %q "$name")" $? 0 < said
    [[ -e ./$name/small/summary.csv ]] || fail "nothing in $(printf %q "$name")"
    "$herdsim" audit "./$name" --read-only -q > /dev/null 2> said
    expect "an audit of $(printf %q "$name")" $? 0 < said
    "$herdsim" report "./$name/small" > /dev/null 2> said
    expect "a report of $(printf %q "$name")" $? 0 < said
done
"$herdsim" run "$(printf 'x%.0s' $(seq 5000))" > /dev/null 2> said
expect "a name of 5,000 letters" $? 2 < said

# Limits of the process. What memory cannot be had ends it at once, by an abort of the
# allocator's: nothing half is left.
for kib in 150000 400000 1000000; do
    (
        ulimit -v $kib
        "$herdsim" "${run[@]}" out --threads 2 > /dev/null 2> said
    )
    expect "$kib KiB of address space" $? 0 1 134 < said
    whole "$kib KiB of address space" out/small
done
(
    ulimit -n 24
    "$herdsim" "${run[@]}" out --threads 2 > /dev/null 2> said
)
expect "24 open files" $? 0 1 < said
"$herdsim" "${run[@]}" out > /dev/null 2> said
expect "a run after all of it" $? 0 < said
clean "all of it"

if [[ $failures -gt 0 ]]; then
    echo "$failures failures in $cases cases"
    exit 1
fi
echo "$cases cases of machine faults: each as documented"
