#!/bin/sh
# Portkey's gateway as it is on npm. Wants BENCH_PORT and BENCH_PORTKEY (a folder with `npm install @portkey-ai/gateway`).
set -eu

program=${BENCH_PORTKEY:-}/node_modules/@portkey-ai/gateway/build/start-server.js
[ -f "$program" ] || { echo "BENCH_PORTKEY is not a folder with npm's @portkey-ai/gateway" >&2; exit 1; }

# The provider is named by each question.
export NODE_ENV=production
exec node "$program" "--port=$BENCH_PORT" --headless
