#!/usr/bin/env bash
# Installs the vmssplan of this revision into an environment of its own, and puts it on the path.
set -euo pipefail

place="$RUNNER_TEMP/vmssplan-environment"
python -m venv "$place"
if [ -d "$place/Scripts" ]; then bin="$place/Scripts"; else bin="$place/bin"; fi
"$bin/python" -m pip install --quiet --disable-pip-version-check "${GITHUB_ACTION_PATH}[azblob]"
"$bin/vmssplan" --version
echo "$bin" >>"$GITHUB_PATH"
