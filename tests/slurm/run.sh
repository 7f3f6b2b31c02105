#!/usr/bin/env bash
# Runs deploy/slurm/sweep.sbatch on a Slurm of one node and compares the merged
# result with a plain run, byte for byte. Starts and stops its own munge and Slurm
# (Debian: slurm-wlm, munge); says that it skips where they cannot be had.
#
#   tests/slurm/run.sh [path of the herdsim binary]
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() { echo "slurm: skipped, $1"; exit 0; }
[ "$(uname -s)" = Linux ] || skip "not on Linux"
[ "$(id -u)" = 0 ] || skip "starting Slurm's daemons needs root"
if ! command -v slurmctld slurmd munged >/dev/null 2>&1; then
    command -v apt-get >/dev/null || skip "slurm-wlm and munge are not installed"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends slurm-wlm munge; } >/dev/null 2>&1 ||
        skip "slurm-wlm and munge cannot be installed"
fi

binary=$(realpath "${1:-target/release/herdsim}")
[ -x "$binary" ] || { echo "slurm: no binary at $binary" >&2; exit 1; }
work=$(mktemp -d)
pids=()
stop() {
    # The daemons, and nothing of theirs left behind.
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT

host=$(hostname -s)
mkdir -p "$work"/{spool,state,munge,bin}
ln -s "$binary" "$work/bin/herdsim"
dd if=/dev/urandom of="$work/munge/key" bs=1024 count=1 status=none
chmod 700 "$work/munge"; chmod 600 "$work/munge/key"
munged --foreground --force --key-file="$work/munge/key" --socket="$work/munge/socket" \
    --pid-file="$work/munge/pid" --log-file="$work/munge/log" --seed-file="$work/munge/seed" 2>/dev/null &
pids+=($!)
cat >"$work/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=36817
SlurmdPort=36818
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
CONF
export SLURM_CONF="$work/slurm.conf"
slurmctld -D >"$work/slurmctld.log" 2>&1 & pids+=($!)
slurmd -D >"$work/slurmd.log" 2>&1 & pids+=($!)
ready=
for _ in $(seq 60); do
    sinfo -h -o %t 2>/dev/null | grep -qE 'idle|mix|alloc' && { ready=1; break; }
    sleep 0.5
done
if [ -z "$ready" ]; then
    tail -n 5 "$work"/slurm*.log >&2 || true
    skip "Slurm does not come up on this machine"
fi

cat >"$work/grid.toml" <<'GRID'
name = "slurm"
faults = ["crash@2s+1s"]
compare = ["fixed", "budget"]
run = { replications = 2, warmup = "1s", horizon = "12s" }
callers = { count = 100, clients = 5 }
service = { servers = 2, queue = 200 }
[sweep]
"service.queue" = { from = 10, to = 400, points = 5, scale = "log" }
"callers.rate" = ["0.3/s", "0.6/s", "0.9/s"]
GRID
export HERDSIM_OUT="$work/array" PATH="$work/bin:$PATH"
job=$(sbatch --parsable --array=1-7%2 --cpus-per-task=1 --output="$work/task-%a.log" \
    deploy/slurm/sweep.sbatch "$work/grid.toml")
for _ in $(seq 240); do
    [ -z "$(squeue -h -j "$job" 2>/dev/null)" ] && break
    sleep 0.5
done
if [ "$(ls -d "$work"/array/slurm.shard-*-of-7 2>/dev/null | wc -l)" != 7 ]; then
    tail -n 5 "$work"/task-*.log "$work"/slurm*.log >&2 || true
    echo "slurm: not all tasks of the array left their share" >&2
    exit 1
fi
bash deploy/slurm/sweep.sbatch merge slurm >/dev/null
herdsim sweep "$work/grid.toml" --out "$work/plain" --quiet >/dev/null
diff -r "$work/array/slurm" "$work/plain/slurm"
echo "slurm: 7 tasks of an array, merged, are the same bytes as a plain run"
