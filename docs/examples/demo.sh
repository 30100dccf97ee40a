#!/usr/bin/env bash
# weir at work: import, replay, query, kill -9 and reopen, stats. Leaves nothing behind.
#
# Usage: demo.sh BUILD_DIR     (make demo builds and calls it)
set -euo pipefail

bin=$(cd "$1/bin" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/weir-demo.XXXXXX")
writer=
trap '[ -z "$writer" ] || kill -9 "$writer" 2>/dev/null || true; rm -rf "$work"' EXIT
data=$work/data

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
weir() {
  printf '$ weir %s\n' "${*//$work\//}"
  "$bin/weir" "$@"
}

# 20,000 events of 5,000 orders in the course of 2024, the same ones every time.
sample() {
  awk 'function random(n) { seed = (seed * 69069 + 1) % 4294967296; return int(seed / 65536) % n }
       function event(type, payload) {
         printf "{\"context_id\":\"order-%d\",\"event_type\":\"%s\",\"timestamp\":%.0f,\"payload\":{%s}}\n",
           order, type, time, payload
       }
       BEGIN {
         seed = 42; split("DE FR IT NL PL", countries, " "); split("card invoice transfer", methods, " ")
         split("damaged late unwanted", reasons, " ")
         for (order = 1; order <= 5000; ++order) {
           time = 1704067200000 + order * 6000000; total = 5 + random(995)
           event("order_placed", sprintf("\"total\":%d,\"country\":\"%s\",\"items\":%d", total,
             countries[1 + random(5)], 1 + random(9)))
           time += 1000 * random(600); event("order_paid", "\"method\":\"" methods[1 + random(3)] "\"")
           time += 100000 * random(600); event("order_shipped", "\"parcels\":" 1 + random(3))
           time += 100000 * random(600)
           if (random(10) == 0) event("order_returned", "\"reason\":\"" reasons[1 + random(3)] "\"")
           else event("order_received", "\"rating\":" 1 + random(5))
         }
       }'
}

title "Import 20,000 events of 5,000 orders, every one durable"
sample >"$work/orders.jsonl"
head -n 1 "$work/orders.jsonl"
weir import "$data" "$work/orders.jsonl"

title "Replay one context: the life of order 42"
weir replay "$data" order-42 --format table

title "Query: how many events of each type"
weir query "$data" 'QUERY * COUNT BY event_type ORDER BY count DESC' --format table

title "Query: where the large orders of the first half of 2024 come from"
weir query "$data" 'QUERY order_placed SINCE "2024-01-01T00:00:00Z" UNTIL "2024-07-01T00:00:00Z"
  WHERE payload.total >= 900 COUNT BY payload.country ORDER BY count DESC' --format table

title "Query: the latest goods that came back late or damaged"
weir query "$data" 'QUERY order_returned WHERE payload.reason IN ("late", "damaged")
  RETURN context_id, timestamp, payload.reason ORDER BY timestamp DESC LIMIT 5' --format table

title "kill -9 a process that stores from four threads, and reopen"
"$bin/example_acknowledged_writer" "$data" >"$work/acknowledged" &
writer=$!
while [ "$(wc -l <"$work/acknowledged")" -lt 2000 ]; do
  kill -0 "$writer" || { echo "the writer ended by itself" && exit 1; }
  sleep 0.05
done
kill -9 "$writer"
wait "$writer" 2>/dev/null || true
writer=
for context in meter-{1..4}; do
  "$bin/weir" replay "$data" "$context" --format jsonl |
    sed -n 's/.*"context_id":"\([^"]*\)".*"sequence":\([0-9]*\).*/\1 \2/p'
done >"$work/found"
acknowledged=$(wc -l <"$work/acknowledged")
missing=$(sort "$work/acknowledged" | comm -23 - <(sort -u "$work/found") | wc -l)
twice=$(sort "$work/found" | uniq -d | wc -l)
echo "acknowledged before the kill:  $acknowledged"
echo "found after reopening:         $(wc -l <"$work/found") (some were stored, but died before they could say so)"
echo "acknowledged and missing:      $missing"
echo "found twice:                   $twice"
[ "$missing" -eq 0 ] && [ "$twice" -eq 0 ] || { echo "THIS MUST NOT HAPPEN" && exit 1; }
echo "Every acknowledged event is there."

title "Stats"
weir flush "$data"
weir stats "$data" --format table
