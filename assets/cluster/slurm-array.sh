#!/bin/sh
# One search over many machines: a SLURM array, each task one shard, all of them into one shared folder.
#
#   sbatch --array=0-7 assets/cluster/slurm-array.sh 8 pairs.jsonl out --scorer http://gpu1:8000
#
# 8 is the number of shards: tasks are numbered from 0, and a part of them can be given again (--array=3,5) with the
# same 8. The same command after a failure or a time limit goes on at the step where each task stopped.
# `retrace out` in any terminal that sees the folder shows the tasks on its batch screen.
#
#SBATCH --job-name=retrace
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
#SBATCH --time=24:00:00
#SBATCH --output=retrace-%A-%a.log
#SBATCH --open-mode=append
# Two minutes before the time is up, so that every search ends in order.
#SBATCH --signal=B:TERM@120
set -eu
shards=$1
pairs=$2
into=$3
shift 3

# In place of the shell, so that the signal reaches it.
exec retrace search "$pairs" --into "$into" --shard "$SLURM_ARRAY_TASK_ID/$shards" "$@"
