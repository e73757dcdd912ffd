# The parts that tools/demo starts and stops. Sourced; uses its variables root, build, work, topic,
# partitions, room_bytes, events, rate. Whatever is started here is stopped by clean_up.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # the variables of tools/demo

postgres_bin=$(pg_config --bindir) # Debian keeps initdb and postgres out of PATH
build_pid='' daemon_pid='' generator_pid='' broker_pid='' postgres_is_up=false

say() {
  if [[ -t 1 ]]; then printf '\e[1m==>\e[0m %s\n' "$*"; else printf '==> %s\n' "$*"; fi
}

build_release() {
  # Tests are not needed here, nor are the packages that they need. A session of its own, so that
  # all of it can be ended together.
  setsid bash -c 'cd "$1" && cmake --preset release -DBUILD_TESTING=OFF &&
    cmake --build build/release --target usage-ingestd usage-load demo_broker' build "$root" \
    </dev/null >"$work/build.log" 2>&1 &
  build_pid=$!
  if wait "$build_pid"; then
    build_pid=''
    return
  fi
  $interrupted && exit 130
  tail -n 40 "$work/build.log" >&2
  fail "the build failed"
}

free_port() {
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    # No program answers there: the port is free.
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s' "$port"
      return
    fi
  done
  fail "no free port"
}

# PostgreSQL refuses to run as root.
as_postgres() {
  if ((EUID == 0)); then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

start_postgres() {
  [[ -x $postgres_bin/initdb ]] || fail "PostgreSQL is missing: apt-get install postgresql"
  say "starting a throw-away PostgreSQL"
  chmod 755 "$work"  # user postgres goes through it
  mkdir -m 700 "$work/postgres"
  ((EUID != 0)) || chown postgres: "$work/postgres"
  as_postgres "$postgres_bin/initdb" -D "$work/postgres/data" -U postgres -A trust --no-sync \
    --encoding=UTF8 --locale=C.UTF-8 >"$work/initdb.log" || fail "initdb failed"
  # Only a socket in our own folder, so that no other program uses the server. fsync stays on.
  as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres/data" -w -s -l "$work/postgres/log" \
    -o "-c listen_addresses= -c unix_socket_directories=$work/postgres -c shared_buffers=256MB \
        -c max_wal_size=4GB" start || fail "PostgreSQL did not start"
  postgres_is_up=true
  "$postgres_bin/createdb" -h "$work/postgres" -U postgres litemaas
  owner_conninfo="host=$work/postgres user=postgres dbname=litemaas"
  conninfo="host=$work/postgres user=usage_ingest dbname=litemaas"
}

# What an operator does once: migrate as the owner, then a role for the daemon that may do no more
# than it must.
migrate() {
  local daemon=("$build/daemon/usage-ingestd" --config "$work/config.toml")
  USAGE_INGEST_POSTGRES_CONNINFO=$owner_conninfo "${daemon[@]}" migrate >"$work/migrate.log" 2>&1 ||
    { tail -n 20 "$work/migrate.log" >&2; fail "migrate failed"; }
  psql -Xq -c "CREATE ROLE usage_ingest LOGIN" "$owner_conninfo"
  USAGE_INGEST_POSTGRES_CONNINFO=$owner_conninfo "${daemon[@]}" migrate --print-grants usage_ingest |
    psql -Xq -v ON_ERROR_STOP=1 -f - "$owner_conninfo" >"$work/grants.log" ||
    fail "granting the daemon's privileges failed"
}

start_broker() {
  # Its standard input is ours to hold: when we die, however, it ends.
  exec {broker_input}> >(exec "$build/bench/demo/demo_broker" "$topic" "$partitions" >"$work/brokers")
  broker_pid=$!
  for _ in {1..100}; do
    [[ -s $work/brokers ]] && break
    sleep 0.1
  done
  [[ -s $work/brokers ]] || fail "the embedded broker did not start"
  brokers=$(<"$work/brokers")
  say "embedded Kafka (librdkafka's mock cluster) on $brokers, $partitions partitions"
}

write_config() {
  cat >"$work/config.toml" <<TOML
[kafka]
brokers = "$brokers"
topics = ["$topic"]
[postgres]
conninfo = "$conninfo"
[http]
listen = "127.0.0.1:$http_port"
[log]
format = "text"
TOML
}

# In a session of their own, so that Ctrl-C reaches only this script.
start_daemon() {
  setsid "$daemon_program" --config "$work/config.toml" run \
    </dev/null >"$work/daemon.log" 2>&1 &
  daemon_pid=$!
}

start_generator() {
  setsid "$build/bench/load/usage-load" produce --brokers "$brokers" --topic "$topic" \
    --events "$events" --rate "$rate" --size lean --odd 0.004 --watch "$owner_conninfo" --room "$room_bytes" \
    --status-file "$work/sent" --quotas-out "$work/quotas.csv" \
    </dev/null >"$work/report.json" 2>"$work/generator.log" &
  generator_pid=$!
}

is_running() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

# Ends a child and returns its status.
end_child() {
  local pid=$1 status=0
  is_running "$pid" && kill -TERM "$pid"
  # A signal to us ends `wait` early with a status above 128 while the child still runs.
  while wait "$pid" || status=$?; is_running "$pid"; do status=0; done
  return "$status"
}

stop_generator() {
  local pid=$generator_pid
  generator_pid=''
  end_child "$pid" || { cat "$work/generator.log" >&2; fail "the generator failed"; }
}

stop_daemon() {
  local pid=$daemon_pid
  daemon_pid=''
  end_child "$pid" || { tail -n 20 "$work/daemon.log" >&2; fail "usage-ingestd did not end well"; }
}

clean_up() {
  local status=$? pid
  trap '' INT TERM HUP
  set +e
  if ((status != 0)) && [[ -s $work/daemon.log && -n $daemon_pid ]]; then
    printf -- '--- the last words of usage-ingestd\n' >&2
    tail -n 20 "$work/daemon.log" >&2
  fi
  [[ -n $build_pid ]] && kill -TERM -- "-$build_pid" 2>/dev/null
  for pid in "$generator_pid" "$daemon_pid" "$broker_pid"; do
    [[ -n $pid ]] && end_child "$pid" 2>/dev/null
  done
  if $postgres_is_up; then
    as_postgres "$postgres_bin/pg_ctl" -D "$work/postgres/data" -m immediate -s stop
  fi
  rm -rf "$work"
  exit "$status"
}
