#!/usr/bin/env bash
# Runs a command in a machine that has protection keys, whatever this one has: QEMU
# emulates the CPU in software, so it is slow (some 20 to 50 times), and times
# measured inside mean nothing.
#
#   scripts/protection-keys-machine.sh [--copy PATH[:INSIDE]]... [--] COMMAND [ARGUMENT]...
#
# The command's program, what it is linked with, and what --copy names (files or
# folders) go into the machine; INSIDE is where (default: the same path). Prints what
# the command prints and ends with its status; 124 after the timeout.
#
# The kernel comes from AVIARY_MACHINE_KERNEL (a bzImage), or by name from the package
# manager's linux-image-cloud-amd64. Before 6.7 kernels lack PAGEMAP_SCAN and tests of it skip.
#
#   AVIARY_MACHINE_CACHE    where downloads stay        (.build/machine)
#   AVIARY_MACHINE_TIMEOUT  seconds                     (600)
#   AVIARY_MACHINE_MEMORY   MiB                         (4096)
#   AVIARY_MACHINE_CPUS                                 (2)
#   AVIARY_MACHINE_CPU      QEMU's name of the CPU      (max,la57=off)
#   AVIARY_MACHINE_APT      further options of apt-get, for another release's kernel
#   AVIARY_MACHINE_ENV      NAME=VALUE lines for the command's environment
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cache=${AVIARY_MACHINE_CACHE:-$root/.build/machine}
limit=${AVIARY_MACHINE_TIMEOUT:-600}
mkdir -p "$cache"

fail() { echo "protection-keys-machine: $*" >&2; exit 2; }
usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }

copies=()
while [ $# -gt 0 ]; do
  case $1 in
    --copy) copies+=("${2:?--copy needs a path}"); shift 2 ;;
    --) shift; break ;;
    -*) usage ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || usage
command -v qemu-system-x86_64 >/dev/null || fail "qemu-system-x86_64 is missing; install qemu-system-x86"

# Downloads a package and unpacks its files: name, then options of apt-get. Prints the folder.
fetch() {
  local folder=$cache/packages/$1 work
  [ -d "$folder" ] && { echo "$folder"; return; }
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  (cd "$work" && apt-get -q "${@:2}" download "$1" >&2) || fail "cannot download $1"
  dpkg-deb -x "$work"/*.deb "$work/files"
  mkdir -p "$cache/packages"
  mv "$work/files" "$folder"
  rm -rf "$work"
  echo "$folder"
}

kernel=${AVIARY_MACHINE_KERNEL:-$cache/vmlinuz}
if [ ! -f "$kernel" ]; then
  [ -z "${AVIARY_MACHINE_KERNEL:-}" ] || fail "no kernel at $kernel"
  read -ra options <<< "${AVIARY_MACHINE_APT:-}"
  image=$(apt-cache "${options[@]+"${options[@]}"}" depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -1)
  [ -n "$image" ] || fail "no linux-image-cloud-amd64; run apt-get update, or set AVIARY_MACHINE_KERNEL"
  folder=$(fetch "$image" "${options[@]+"${options[@]}"}")
  cp "$folder"/boot/vmlinuz-* "$kernel"
  rm -rf "$folder"
fi
busybox=$(fetch busybox-static)/bin/busybox

work=$(mktemp -d "${TMPDIR:-/tmp}/machine.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir -p "$tree"/{bin,dev,proc,sys,tmp,root,etc}
cp "$busybox" "$tree/bin/busybox"
for applet in sh mount mkdir cat ls poweroff ip env sleep true setsid sysctl stty; do ln -s busybox "$tree/bin/$applet"; done
echo "root:x:0:0:root:/root:/bin/sh" > "$tree/etc/passwd"

# One file, links followed, with the libraries it is linked with.
place() {
  local from=$1 to=$tree$2
  [ -e "$to" ] && return
  mkdir -p "$(dirname "$to")"
  cp -L --reflink=auto "$from" "$to"
  { ldd "$from" 2>/dev/null || true; } | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^\s*\(\/[^ ]*\) (.*/\1/p' | while read -r library; do
    [ -e "$tree$library" ] && continue
    mkdir -p "$tree$(dirname "$library")"
    cp -L --reflink=auto "$library" "$tree$library"
  done
}

program=$(command -v "$1") || fail "no program $1"
program=$(realpath -s "$program")
shift
place "$program" "$program"
for copy in "${copies[@]+"${copies[@]}"}"; do
  from=${copy%%:*}
  inside=${copy#*:}
  [ -e "$from" ] || fail "nothing at $from"
  [ "$inside" != "$copy" ] || inside=$(realpath -s "$from")
  if [ -d "$from" ]; then
    mkdir -p "$tree$inside"
    cp -rL "$from/." "$tree$inside/"
  else
    place "$from" "$inside"
  fi
done

{
  echo "#!/bin/sh"
  echo "export HOME=/root PATH=/bin TERM=dumb"
  # Its own lines must not look like the command's: hence the variable.
  while IFS= read -r line; do
    [ -n "$line" ] && printf 'export %q\n' "$line"
  done <<< "${AVIARY_MACHINE_ENV:-}"
  printf 'exec'
  printf ' %q' "$program" "$@"
  echo
} > "$tree/command"
cat > "$tree/init" <<'INIT'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/shm
mount -t tmpfs shm /dev/shm
stty -F /dev/ttyS0 -onlcr 2>/dev/null
ip link set lo up 2>/dev/null
echo "@@begin"
/bin/sh /command < /dev/null 2>&1
echo "@@status $?"
poweroff -f
INIT
chmod +x "$tree/init" "$tree/command"
(cd "$tree" && find . | "$busybox" cpio -o -H newc) > "$work/initramfs" 2>/dev/null

# clearcpuid=cx16: QEMU 7.2 spoils the flags of the kernel's unlocked cmpxchg16b now and then;
# so told, the kernel does without. la57=off: nothing here needs five levels of pages.
# no_timer_check: on a busy machine the emulated timer is late, and the kernel would give up.
# Output goes through a file too, so that the status is found however it ends.
set +e
timeout --foreground "$limit" qemu-system-x86_64 \
  -accel tcg,thread=multi -cpu "${AVIARY_MACHINE_CPU:-max,la57=off}" -smp "${AVIARY_MACHINE_CPUS:-2}" -m "${AVIARY_MACHINE_MEMORY:-4096}" \
  -nodefaults -no-reboot -display none -serial stdio \
  -kernel "$kernel" -initrd "$work/initramfs" \
  -append "console=ttyS0 quiet loglevel=3 panic=-1 rdinit=/init mitigations=off clearcpuid=cx16 no_timer_check" \
  < /dev/null 2> "$work/errors" | sed -u 's/\r$//' | tee "$work/log" | sed -u -n '/^@@begin/,/^@@status/{/^@@/!p}'
ended=${PIPESTATUS[0]}
set -e
status=$(sed -n 's/^@@status \([0-9]*\)$/\1/p' "$work/log" | tail -1)
if [ -z "$status" ]; then
  if [ "$ended" = 124 ]; then
    grep -q '^@@begin' "$work/log" && what="the command was not done" || what="the machine had not started"
    tail -5 "$work/log" >&2
    echo "protection-keys-machine: $what after $limit s" >&2
    exit 124
  fi
  cat "$work/errors" >&2
  tail -20 "$work/log" >&2
  fail "the machine ended without a status"
fi
exit "$status"
