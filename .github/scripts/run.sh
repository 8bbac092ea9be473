#!/usr/bin/env bash
# Runs one command of vmssplan, and leaves what came of it: outputs, the summary, a report.
# Works with the bash 3.2 of macOS too, where an empty array is an unset one.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=.github/scripts/workload-identity.sh
. "$here/workload-identity.sh"

export TF_IN_AUTOMATION=1 NO_COLOR=1
work="$(mktemp -d "$RUNNER_TEMP/vmssplan.XXXXXX")"
report="$work/report.md"
said="$work/said.txt"

lines_of() { # NAME TEXT: the lines of the text that are not empty, in the array `lines`
  lines=()
  local line
  while IFS= read -r line || [ -n "$line" ]; do
    line="${line%$'\r'}"
    [ -z "$line" ] || lines+=("$line")
  done <<<"$1"
}

guarded() { # COMMAND...: nothing that it prints is taken for a workflow command
  local token code=0
  token="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
  echo "::stop-commands::$token"
  "$@" || code=$?
  echo "::$token::"
  return "$code"
}

plan_or_drift() {
  local code=0
  vmssplan "${command[@]}" --format markdown ${options[@]+"${options[@]}"} \
    >"$report" 2>"$said" || code=$?
  cat "$report" "$said"
  return "$code"
}

apply() {
  vmssplan "${command[@]}" --auto-approve --input=false ${options[@]+"${options[@]}"} 2>&1 |
    tee "$said"
}

tell_what_was_said() { # HEADLINE: the end of it, in a fence that it cannot end
  printf '<!-- vmssplan %s -->\n### %s\n\n```text\n' "$INPUT_COMMAND" "$1" >"$report"
  tail -n 60 "$said" | tail -c 20000 | sed "s/\`\`\`/'''/g" >>"$report"
  printf '\n```\n' >>"$report"
}

lines_of "$INPUT_PLANS"
plans=(${lines[@]+"${lines[@]}"})
lines_of "$INPUT_ARGS"
options=(${lines[@]+"${lines[@]}"})
command=("$INPUT_COMMAND" ${plans[@]+"${plans[@]}"})
[ -z "$INPUT_STATE" ] || export VMSSPLAN_STATE="$INPUT_STATE"

case "$INPUT_COMMAND" in
  plan)
    options+=(--detailed-exitcode)
    [ -z "$INPUT_ROLLOUT" ] || options+=(--out "$INPUT_ROLLOUT")
    ;;
  apply)
    [ -z "$INPUT_REQUIRE_DIGEST" ] || options+=(--require-digest "$INPUT_REQUIRE_DIGEST")
    ;;
  drift | validate) ;;
  *)
    echo "::error title=vmssplan::command must be plan, apply, drift or validate"
    exit 1
    ;;
esac

if [ "$INPUT_COMMAND" = plan ] || [ "$INPUT_COMMAND" = validate ]; then
  # Annotations are workflow commands, so this is not guarded; their texts are escaped.
  [ -z "$INPUT_SARIF" ] || vmssplan validate "${plans[@]}" --format sarif >"$INPUT_SARIF" || true
  valid=0
  vmssplan validate "${plans[@]}" --format github 2>"$said" || valid=$?
  [ ! -s "$said" ] || guarded cat "$said"
fi

[ -z "$INPUT_CLIENT_ID" ] || log_in_by_workload_identity "$INPUT_CLIENT_ID" "$INPUT_TENANT_ID"

code=0
case "$INPUT_COMMAND" in
  validate) code="$valid" ;;
  apply) guarded apply || code=$? ;;
  *) guarded plan_or_drift || code=$? ;;
esac

if [ "$INPUT_COMMAND" = apply ]; then
  tell_what_was_said "vmssplan apply ended with exit code $code"
elif [ "$INPUT_COMMAND" != validate ] && ! grep -q '^<!-- vmssplan ' "$report"; then
  tell_what_was_said "vmssplan $INPUT_COMMAND failed with exit code $code"
fi

is_failure=true
for allowed in $INPUT_SUCCEED_ON; do
  [ "$code" != "$allowed" ] || is_failure=false
done
has_changes=false
case "$INPUT_COMMAND $code" in "plan 2" | "drift 7") has_changes=true ;; esac
if [ -s "$report" ]; then
  cat "$report" >>"$GITHUB_STEP_SUMMARY"
else
  report=""
fi
# shellcheck disable=SC2016 # the backticks are those of the report
digest='s/^Digest: `\(sha256:[0-9a-f]\{64\}\)`$/\1/p'
{
  echo "exit-code=$code"
  echo "is-failure=$is_failure"
  echo "has-changes=$has_changes"
  echo "digest=$(sed -n "$digest" "${report:-/dev/null}" | paste -sd ' ' -)"
  echo "report=$([ "$INPUT_COMMAND" = apply ] || echo "$report")"
} >>"$GITHUB_OUTPUT"
