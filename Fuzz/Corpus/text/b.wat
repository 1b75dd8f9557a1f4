(module $m (rec (type $s (sub (struct (field $a (mut i32)) (field i8)))) (type (sub $s (struct (field (mut i32)) (field i8) (field (ref null $s))))))
  (tag $e (param i32)) (import "m" "f" (func $h (param externref)))
  (func (result i32) (block $c (result i32) (try_table (catch $e $c) (throw $e (i32.const 1))) (unreachable)))
  (func (param v128) (result v128) (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (local.get 0) (v128.const i32x4 1 2 3 4))))
