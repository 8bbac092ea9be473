# shellcheck shell=bash
# A token of the job in a file that is renewed as long as the shell lives: a rollout may take longer
# than any one token, and azure-identity reads the file again whenever it needs a new login.

request_token() {
  curl --fail --silent --show-error --retry 3 --max-time 30 \
    --header "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
    "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=api://AzureADTokenExchange" | jq --exit-status --raw-output .value
}

renew_token() {
  # Whoever reads it finds the old one or the new one, whole.
  (umask 077 && request_token >"$1.new") && mv "$1.new" "$1"
}

log_in_by_workload_identity() {
  if [ -z "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then
    echo "::error title=vmssplan::client-id needs the permission id-token: write in this job"
    return 1
  fi
  local folder
  folder="$(mktemp -d)"
  renew_token "$folder/token"
  (
    while sleep "${TOKEN_RENEWAL_SECONDS:-240}"; do
      renew_token "$folder/token" || true
    done
  ) >/dev/null 2>&1 &
  # shellcheck disable=SC2064 # the values of now are meant
  trap "kill $! 2>/dev/null || true; rm -rf '$folder'" EXIT
  export AZURE_CLIENT_ID="$1" AZURE_TENANT_ID="$2" AZURE_FEDERATED_TOKEN_FILE="$folder/token"
}
