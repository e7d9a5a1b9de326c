# shellcheck shell=bash
# How every command of tools/ speaks: sourced, never run.
#
#   say TEXT             one line of progress
#   fail TEXT            one line of failure, then exit 1
#   step LABEL CMD...    runs CMD with its output in a log, prints LABEL at the
#                        start, a heartbeat every 15 s and the time it took;
#                        on failure prints the end of the log and returns
#                        CMD's exit code
#   as_root CMD...       runs CMD as root, through sudo where needed
#   server_user          the account a private server runs as: never root
#   as_server CMD...     runs CMD as that account, environment kept

say() { printf '==> %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Its own names are odd because CMD may be a function of the caller, which sees
# them.
step() {
  local step_label=$1 step_log step_start step_beat step_code=0
  shift
  step_log=$(mktemp "${TMPDIR:-/tmp}/ruvector-step.XXXXXX")
  step_start=$SECONDS
  say "$step_label"
  (while sleep 15 >/dev/null 2>&1; do
    printf '    still at it after %d s: %s\n' \
      $((SECONDS - step_start)) "$step_label"
  done) &
  step_beat=$!
  "$@" >"$step_log" 2>&1 || step_code=$?
  { kill "$step_beat" && wait "$step_beat"; } 2>/dev/null || true
  if ((step_code != 0)); then
    printf '    failed with exit code %d after %d s; the end of its output:\n' \
      "$step_code" $((SECONDS - step_start)) >&2
    tail -n 60 "$step_log" | sed 's/^/    | /' >&2
  elif ((SECONDS - step_start >= 2)); then
    printf '    done in %d s\n' $((SECONDS - step_start))
  fi
  rm -f "$step_log"
  return "$step_code"
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    fail "needs root and there is no sudo: $*"
  fi
}

server_user() {
  if ((EUID == 0)); then echo postgres; else id -un; fi
}

as_server() {
  if ((EUID == 0)); then
    runuser -u postgres -- "$@"
  else
    "$@"
  fi
}
