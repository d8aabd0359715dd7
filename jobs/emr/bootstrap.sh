#!/usr/bin/env bash
# EMR bootstrap action: installs s3cse and its pinned dependencies from a wheelhouse, without internet.
#
#   bootstrap.sh WHEELHOUSE [--python PATH] [--sha256 HEX] [--settings FILE] [--state-dir DIR] [--log-dir DIR]
#
#   WHEELHOUSE    s3://bucket/prefix/, a folder, or file:///folder/; made by build_wheelhouse.sh
#   --python      the interpreter that Spark will use (default /usr/bin/python3.11), as in spark.pyspark.python
#   --sha256      of the wheelhouse's SHA256SUMS: then nothing but what you built is installed, whoever else can
#                 write to the bucket
#   --settings    puts s3://…/core-site.xml, …/emrfs-site.xml or …/security-configuration.json (or a local file) into
#                 /etc/s3cse, for clusters whose own files say nothing; say S3CSE_CONF_DIR=/etc/s3cse, or
#                 S3CSE_SECURITY_CONFIGURATION=/etc/s3cse/security-configuration.json, to Spark's processes then
#   --state-dir   remembers what is installed (default /var/lib/s3cse)
#   --log-dir     gets bootstrap.log (default /var/log/s3cse); EMR keeps standard output too
#
# Runs on every node as user hadoop, who may use sudo, before applications are installed: it touches none of theirs.
# A second run finds everything in place and changes nothing. Whatever goes wrong ends in one line "FAILED: ..." and
# exit code 1, on which EMR fails the node.

set -Eeuo pipefail
export LC_ALL=C

say() { printf 's3cse bootstrap: %s\n' "$*"; }
fail() {
  say "FAILED: $*" >&2
  exit 1
}

# Commands that change the system. A node's files must be readable for the users that run Spark, whatever the umask.
as_root() {
  if ((EUID == 0)); then
    (umask 022 && "$@")
  else
    # shellcheck disable=SC2016  # the inner shell expands it
    sudo -n sh -c 'umask 022 && exec "$@"' sh "$@"
  fi
}

parse_arguments() {
  wheelhouse='' python=/usr/bin/python3.11 sha256='' settings='' state_dir=/var/lib/s3cse log_dir=/var/log/s3cse
  while (($#)); do
    case $1 in
      -h | --help)
        awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0"
        exit 0
        ;;
      --python | --sha256 | --settings | --state-dir | --log-dir)
        (($# > 1)) || fail "$1 needs a value"
        local name=${1#--}
        printf -v "${name//-/_}" %s "$2"
        shift
        ;;
      -*) fail "unknown argument $1 (see --help)" ;;
      *)
        [[ -z $wheelhouse ]] || fail "two wheelhouses: $wheelhouse and $1"
        wheelhouse=$1
        ;;
    esac
    shift
  done
  [[ -n $wheelhouse ]] || fail 'no wheelhouse given (see --help)'
  [[ -z $sha256 || $sha256 =~ ^[0-9a-f]{64}$ ]] || fail '--sha256 must be 64 hexadecimal digits in lower case'
  [[ $python == /* ]] || fail "--python $python must be an absolute path, as in spark.pyspark.python"
  [[ -z $settings || ${settings##*/} =~ ^((core|emrfs)-site\.xml|security-configuration\.json)$ ]] \
    || fail "--settings $settings must be a core-site.xml, emrfs-site.xml or security-configuration.json"
  wheelhouse=${wheelhouse%/}
}

check_sudo() {
  ((EUID == 0)) || sudo -n true 2>/dev/null || fail "user $(id -un) may not use sudo without a password"
}

check_interpreter() {
  local found implementation
  [[ -x $python ]] || fail "no interpreter $python: name the one that Spark will use with --python"
  found=$("$python" -I -c 'import platform, sys
print(sys.implementation.name, "%d.%d" % sys.version_info[:2], platform.machine(), platform.libc_ver()[1] or "?")') \
    || fail "$python does not run"
  read -r implementation version machine glibc <<<"$found"
  say "$python is $implementation $version on $machine, glibc $glibc"
  [[ $implementation == cpython ]] || fail "$python is $implementation, expected CPython"
}

# The only function that knows where files come from. Copies the named ones from one folder to another.
fetch() { # SOURCE TARGET NAME...
  local source=$1 target=$2 name
  shift 2
  if [[ $source == s3://* ]]; then
    command -v aws >/dev/null || fail "no AWS CLI to fetch $source with"
    local -a copy=(aws s3 cp --only-show-errors --cli-connect-timeout 10 --cli-read-timeout 60) only=(--exclude '*')
    if (($# == 1)); then
      # What lies beside one file, or below its folder, is not even listed: it may be a lake.
      "${copy[@]}" "$source/$1" "$target/$1" || return
      return
    fi
    for name in "$@"; do only+=(--include "$name"); done
    "${copy[@]}" --recursive "${only[@]}" "$source/" "$target/" || return
  else
    for name in "$@"; do cp -- "${source#file://}/$name" "$target/" || return; done
  fi
  # A prefix that does not exist is an empty copy, and no error of the CLI's.
  for name in "$@"; do [[ -f $target/$name ]] || return; done
}

# Checks the list itself, so that its names and, with --sha256, its content can be relied on.
check_list() { # FOLDER
  if [[ -n $sha256 && $(sha256sum <"$1/SHA256SUMS") != "$sha256  -" ]]; then
    fail "$wheelhouse/SHA256SUMS is not the one that --sha256 names: it was replaced, or built again"
  fi
  if ! grep -qE '^[0-9a-f]{64}  requirements\.txt$' "$1/SHA256SUMS" \
    || grep -qvE '^[0-9a-f]{64}  [A-Za-z0-9][A-Za-z0-9._+-]*$' "$1/SHA256SUMS"; then
    fail "$wheelhouse/SHA256SUMS is not the list of a wheelhouse"
  fi
}

check_files() { # FOLDER
  local bad
  bad=$(cd "$1" && sha256sum --check --strict --quiet SHA256SUMS 2>/dev/null | paste -sd' ') \
    || fail "$wheelhouse does not match its SHA256SUMS: $bad"
}

# Refuses what was built for another interpreter, before pip says so in many words.
check_target() { # REQUIREMENTS
  local for_version for_machine
  for_version=$(sed -n 's/^# python //p' "$1")
  for_machine=$(sed -n 's/^# machine //p' "$1")
  [[ $version == "$for_version" ]] \
    || fail "the wheelhouse is for Python ${for_version:-?}, but $python is $version: build_wheelhouse.sh --python-version $version"
  [[ $machine == "$for_machine" ]] \
    || fail "the wheelhouse is for ${for_machine:-?}, but this node is $machine: build one on such a machine"
  [[ $(printf '2.28\n%s\n' "$glibc" | sort --version-sort | head -n 1) == 2.28 ]] \
    || fail "glibc $glibc is older than 2.28: EMR 7 or later is needed"
}

# No configuration and no environment variable of pip's counts: it knows the wheelhouse and nothing else.
pip() {
  as_root env -i PATH="$PATH" HOME=/ PIP_CONFIG_FILE=/dev/null PIP_ROOT_USER_ACTION=ignore \
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -I -m pip "$@"
}

ensure_pip() {
  "$python" -I -c 'import pip' 2>/dev/null && return
  say "no pip in $python: asking ensurepip"
  as_root "$python" -I -m ensurepip --upgrade \
    || fail "$python has neither pip nor ensurepip: the image needs its pip package"
}

install_wheels() { # FOLDER
  # A wheel built again has the same version, so pip would keep the old one.
  ! "$python" -I -c 'from importlib.metadata import version; version("s3cse")' 2>/dev/null || pip uninstall --yes s3cse || fail "pip could not remove the old s3cse"
  pip install --no-index --find-links "$1" --require-hashes --only-binary :all: --no-cache-dir \
    --no-warn-script-location --requirement "$1/requirements.txt" \
    || fail "pip could not install the wheelhouse's packages for $python (its words are above)"
}

# As this user, not as root: what only root can read is of no use to Spark.
check_install() { # FOLDER
  (cd / && "$python" -I "$1/check_install.py" --requirements "$1/requirements.txt")
}

# What is installed is remembered together with the means to check it again.
remember() { # FOLDER
  as_root install -d -m 755 "$remembered"
  as_root install -m 644 "$1/SHA256SUMS" "$1/requirements.txt" "$1/check_install.py" "$remembered/"
}

already_installed() { # FOLDER
  [[ -f $remembered/SHA256SUMS && $(<"$remembered/SHA256SUMS") == "$(<"$1/SHA256SUMS")" ]] || return 1
  check_install "$remembered" && return
  say 'it was installed before, but does not work any more: installing again'
  return 1
}

install_from() { # FOLDER
  local -a names
  mapfile -t names < <(sed 's/^[0-9a-f]*  //' "$1/SHA256SUMS")
  fetch "$wheelhouse" "$1" "${names[@]}" || fail "cannot fetch all files of $wheelhouse"
  check_files "$1"
  check_target "$1/requirements.txt"
  ensure_pip
  install_wheels "$1"
  check_install "$1" || fail "s3cse is installed in $python but does not work (see the line above)"
  remember "$1"
}

# Read once here, so that a file that nobody understands fails the node, and not every job.
write_settings() { # FOLDER
  local name=${settings##*/}
  fetch "$(dirname "$settings")" "$1" "$name" || fail "cannot fetch $settings"
  "$python" -I - "$1/$name" <<'PYTHON' || fail "$settings is not understood (see the line above)"
import sys
from s3cse.errors import S3CSEError
from s3cse.settings.files import load
path = sys.argv[1]
try:
    load({}, **({"security": path} if path.endswith(".json") else {"conf": [path]}))
except S3CSEError as error:
    sys.exit(str(error))
PYTHON
  as_root install -D -m 644 "$1/$name" "/etc/s3cse/$name"
  say "/etc/s3cse/$name is $settings"
}

main() {
  trap 'fail "unexpected error in line $LINENO: $BASH_COMMAND"' ERR
  say "$wheelhouse for $python, as $(id -un)"
  check_interpreter
  remembered=$state_dir/${python//\//_}
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT

  fetch "$wheelhouse" "$folder" SHA256SUMS \
    || fail "cannot read $wheelhouse/SHA256SUMS: no network, no permission, or no wheelhouse there"
  check_list "$folder"
  if already_installed "$folder"; then
    say 'already installed: nothing to do'
  else
    install_from "$folder"
    say 'installed'
  fi
  [[ -z $settings ]] || write_settings "$folder"
}

open_log() {
  # shellcheck disable=SC2016  # the inner shell expands it
  as_root sh -c 'install -d -m 755 "$1" && touch "$1/bootstrap.log" && chown "$2" "$1/bootstrap.log"' \
    sh "$log_dir" "$(id -u)" || fail "cannot write a log in $log_dir"
}

parse_arguments "$@"
check_sudo
open_log
main 2>&1 | tee -a "$log_dir/bootstrap.log"
