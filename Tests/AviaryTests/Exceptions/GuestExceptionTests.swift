import Aviary
import Testing

/// What is thrown and caught between guests.
@Suite struct GuestExceptionTests {
  /// Pins of every register class, homes, operands and constants below the try, over a throw from a callee that has
  /// pins of its own.
  static let state = """
    (module
      (tag $e (param i32))
      (global $g (mut i32) (i32.const 0))
      (func $clobber (param $n i32) (local $a i64) (local $b i64) (local $c i64) (local $d f64) (local $i i32)
        (local.set $d (f64.const 9))
        (loop $l
          (local.set $a (i64.add (local.get $a) (i64.const 3)))
          (local.set $b (i64.xor (local.get $b) (local.get $a)))
          (local.set $c (i64.sub (local.get $b) (local.get $a)))
          (local.set $d (f64.add (local.get $d) (f64.const 0.5)))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
        (global.set $g (i32.add (global.get $g) (i32.wrap_i64 (local.get $c))))
        (if (i32.and (local.get $n) (i32.const 1)) (then (throw $e (i32.mul (local.get $n) (i32.const 10)))))
        (drop (local.get $d)))
      (func (export "run") (param $n i32) (result i64)
        (local $i i32) (local $s i64) (local $t i64) (local $u i64) (local $x f64) (local $y f32) (local $w i64)
        (local.set $s (i64.const 1)) (local.set $t (i64.const 2)) (local.set $u (i64.const 3))
        (local.set $x (f64.const 0.25)) (local.set $y (f32.const 2)) (local.set $w (i64.const 77))
        (loop $l
          (local.set $s (i64.add (local.get $s) (i64.mul (local.get $t) (i64.const 5))))
          (local.set $s (i64.add
            (i64.add (local.get $s) (local.get $u))
            (i64.extend_i32_s (i32.add (i32.const 1000)
              (block $caught (result i32)
                (try_table (catch $e $caught)
                  (local.set $t (i64.add (local.get $t) (i64.const 1)))
                  (local.set $x (f64.add (local.get $x) (f64.const 1)))
                  (call $clobber (local.get $i))
                  (local.set $u (i64.add (local.get $u) (i64.const 1)))
                  (local.set $y (f32.add (local.get $y) (f32.const 1))))
                (i32.const -5))))))
          (local.set $w (i64.rotl (local.get $w) (i64.const 1)))
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (i64.add (local.get $s) (i64.add (local.get $w)
          (i64.add (i64.trunc_f64_s (f64.mul (local.get $x) (f64.const 100)))
            (i64.add (i64.trunc_f32_s (local.get $y)) (i64.mul (local.get $u) (local.get $t))))))))
    """

  /// The same computed here.
  private func expected(_ n: Int32) -> Int64 {
    var (s, t, u, w): (Int64, Int64, Int64, Int64) = (1, 2, 3, 77)
    var (x, y) = (0.25, Float(2))
    for i in 0..<n {
      s += t * 5
      let left = s + u
      t += 1
      x += 1
      var value: Int64 = -5
      if i & 1 == 1 {
        value = Int64(i) * 10
      } else {
        u += 1
        y += 1
      }
      s = left + 1000 + value
      w = w << 1 | Int64(UInt64(bitPattern: w) >> 63)
    }
    return s + w + Int64(x * 100) + Int64(y) + u * t
  }

  @Test(arguments: ExceptionFixture.kinds) func localsAndOperandsSurvive(_ kind: ExceptionFixture.Kind) throws {
    let run = try ExceptionFixture.instance(kind.engine, Self.state).function("run", as: ((Int32) -> Int64).self)
    for n: Int32 in [1, 2, 3, 50] { #expect(try run(n) == expected(n), "\(n)") }
  }

  @Test(arguments: ExceptionFixture.kinds) func everyKindOfValueArrives(_ kind: ExceptionFixture.Kind) throws {
    let instance = try ExceptionFixture.instance(
      kind.engine,
      """
      (module
        (tag $all (param i32 i64 f32 f64 v128 funcref externref exnref i32 i64 f64 f32))
        (tag $none)
        (func $f (export "f"))
        (func $throw (param i32 i64 f32 f64 v128 externref)
          (local $x exnref)
          (block $got (result exnref) (try_table (catch_all_ref $got) (throw $none)) (unreachable))
          (local.set $x)
          (throw $all (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (ref.func $f)
            (local.get 5) (local.get $x) (i32.const -1) (i64.const -2) (f64.const -3) (f32.const -4)))
        (func (export "pass") (param i32 i64 f32 f64 v128 externref)
          (result i32 i64 f32 f64 v128 funcref externref exnref i32 i64 f64 f32)
          (block $caught (result i32 i64 f32 f64 v128 funcref externref exnref i32 i64 f64 f32)
            (try_table (catch $all $caught)
              (call $throw (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)))
            (unreachable)))
        (func (export "escape") (param i32 i64 f32 f64 v128 externref)
          (call $throw (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)))
        (elem declare func $f))
      """)
    let object = ExternRef("object")
    let arguments: [Value] = [
      .i32(-7), .i64(.min), .f32(1.5), .f64(-0.0), .v128(V128(low: 0x0123_4567_89AB_CDEF, high: .max)), .externref(object),
    ]
    let constants: [Value] = [.i32(-1), .i64(-2), .f64(-3), .f32(-4)]
    func check(_ values: [Value]) throws {
      #expect(values.count == 12)
      #expect(Array(values[0..<5]) == Array(arguments[0..<5]))
      #expect(values[5] == .funcref(try instance.function("f")))
      #expect(values[6] == arguments[5])
      guard case .exnref(let exception?) = values[7] else { throw Mishap(number: 7) }
      #expect(exception.exception.values.isEmpty)
      #expect(Array(values[8...]) == constants)
    }
    try check(try instance.function("pass")(arguments))
    let exception = wasmException { _ = try instance.function("escape")(arguments) }
    try check(try #require(exception).values)
  }

  @Test func aThousandValuesArrive() throws {
    let types = String(repeating: "i64 ", count: 1000)
    let values = (0..<1000).map { "(i64.const \($0))" }.joined()
    let instance = try ExceptionFixture.instance(
      ExceptionFixture.plain,
      """
      (module (tag $t (param \(types)))
        (func $throw (throw $t \(values)))
        (func (export "run") (result \(types))
          (block $caught (result \(types)) (try_table (catch $t $caught) (call $throw)) (unreachable)))
        (func (export "escape") (call $throw)))
      """)
    #expect(try instance.function("run")([]) == (0..<1000).map { .i64($0) })
    #expect(wasmException { _ = try instance.function("escape")([]) }?.values == (0..<1000).map { .i64($0) })
  }

  @Test(arguments: ExceptionFixture.kinds) func clausesAreTriedInOrderAndFromTheInside(_ kind: ExceptionFixture.Kind) throws {
    let instance = try ExceptionFixture.instance(
      kind.engine,
      """
      (module
        (tag $a) (tag $b) (tag $c)
        (func $throw (param i32)
          (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $a)))
          (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $b)))
          (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $c))))
        (func (export "run") (param i32) (result i32)
          (block $all (block $b (block $a (block $inner
            (try_table (catch $a $a) (catch $b $b) (catch_all $all)
              (try_table (catch $a $inner) (call $throw (local.get 0)))
              (call $throw (local.get 0))
              (return (i32.const 0)))
            (unreachable)) (return (i32.const 10))) (return (i32.const 11))) (return (i32.const 20)))
          (i32.const 30)))
      """)
    let run = try instance.function("run", as: ((Int32) -> Int32).self)
    #expect(try [0, 1, 2, 3].map { try run($0) } == [0, 10, 20, 30])
  }

  @Test(arguments: ExceptionFixture.kinds) func tailCallsLeaveTheTry(_ kind: ExceptionFixture.Kind) throws {
    let instance = try ExceptionFixture.instance(
      kind.engine,
      """
      (module
        (tag $e (param i32))
        (type $t (func (param i32)))
        (table funcref (elem $throw))
        (func $throw (param i32) (throw $e (local.get 0)))
        (func $direct (param i32)
          (block $caught (result i32) (try_table (catch $e $caught) (return_call $throw (local.get 0))) (i32.const 0)) (drop))
        (func $indirect (param i32)
          (block $caught (result i32)
            (try_table (catch $e $caught) (return_call_indirect (type $t) (local.get 0) (i32.const 0))) (i32.const 0)) (drop))
        (func (export "run") (param i32) (result i32)
          (i32.add
            (block $caught (result i32) (try_table (catch $e $caught) (call $direct (local.get 0))) (i32.const -1))
            (block $caught (result i32) (try_table (catch $e $caught) (call $indirect (local.get 0))) (i32.const -1)))))
      """)
    #expect(try instance.function("run", as: ((Int32) -> Int32).self)(21) == 42)
  }

  @Test(arguments: ExceptionFixture.kinds) func trapsAreNotCaught(_ kind: ExceptionFixture.Kind) throws {
    let instance = try ExceptionFixture.instance(
      kind.engine,
      """
      (module
        (memory 1) (table 1 funcref) (type $t (func))
        (func $deep (param i64 i64 i64) (call $deep (local.get 0) (local.get 1) (local.get 2)))
        (func $trap (param i32)
          (block (block (block (block (block (br_table 0 1 2 3 4 (local.get 0)))
            (unreachable))
            (drop (i32.load (i32.const -1))) (return))
            (drop (i32.div_s (i32.const 1) (i32.const 0))) (return))
            (call_indirect (type $t) (i32.const 0)) (return))
          (call $deep (i64.const 1) (i64.const 2) (i64.const 3)))
        (func (export "run") (param i32) (result i32)
          (block $caught
            (try_table (catch_all $caught) (call $trap (local.get 0)))
            (return (i32.const 1)))
          (i32.const 2))
        (func (export "null")
          (block $caught (try_table (catch_all $caught) (throw_ref (ref.null exn))))))
      """)
    let run = try instance.function("run", as: ((Int32) -> Int32).self)
    let codes: [Trap.Code] = [
      .unreachable, .memoryOutOfBounds, .integerDivideByZero, .uninitializedElement, .callStackExhausted,
    ]
    for (index, code) in codes.enumerated() {
      #expect(trapCode { _ = try run(Int32(index)) } == code)
    }
    #expect(trapCode { _ = try instance.function("null")([]) } == .nullExceptionReference)
  }

  @Test(arguments: ExceptionFixture.kinds) func tenThousandFramesAreUnwound(_ kind: ExceptionFixture.Kind) throws {
    let instance = try ExceptionFixture.instance(
      kind.engine,
      """
      (module
        (tag $e (param i32)) (tag $other)
        (func $down (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 99))))
          (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
        ;; A handler in each frame, for another tag.
        (func $tries (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 98))))
          (block $h (try_table (catch $other $h)
            (return (i32.add (i32.const 1) (call $tries (i32.sub (local.get 0) (i32.const 1)))))))
          (i32.const -1))
        (func (export "run") (param i32) (result i32)
          (block $caught (result i32) (try_table (catch $e $caught) (drop (call $down (local.get 0)))) (i32.const 0)))
        (func (export "tries") (param i32) (result i32)
          (block $caught (result i32) (try_table (catch $e $caught) (drop (call $tries (local.get 0)))) (i32.const 0)))
        (func (export "escape") (param i32) (result i32) (call $down (local.get 0))))
      """)
    let depth: Int32 = 10_000
    for _ in 0..<3 {
      #expect(try instance.function("run", as: ((Int32) -> Int32).self)(depth) == 99)
      #expect(try instance.function("tries", as: ((Int32) -> Int32).self)(depth / 3) == 98)
    }
    let exception = wasmException { _ = try instance.function("escape", as: ((Int32) -> Int32).self)(depth) }
    #expect(exception?.values == [.i32(99)])
    #expect(exception?.frames.count == 64)
  }

  /// An exception, a throw_ref of it, and the throws after that: each keeps its own values.
  @Test(arguments: ExceptionFixture.kinds) func referencesAreThrownAgain(_ kind: ExceptionFixture.Kind) throws {
    let instance = try ExceptionFixture.instance(
      kind.engine,
      """
      (module
        (tag $e (param i32 f64)) (tag $f (param i64))
        (table $t 4 exnref)
        (global $g (mut exnref) (ref.null exn))
        (func $keep (param i32 i32)
          (block $caught (result i32 f64 exnref)
            (try_table (catch_ref $e $caught) (throw $e (local.get 1) (f64.const 0.5)))
            (unreachable))
          (global.set $g) (drop) (drop)
          (table.set $t (local.get 0) (global.get $g)))
        (func (export "run") (result i32)
          (local $i i32) (local $sum i32) (local $x exnref)
          (call $keep (i32.const 0) (i32.const 100))
          (call $keep (i32.const 1) (i32.const 200))
          (call $keep (i32.const 2) (i32.const 300))
          (loop $l
            (block $none (block $caught (result i32 f64)
              (block $ref (result exnref)
                (try_table (catch $e $caught) (catch_all_ref $ref)
                  (throw_ref (table.get $t (local.get $i))))
                (br $none))
              (local.set $x) (br $none))
              (drop) (local.set $sum (i32.add (local.get $sum))))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))
          (local.get $sum)))
      """)
    #expect(try instance.function("run", as: (() -> Int32).self)() == 600)
  }

  @Test(arguments: ExceptionFixture.kinds) func aLegacyCatchThrowsAgain(_ kind: ExceptionFixture.Kind) throws {
    let instance = try ExceptionFixture.instance(
      kind.engine,
      """
      (module
        (tag $e (param i32 i64)) (tag $f (param f64))
        (func $throw (param i32)
          (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $e (i32.const 5) (i64.const 6))))
          (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $f (f64.const 7)))))
        (func $again (param i32) (result i32)
          (local $k i32)
          (local.set $k (i32.const 3))
          (try (result i32)
            (do (call $throw (local.get 0)) (i32.const 0))
            (catch $e (drop) (local.set $k (i32.add (local.get $k)))
              (try (do (throw $f (f64.const 1))) (catch_all (rethrow 1)))
              (local.get $k))
            (catch_all (local.set $k (i32.const 50)) (rethrow 0))))
        (func (export "run") (param i32) (result i32)
          (try (result i32)
            (do
              (try (result i32) (do (call $again (local.get 0))) (delegate 0)))
            (catch $e (i32.wrap_i64) (i32.add))
            (catch $f (i32.trunc_f64_s)))))
      """)
    let run = try instance.function("run", as: ((Int32) -> Int32).self)
    #expect(try run(0) == 0)
    #expect(try run(1) == 11)
    #expect(try run(2) == 7)
  }

  /// Behind the end of a catch to which nothing branches, the operand stack is what it was before the try.
  @Test(arguments: ExceptionFixture.kinds) func aLegacyCatchLeavesNothingOnTheStack(_ kind: ExceptionFixture.Kind) throws {
    let instance = try ExceptionFixture.instance(
      kind.engine,
      """
      (module
        (tag $e (param i64))
        (func $f (export "f") (param i32) (result i32 f64 i64 i32)
          (i32.const 1) (f64.const 2) (i64.const 3)
          (try (do (throw $e (i64.const 9))) (catch $e (drop) (if (local.get 0) (then (rethrow 1)))))
          (try (result i32) (do (throw $e (i64.const 9))) (catch_all (i32.const 4)))))
      """)
    #expect(try instance.function("f")([.i32(0)]) == [.i32(1), .f64(2), .i64(3), .i32(4)])
    #expect(wasmException { _ = try instance.function("f")([.i32(1)]) }?.values == [.i64(9)])
  }

  @Test func aLoopOfThrowsIsInterruptedAndMetered() throws {
    let wat = """
      (module (tag $e)
        (func (export "spin") (loop $l (try_table (catch $e $l) (throw $e))))
        (func (export "legacy") (loop $l (try (do (throw $e)) (catch $e (br $l)))))
        (func $recursive (export "recursive")
          (try (do (throw $e)) (catch_all (return_call $recursive)))))
      """
    for name in ["spin", "legacy", "recursive"] {
      let metered = ExceptionFixture.engine {
        $0.fuelMetering = true
        $0.initialFuel = 100_000
      }
      let instance = try ExceptionFixture.instance(metered, wat)
      #expect(trapCode { _ = try instance.function(name)([]) } == .outOfFuel, "\(name)")

      let epochs = ExceptionFixture.engine { $0.interruption = .epoch(tick: .zero, action: .trap) }
      let store = Store<Void>(epochs)
      let checked = try Linker<Void>(epochs).instantiate(try epochs.compile(wat: wat), in: store)
      try store.setEpochDeadline(ticks: 0)
      #expect(trapCode { _ = try checked.function(name)([]) } == .interrupted, "\(name)")
    }
  }
}
