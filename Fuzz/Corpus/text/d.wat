(module (tag $e (param i64)) (tag $f)
  (func $g (param i64) (throw $e (local.get 0)))
  (func (export "old") (param i64) (result i64)
    try $a (result i64)
      try $b
        try local.get 0 call $g delegate $b
        try $c local.get 0 call $g delegate $a
      catch $f
        rethrow $b
      end
      i64.const 1
    catch $e
      i64.const 2 i64.add
    catch_all
      (try $d (do (throw $f)) (catch_all (rethrow $a)))
      i64.const 3
    end)
  (func (export "folded") (result i64)
    (try (result i64) (do (call $g (i64.const 4)) (i64.const 5)) (catch $e) (catch $f (i64.const 6)) (catch_all (i64.const 7)))
    (try (do (try (do (nop)) (delegate 0))) (catch_all (nop)))))
