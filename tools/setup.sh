#!/usr/bin/env bash
# Makes .venv from the lock file and builds the compiled module into the tree.
#
#   tools/setup.sh install    what the machine lacks, the virtual environment, the locked packages
#   tools/setup.sh build      onecard itself, with its compiled module
#
# It works as root and as an ordinary user, with nothing in the environment but HOME and PATH. What
# the machine lacks it installs from Debian where it may (root, or sudo that asks no password);
# elsewhere it names the one command to run and stops. uv is used where it is present, else venv and
# pip. Two runs in one tree wait for each other.
set -euo pipefail
cd "$(dirname "$0")/.."

# uv trusts certificates of its own unless told to trust the machine's; the second name is the older.
export UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1
LOCK_FILE=requirements-dev.lock
VENV_PYTHON=.venv/bin/python

say() { printf '  %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

system_python() {
    command -v python3 >/dev/null || fail 'python3 is missing; run: apt-get install -y python3'
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 or newer is needed, and python3 is $(python3 -V 2>&1); put a newer one first on the PATH"
}

# The Debian packages that this machine still needs, on one line.
missing_packages() {
    local packages=()
    if ! command -v uv >/dev/null && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        packages+=(python3-venv)
    fi
    if ! python3 -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'; then
        packages+=(python3-dev)
    fi
    command -v "${CC:-gcc}" >/dev/null || packages+=(gcc)
    [ -e /usr/include/stdio.h ] || packages+=(libc6-dev)
    # unshare and setpriv hold the embedded PostgreSQL; every Debian has them.
    command -v setpriv >/dev/null && command -v unshare >/dev/null || packages+=(util-linux)
    echo "${packages[*]}"
}

install_missing() {
    local packages as_root=()
    packages=$(missing_packages)
    [ -n "$packages" ] || return 0
    local command="apt-get update && apt-get install -y --no-install-recommends $packages"
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        else
            fail "this machine lacks $packages; as root, run: $command"
        fi
    fi
    command -v apt-get >/dev/null || fail "this machine lacks what Debian calls $packages; install it and run make again"
    say "installing from Debian: $packages"
    local log; log=$(mktemp)
    # shellcheck disable=SC2086  # the packages are words of one line on purpose
    if ! { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
            install -y --no-install-recommends $packages; } >"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2; rm -f "$log"
        fail "Debian's packages could not be installed; as root, run: $command"
    fi
    rm -f "$log"
    [ -z "$(missing_packages)" ] || fail "$(missing_packages) is still missing for $(command -v python3); is it Debian's own python3?"
}

make_environment() {
    # An environment that was moved, or whose Python is gone, is worth nothing.
    if [ -x "$VENV_PYTHON" ] &&
        [ "$("$VENV_PYTHON" -c 'import sys; print(sys.prefix)' 2>/dev/null)" = "$PWD/.venv" ]; then
        return 0
    fi
    rm -rf .venv
    say "making .venv with $(python3 -V)"
    if command -v uv >/dev/null; then
        uv venv --quiet --no-python-downloads --python "$(command -v python3)" .venv
    else
        python3 -m venv .venv
    fi
}

# pip_install ARGUMENT…: by uv where present; with a progress bar where someone is looking.
pip_install() {
    if command -v uv >/dev/null; then
        local quiet=(--quiet); [ -t 1 ] && quiet=()
        uv pip install "${quiet[@]}" --python "$VENV_PYTHON" "$@"
    else
        local quiet=(-qq --progress-bar off); [ -t 1 ] && quiet=(--progress-bar on)
        "$VENV_PYTHON" -m pip --disable-pip-version-check --no-input install "${quiet[@]}" "$@"
    fi
}

install() {
    system_python
    install_missing
    make_environment
    say "installing $(grep -c '==' "$LOCK_FILE") locked packages into .venv"
    pip_install --require-hashes --only-binary :all: -r "$LOCK_FILE"
    touch .venv/.installed
}

build() {
    say 'building onecard'
    # A file edited while the build runs is newer than the stamp and is built the next time.
    touch .venv/.building
    pip_install --no-build-isolation --no-deps -e .
    mv .venv/.building .venv/.built
}

exec 9>.setup.lock
flock 9
began=$SECONDS
case "${1:-}" in
    install) install ;;
    build) build ;;
    *) fail 'usage: tools/setup.sh install | build' ;;
esac
say "done in $((SECONDS - began)) s"
