# Sourced by the other scripts: goes to the repository's root and makes its Python environment in .venv.
# Needs Python 3.11 or later with venv and pip; says plainly what is missing. Set LLMSPELL_PYTHON to choose another one.

set -eu
cd "$(dirname "$0")/.."
PYTHON=${LLMSPELL_PYTHON:-python3}

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# is_made EXTRA...: whether all of that has been installed since pyproject.toml last changed.
is_made() {
    for made in "$@"; do
        stamp=.venv/.installed-$made
        [ -f "$stamp" ] && [ "$stamp" -nt pyproject.toml ] || return 1
    done
    [ -x .venv/bin/llmspell ] && .venv/bin/python -c 'import llmspell_tools' 2>/dev/null
}

# make_environment [EXTRA...]: installs the project (editable) with these extras where that has not been done.
make_environment() {
    if [ $# = 0 ]; then
        is_made dev && return # which holds all that the base does
        set -- base
    fi
    is_made "$@" && return
    extras=$(printf '%s,' "$@" | sed 's/base,//; s/,$//')
    command -v "$PYTHON" >/dev/null 2>&1 || die "llmspell needs Python 3.11 or later; '$PYTHON' was not found." \
        "On Debian: apt-get install python3 python3-venv"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "llmspell needs Python 3.11 or later; $("$PYTHON" --version 2>&1) is older. Set LLMSPELL_PYTHON to a newer one."
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null ||
        die "This Python has no venv module. On Debian: apt-get install python3-venv"
    [ -x .venv/bin/python ] && .venv/bin/python -c 'import pip' 2>/dev/null || "$PYTHON" -m venv --clear .venv
    printf 'Installing llmspell%s into .venv (a minute or two) ...\n' "${extras:+[$extras]}" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".${extras:+[$extras]}" ||
        die "The install failed; the lines above say why. A network or a package index is needed for it."
    for made in "$@"; do
        touch ".venv/.installed-$made"
    done
}
