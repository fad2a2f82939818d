#!/bin/sh
# The realtime console's own audio library in Chromium, always talking, without the console's page around it.
# Wants BENCH_SERVER, BENCH_REALTIME_CONSOLE (a checkout of the console's branch `websockets`) and an X server.
set -eu

fail() { echo "$*" >&2; exit 1; }

library=${BENCH_REALTIME_CONSOLE:-}/src/lib/wavtools
[ -f "$library/index.js" ] ||
  fail "BENCH_REALTIME_CONSOLE is not a checkout of github.com/openai/openai-realtime-console, branch websockets"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || fail "there is no Chromium"

site=$(mktemp -d)
cp bench/peers/browser_console.html "$site/index.html"
cp -R "$library" "$site/wavtools"
# In a subshell, so that the browser does not count as its parent, and its memory is not the browser's.
(python3 -u -m http.server --bind 127.0.0.1 --directory "$site" 0 >"$site.log" 2>&1 &)
port=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  port=$(sed -nE 's/.* port ([0-9]+) .*/\1/p' "$site.log")
  [ -z "$port" ] || break
  sleep 0.5
done
[ -n "$port" ] || fail "the page cannot be served: $(cat "$site.log")"

# Chromium does not run as root inside its sandbox.
[ "$(id -u)" != 0 ] || set -- --no-sandbox
exec "$browser" "$@" --user-data-dir="$site.profile" --no-first-run --disable-gpu --disable-sync \
  --disable-background-networking --disable-component-update --use-fake-ui-for-media-stream \
  --autoplay-policy=no-user-gesture-required "http://127.0.0.1:$port/?server=$BENCH_SERVER" 2>"$site.browser"
