(module $m (tag $e (export "e") (param i32 v128)) (tag $none) (global $x (mut exnref) (ref.null exn))
  (memory $s (export "s") 1 4 shared) (memory $b i64 10 70 (pagesize 1)) (table $t 2 exnref)
  (func $throws (param i32) (throw $e (local.get 0) (v128.const f32x4 nan:0x1 -inf 0x1p-149 -0)))
  (func $all (export "all") (param i32) (result i32) (local $k exnref)
    block $a (result i32 v128)
      block $b (result i32 v128 exnref)
        block $c (result exnref)
          block $d
            try_table (catch $e $a) (catch_ref $e $b) (catch_all $d) (catch_all_ref $c)
              local.get 0 call $throws
            end
            i32.const 0 return
          end
          i32.const 1 return
        end
        local.tee $k global.set $x i32.const 1 local.get $k table.set $t
        local.get $k throw_ref
      end
      local.set $k
    end
    i16x8.extract_lane_u 7 i32.add)
  (func (export "atomic") (param i32) (result i64)
    (atomic.fence) (drop (memory.atomic.notify $s offset=4 (local.get 0) (i32.const 1)))
    (drop (memory.atomic.wait32 $s (local.get 0) (i32.const 1) (i64.const 0)))
    (i64.atomic.store $s offset=8 align=8 (local.get 0) (i64.const -1))
    (i64.atomic.rmw8.cmpxchg_u $s (local.get 0) (i64.const 1) (i64.atomic.rmw.add $s (local.get 0) (i64.const 2))))
  (func (export "lanes") (param i64) (result v128)
    (v128.store64_lane $b offset=1 align=2 1 (local.get 0) (v128.load32_splat $b (local.get 0)))
    (f32x4.relaxed_madd (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 -15) (v128.load8x8_s $b (local.get 0))
      (i8x16.shuffle 0 31 1 30 2 29 3 28 4 27 5 26 6 25 7 24 (i64x2.splat (local.get 0)) (v128.load64_zero $b (local.get 0)))))
  (func (export "wide") (param i64 i64) (result i64 i64) (i64.add128 (i64.mul_wide_u (local.get 0) (local.get 1)) (local.get 0) (local.get 1))))
