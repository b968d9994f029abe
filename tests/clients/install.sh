#!/bin/sh
# A venv in .clients/NAME for each requirements-NAME.lock here: clients that others use, which the simulators must
# satisfy, and whose dependencies must not mix with ours. Nothing is done where a venv is there already.
set -eu
here=$(dirname "$0")
for lock in "$here"/requirements-*.lock; do
    name=$(basename "$lock" .lock | sed 's/^requirements-//')
    venv=.clients/$name
    if cmp -s "$lock" "$venv/installed.lock"; then
        continue
    fi
    echo "installing $name for the tests, in $venv"
    rm -rf "$venv"
    if "${PYTHON:-.venv/bin/python}" -m venv "$venv" \
        && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"; then
        cp "$lock" "$venv/installed.lock"
    else
        rm -rf "$venv"
        echo "NOT INSTALLED: $name; the tests with it are skipped and listed below; with CI=true that is a failure"
    fi
done
