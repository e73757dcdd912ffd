# What tools/demo shows: the live line, and at the end the comparison of the totals. Sourced after parts.sh.
# shellcheck shell=bash disable=SC2154

# One long-lived session for looks that cost nothing: SELECT only.
open_session() {
  coproc looker { exec setsid psql -XqAt -F ' ' -v ON_ERROR_STOP=1 "$owner_conninfo" 2>>"$work/psql.log"; }
  session_pid=$looker_PID
}

look() {
  printf '%s\n' "SELECT coalesce(sum(records), 0), coalesce(sum(inserted), 0),
    coalesce(sum(duplicates), 0), coalesce(sum(dead_lettered), 0), coalesce(sum(skipped), 0)
    FROM usage_ingest.kafka_offsets;" >&"${looker[1]}"
  read -r ingested rows duplicates dead skipped <&"${looker[0]}"
}

with_commas() {
  local number=$1
  while [[ $number =~ ^([0-9]+)([0-9]{3})(.*)$ ]]; do
    number=${BASH_REMATCH[1]},${BASH_REMATCH[2]}${BASH_REMATCH[3]}
  done
  printf '%s' "$number"
}

bar() {  # of 20 cells, for $1 of $2
  local full=$(($1 * 20 / $2)) cells=''
  for ((i = 0; i < 20; ++i)); do ((i < full)) && cells+='█' || cells+='░'; done
  printf '%s %3d %%  ' "$cells" $(($1 * 100 / $2))
}

show() {
  local progress=''
  if ((events > 0)); then progress=$(bar "$ingested" "$events"); fi
  printf '%s%8s/s  lag %s  rows %s  duplicates %s  dead letters %s  skipped %s' "$progress" \
    "$(with_commas "$speed")" "$(with_commas $((sent > ingested ? sent - ingested : 0)))" \
    "$(with_commas "$rows")" "$(with_commas "$duplicates")" "$(with_commas "$dead")" \
    "$(with_commas "$skipped")"
}

check_children() {
  is_running "$daemon_pid" || fail "usage-ingestd ended by itself"
  is_running "$broker_pid" || fail "the embedded broker ended by itself"
}

all_ingested() { ! is_running "$generator_pid" && ((ingested >= sent)); }

# Runs until Ctrl-C, or with --exit until everything is ingested.
watch_progress() {
  local before=0 before_ms now_ms pause=0.4 erase='\r\e[K' end=''
  sent=0 speed=0
  if [[ ! -t 1 ]]; then pause=2 erase='' end='\n'; fi
  open_session
  before_ms=$(date +%s%3N)
  while ! $interrupted; do
    sleep "$pause" || true
    [[ -s $work/sent ]] && read -r sent _ <"$work/sent"
    look
    now_ms=$(date +%s%3N)
    speed=$(((ingested - before) * 1000 / (now_ms - before_ms)))
    before=$ingested before_ms=$now_ms
    printf '%b%s%b' "$erase" "$(show)" "$end"
    check_children
    if $exit_when_done && all_ingested; then break; fi
  done
  [[ -t 1 ]] && printf '\n'
  interrupted=false  # a second Ctrl-C interrupts the wait for the rest
}

# The generator has ended and said what it sent; the daemon may still have some of it before it.
wait_for_daemon() {
  local deadline=$((SECONDS + 60))
  read -r sent _ <"$work/sent"
  look
  while ((ingested < sent)); do
    check_children
    ((SECONDS < deadline)) || { say "some events were not ingested within a minute"; break; }
    $interrupted && break
    sleep 0.2 || true
    look
  done
  kill "$session_pid" 2>/dev/null || true
}

check_totals() {
  local matches=true what expected found is_equal line
  psql -XqAt -F $'\t' -v ON_ERROR_STOP=1 -v report="$(<"$work/report.json")" \
    -f "$root/bench/demo/totals.sql" "$owner_conninfo" <"$work/quotas.csv" >"$work/totals.tsv" ||
    fail "the totals could not be read"
  printf '\n%-44s %20s %20s\n' '' 'produced' 'in PostgreSQL'
  while IFS=$'\t' read -r what expected found is_equal; do
    line=ok
    if [[ $is_equal != t ]]; then line='DIFFERS' matches=false; fi
    printf '%-44s %20s %20s  %s\n' "$what" "$(with_commas "$expected")" "$(with_commas "$found")" \
      "$line"
  done <"$work/totals.tsv"
  echo
  $matches || fail "the totals do not match"
  say "the totals match"
}
