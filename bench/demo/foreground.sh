# Keeps Ctrl-C away from the processes that a script starts. Sourced.
# shellcheck shell=bash
#
# Ctrl-C reaches every process of the foreground group. One that ends a command substitution would
# end the script under `set -e`. So the script runs again, in a session of its own, and the first
# one only passes the signal on to the second one.

# Returns in the second one; the first one ends with the status of the second one.
run_in_own_session() {
  local script='' status interrupted=false
  if [[ -n ${IN_OWN_SESSION-} ]]; then
    unset IN_OWN_SESSION
    return
  fi
  # Before the second one begins: a signal that ended only the first one would leave the second one running.
  # TERM: SIGINT is ignored in what runs in the background of a script.
  trap 'interrupted=true; [[ -z $script ]] || kill -TERM "$script" 2>/dev/null' INT TERM HUP
  IN_OWN_SESSION=1 setsid "$@" &
  script=$!
  if $interrupted; then kill -TERM "$script" 2>/dev/null; fi
  # A signal to us ends `wait` early.
  while status=0; wait "$script" || status=$?; kill -0 "$script" 2>/dev/null; do :; done
  exit "$status"
}
