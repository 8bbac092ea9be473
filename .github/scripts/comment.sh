#!/usr/bin/env bash
# Renews the comment of the pull request that begins with the report's first line, or adds it.
# Only a comment of the expected author counts: anybody may write one that begins so.
set -euo pipefail

number="$(jq --raw-output '.pull_request.number // (.issue | select(.pull_request) | .number) // empty' "$GITHUB_EVENT_PATH")"
if [ -z "$number" ]; then
  echo "No pull request here: the report is in the summary of the job."
  exit 0
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
(
  umask 077
  printf 'Authorization: Bearer %s\n' "$INPUT_TOKEN"
  printf 'Accept: application/vnd.github+json\nX-GitHub-Api-Version: 2022-11-28\n'
) >"$work/headers"

ask() { # METHOD PATH [BODY]
  curl --fail --silent --show-error --retry 3 --max-time 60 --request "$1" \
    --header "@$work/headers" ${3:+--data-binary "@$3"} "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/$2"
}

marker="$(head -n 1 "$REPORT")"
key="$(printf %s "$INPUT_COMMENT_KEY" | tr -cd 'A-Za-z0-9._-')"
[ -z "$key" ] || marker="${marker% -->}: $key -->"
{
  echo "$marker"
  tail -n +2 "$REPORT"
} | jq --raw-input --slurp '{body: .}' >"$work/body.json"

# Called where a failure is looked at, so every one of theirs has to be handed on.
find_comment() { # the id of the first such comment, or nothing
  local page=1 found
  while :; do
    ask GET "issues/$number/comments?per_page=100&page=$page" >"$work/page.json" || return
    found="$(jq --raw-output --arg marker "$marker" --arg author "$INPUT_COMMENT_AUTHOR" \
      'map(select(.user.login == $author and (.body // "" | split("\n")[0] | rtrimstr("\r")) == $marker))[0].id // empty' \
      "$work/page.json")" || return
    if [ -n "$found" ] || [ "$(jq length "$work/page.json")" -lt 100 ]; then
      printf %s "$found"
      return
    fi
    page=$((page + 1))
  done
}

renew() {
  local id
  id="$(find_comment)" || return
  if [ -n "$id" ]; then
    ask PATCH "issues/comments/$id" "$work/body.json" >/dev/null && echo "Renewed the comment of #$number."
  else
    ask POST "issues/$number/comments" "$work/body.json" >/dev/null && echo "Commented on #$number."
  fi
}

renew || echo "::warning title=vmssplan::the comment could not be written; the report is in the summary of the job"
