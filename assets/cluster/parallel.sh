#!/bin/sh
# One search over many machines with GNU parallel: each job one shard, all of them into one shared folder.
#
#   MACHINES=nodes.txt assets/cluster/parallel.sh 8 pairs.jsonl out --scorer http://gpu1:8000
#
# 8 is the number of shards; nodes.txt names a machine a line, as ssh knows it, and the paths must be the same on all
# of them. Without it all shards run here, JOBS of them at a time. The same command again goes on where it stopped.
# `retrace out` in any terminal that sees the folder shows the jobs on its batch screen.
set -eu
shards=$1
pairs=$2
into=$3
shift 3

where=--jobs=${JOBS:-2}
if [ -n "${MACHINES:-}" ]; then
    where=--sshloginfile=$MACHINES
fi
# A job that is ended has two minutes to end its searches in order.
seq 0 $((shards - 1)) |
    parallel --quote --workdir=. --tag --line-buffer --termseq=TERM,120000,KILL,25 "$where" \
        retrace search "$pairs" --into "$into" --shard "{}/$shards" "$@"
