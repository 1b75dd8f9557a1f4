;; For each record: the value in capitals, a space, and what the host finds for the key.
;; A value that begins with "?" makes it trap, one that begins with "!" makes it run for ever.
(module
  ;; What records are made of: copies of the present one's key and value, at most so many bytes; the length of all.
  (import "stream" "key" (func $key (param $at i32) (param $capacity i32) (result i32)))
  (import "stream" "value" (func $value (param $at i32) (param $capacity i32) (result i32)))
  ;; Asks the host's catalogue, and waits for the answer: its length, or -1.
  (import "stream" "lookup" (func $lookup (param $key i32) (param $count i32) (param $at i32) (param $capacity i32) (result i32)))
  ;; One record for the stream that goes out.
  (import "stream" "emit" (func $emit (param $key i32) (param $keyCount i32) (param $value i32) (param $valueCount i32)))
  (memory (export "memory") 1 16)
  (global $seen (mut i64) (i64.const 0))
  (func (export "seen") (result i64) (global.get $seen))
  (func (export "on_record")
    (local $keyCount i32) (local $count i32) (local $found i32) (local $i i32) (local $byte i32)
    (global.set $seen (i64.add (global.get $seen) (i64.const 1)))
    (local.set $keyCount (call $key (i32.const 0) (i32.const 1024)))
    (if (i32.gt_u (local.get $keyCount) (i32.const 1024)) (then unreachable))
    (local.set $count (call $value (i32.const 1024) (i32.const 16384)))
    (if (i32.gt_u (local.get $count) (i32.const 16384)) (then unreachable))
    (if (local.get $count) (then
      (if (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 63)) (then unreachable))
      (if (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 33)) (then (loop $l (br $l))))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
        (local.set $byte (i32.load8_u offset=1024 (local.get $i)))
        (if (i32.and (i32.ge_u (local.get $byte) (i32.const 97)) (i32.le_u (local.get $byte) (i32.const 122)))
          (then (i32.store8 offset=1024 (local.get $i) (i32.sub (local.get $byte) (i32.const 32)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.store8 offset=1024 (local.get $count) (i32.const 32))
    (local.set $count (i32.add (local.get $count) (i32.const 1)))
    (local.set $found
      (call $lookup (i32.const 0) (local.get $keyCount) (i32.add (i32.const 1024) (local.get $count)) (i32.const 1024)))
    (if (i32.gt_s (local.get $found) (i32.const 0))
      (then (local.set $count (i32.add (local.get $count)
        (select (local.get $found) (i32.const 1024) (i32.lt_u (local.get $found) (i32.const 1024)))))))
    (call $emit (i32.const 0) (local.get $keyCount) (i32.const 1024) (local.get $count))))
