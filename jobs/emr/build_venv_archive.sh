#!/usr/bin/env bash
# Packs a wheelhouse into a virtual environment's archive, for EMR Serverless, Glue (--python-virtual-env) and YARN.
#
#   build_venv_archive.sh [TARGET] [--wheelhouse DIR] [--output FILE] [--python-prefix DIR] [--with PACKAGE]... [--dry-run]
#
#   TARGET            s3://bucket/prefix/ to upload to
#   --wheelhouse      made by build_wheelhouse.sh (default dist/wheelhouse)
#   --output          default dist/s3cse-venv.tar.gz
#   --python-prefix   of the interpreter on the machines that unpack it (default /usr, for /usr/bin/python3.11): the
#                     archive holds a link to it, not a copy
#   --with            another package for the archive, from PyPI; may be repeated
#   --dry-run         build, and say what would be uploaded
#
# PYTHON (default: pythonX.Y of the wheelhouse) makes the environment, on a machine like those that unpack it.

set -Eeuo pipefail
export LC_ALL=C
# What is packed is for every user of a node, whatever the umask of the one who packs.
umask 022

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root
readonly PACKER=venv-pack==0.2.0

say() { printf 'build_venv_archive: %s\n' "$*"; }
fail() {
  say "$*" >&2
  exit 1
}

parse_arguments() {
  target='' wheelhouse=$root/dist/wheelhouse output=$root/dist/s3cse-venv.tar.gz python_prefix=/usr more=() dry_run=''
  while (($#)); do
    case $1 in
      -h | --help)
        awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0"
        exit 0
        ;;
      --dry-run) dry_run=yes ;;
      --with | --wheelhouse | --output | --python-prefix)
        (($# > 1)) || fail "$1 needs a value"
        local name=${1#--}
        if [[ $name == with ]]; then more+=("$2"); else printf -v "${name//-/_}" %s "$2"; fi
        shift
        ;;
      s3://?*) target=${1%/} ;;
      *) fail "unknown argument $1 (see --help); a target is s3://bucket/prefix/" ;;
    esac
    shift
  done
  [[ -f $wheelhouse/requirements.txt ]] || fail "no wheelhouse in $wheelhouse: build_wheelhouse.sh makes one"
  [[ -z $target || -n $dry_run ]] || command -v aws >/dev/null \
    || fail "no AWS CLI to upload with: install it, or pack without a target and upload $output yourself"
}

check_interpreter() {
  local found
  wanted=$(sed -n 's/^# python //p' "$wheelhouse/requirements.txt")
  python=${PYTHON:-python$wanted}
  found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || fail "no $python here: set PYTHON"
  [[ $found == "$wanted" ]] || fail "the wheelhouse is for Python $wanted, $python is $found"
}

make_environment() {
  "$python" -m venv "$scratch/venv"
  local -a pip=("$scratch/venv/bin/python" -m pip --quiet --disable-pip-version-check install)
  PIP_CONFIG_FILE=/dev/null "${pip[@]}" --no-index --find-links "$wheelhouse" --require-hashes --only-binary :all: \
    --requirement "$wheelhouse/requirements.txt" || fail "the wheelhouse's packages do not install"
  ((${#more[@]} == 0)) || "${pip[@]}" --constraint <(sed 's/ --hash.*//' "$wheelhouse/requirements.txt") "${more[@]}" \
    || fail "not all of ${more[*]} could be added without changing what is pinned"
  "$scratch/venv/bin/python" -I "$wheelhouse/check_install.py" --requirements "$wheelhouse/requirements.txt"
}

pack() {
  "$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check --target "$scratch/tools" "$PACKER" \
    || fail "$PACKER does not install"
  mkdir -p "$(dirname "$output")"
  # venv-pack puts the new interpreter for a link to HOME/python, and only there.
  local bin=$scratch/venv/bin link
  ln -sfn "$(sed -n 's/^home = //p' "$scratch/venv/pyvenv.cfg")/python" "$bin/python"
  ln -sfn python "$bin/python3"
  ln -sfn python "$bin/python$wanted"
  PYTHONPATH=$scratch/tools "$python" -m venv_pack --quiet --force --prefix "$scratch/venv" --python-prefix "$python_prefix" \
    --output "$output"
  link=$(tar -tvzf "$output" bin/python)
  [[ ${link##* } == "$python_prefix/bin/python$wanted" ]] || fail "venv-pack made a wrong link: $link"
}

parse_arguments "$@"
check_interpreter
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
make_environment
pack
say "$output ($(du -h "$output" | cut -f 1)), for $python_prefix/bin/python$wanted"
if [[ -n $target ]]; then
  aws=(aws)
  [[ -z $dry_run ]] || aws=(say would run: aws)
  "${aws[@]}" s3 cp --only-show-errors "$output" "$target/"
fi
