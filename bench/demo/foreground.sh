# Keeps Ctrl-C away from the processes that a script starts. Sourced.
# shellcheck shell=bash
#
# Ctrl-C reaches every process of the foreground group. One that ends a command substitution would
# end the script under `set -e`. So the script runs again, in a session of its own, and the first
# one only passes the signal on to the second one.

# Returns in the second one; the first one ends with the status of the second one.
run_in_own_session() {
  local script status
  if [[ -n ${IN_OWN_SESSION-} ]]; then
    unset IN_OWN_SESSION
    return
  fi
  IN_OWN_SESSION=1 setsid "$@" &
  script=$!
  # TERM: SIGINT is ignored in what runs in the background of a script.
  trap 'kill -TERM "$script" 2>/dev/null' INT TERM HUP
  # A signal to us ends `wait` early.
  while status=0; wait "$script" || status=$?; kill -0 "$script" 2>/dev/null; do :; done
  exit "$status"
}
