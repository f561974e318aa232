#!/usr/bin/env bash
# Writes the lock files anew from pyproject.toml: every package with its exact version and the
# hashes of all its files, so that one lock serves every platform. Needs uv, which it takes from the
# PATH or, for the moment, into a directory that it removes.
#
#   requirements.lock        what runs onecard, and what builds it
#   requirements-dev.lock    that, and what tests, checks and measures it
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v uv >/dev/null; then
    tools=$(mktemp -d); trap 'rm -rf "$tools"' EXIT
    python3 -m venv "$tools"
    "$tools/bin/pip" --quiet --disable-pip-version-check install uv
    PATH="$tools/bin:$PATH"
fi

lock() {
    local file=$1; shift
    # No settings of this machine may leak into a lock: no configuration, no local wheels.
    env -u PIP_FIND_LINKS -u UV_FIND_LINKS uv pip compile pyproject.toml --extra build "$@" \
        --universal --python-version 3.11 --generate-hashes --no-config --quiet \
        --custom-compile-command tools/lock.sh --output-file "$file"
}

lock requirements.lock
# The second must agree with the first wherever both name a package.
lock requirements-dev.lock --extra dev --constraint requirements.lock
