#!/bin/sh
# LiteLLM's proxy as it is on PyPI. Wants BENCH_PORT, BENCH_UPSTREAM and BENCH_LITELLM (a virtual environment with
# `pip install 'litellm[proxy]'`).
set -eu

program=${BENCH_LITELLM:-}/bin/litellm
[ -x "$program" ] || { echo "BENCH_LITELLM is not a virtual environment with litellm[proxy]" >&2; exit 1; }

settings=$(mktemp)
cat >"$settings" <<END
model_list:
  - model_name: custom/m
    litellm_params: { model: openai/m, api_base: "$BENCH_UPSTREAM", api_key: none }
general_settings: { master_key: sk-bench }
END
# Nothing is fetched, and nothing is told to anybody.
export LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_MODE=PRODUCTION LITELLM_LOG=ERROR
exec "$program" --config "$settings" --host 127.0.0.1 --port "$BENCH_PORT" --telemetry False
