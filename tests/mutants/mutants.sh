#!/usr/bin/env bash
# mutants.sh BUILD_DIR [ARG...]: generates the mutants of the kernel model, builds them all into one program, runs the tests against each.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=$1; shift
tree=$out/tree
mkdir -p "$tree"
# Tests find their data by the path of the checkout; only the model is another one.
for folder in CMakeLists.txt CMakePresets.json cmake sim scenarios reports cli bench tests docs; do ln -sfn "$PWD/$folder" "$tree/$folder"; done
mkdir -p "$tree/model"
find model -name '*.[ch]pp' -o -name '*.def' | while read -r file; do
  mkdir -p "$tree/$(dirname "$file")"
  case "$file" in model/kernel/* | model/mechanisms/*) ;; *) cmp -s "$file" "$tree/$file" || cp "$file" "$tree/$file" ;; esac
done
find "$tree/model" -name '*.[ch]pp' | while read -r file; do [ -e "${file#"$tree/"}" ] || rm "$file"; done  # what is no more
# The generator parses the sources as they are.
include=$out/include
rm -rf "$include"; mkdir -p "$include/unplug"
ln -sfn "$PWD/sim" "$include/unplug/sim"; ln -sfn "$PWD/model" "$include/unplug/model"
/usr/bin/python3 tests/mutants/generate.py . "$tree" "$include"
flags="-I$PWD/tests/mutants -Wno-misleading-indentation"  # of what is inserted
cmake -S "$tree" -B "$out/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_FLAGS="$flags" \
  ${UNPLUG_LAUNCHER:+-DCMAKE_CXX_COMPILER_LAUNCHER=$UNPLUG_LAUNCHER} > "$out/cmake.log"
cmake --build "$out/build" -j "$(nproc)" --target test_model
/usr/bin/python3 tests/mutants/run.py "$out/build/tests/test_model" "$tree/mutants.json" tests/mutants/equivalent.txt "$out/work" "$@"
