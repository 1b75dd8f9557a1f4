#!/usr/bin/env bash
# Every path of the project that a comment or a page names has to exist.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
while read -r path; do
  case "$path" in Benchmarks/out/*) continue ;; esac # made by a run
  [ -e "$path" ] || { echo "named, but not there: $path"; status=1; }
done < <(grep -rohE '\b(Sources|Tests|docs|scripts|Benchmarks|Examples|Fuzz)/[A-Za-z0-9_+./-]*[A-Za-z0-9_]' \
  --include='*.md' --include='*.swift' --include='*.[chS]' --include='*.sh' --include='*.py' \
  --exclude-dir='.*' . | sort -u)
exit $status
