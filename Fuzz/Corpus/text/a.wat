(module (type $t (func (param i32) (result i32))) (memory 1) (table 2 funcref) (global $g (mut i64) (i64.const 3))
  (func $f (type $t) (local $x f64) (block $b (loop $l (br_if $l (local.get 0)) (br $b))) (i32.load offset=4 (local.get 0)))
  (elem (i32.const 0) $f) (data (i32.const 8) "a\00\ff") (export "f" (func $f)))
