#!/bin/sh
# Makes or refreshes .venv from the hash-pinned requirements, and installs this project into it, editable.
# Needs Python 3.11 or later with venv, and a package index; $PYTHON names another interpreter. pip's own variables and
# configuration (mirror, certificates) hold for uv as well, which is only faster: where it fails, pip does the work.
set -eu

fail() {
    echo "setup: $1" >&2
    exit 1
}

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

find_python() {
    seen=""
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        version=$("$name" -c 'import platform; print(platform.python_version())' 2>/dev/null) || continue
        if ! is_recent "$name"; then
            seen="$seen $name is $version;"
        elif ! has_venv "$name"; then
            seen="$seen $name ($version) has no venv: install it (Debian, Ubuntu: python3-venv);"
        else
            echo "$name"
            return
        fi
    done
    fail "Python 3.11 or later with venv is needed, and none is there:${seen:- no python3 on the PATH}"
}

mirror() { # the index that pip would use, when it is not its default
    echo "${PIP_INDEX_URL:-$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)}"
}

install_requirements() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
    index=$(mirror)
    if [ -n "$index" ]; then
        export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    fi
    if [ -n "${PIP_CERT:-}" ]; then
        export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
    fi
    .venv/bin/uv pip install --python .venv/bin/python --require-hashes -r requirements-dev.txt ||
        .venv/bin/python -m pip install --require-hashes -r requirements-dev.txt
}

cd "$(dirname "$0")/.."
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    echo "setup: making .venv with $python"
    "$python" -m venv --clear .venv
fi
install_requirements
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
