#!/usr/bin/env bash
# Throughput, latency, fail-over, idle cost, the price of the disk and of readers: three peers on loopback, as a table.
# PEER_BENCH=throughput,latency,failover,idle,fsync,resume,readers picks some, PEER_BENCH=hundred measures a hundred peers;
# PEER_BENCH_READINGS=n is what each peer is fed (300000).
# PEER_BENCH_CLOSED=1 gives the peers a key.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo bench --quiet --bench loopback
