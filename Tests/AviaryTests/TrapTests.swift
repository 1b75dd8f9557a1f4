import Aviary
import Foundation
import Synchronization
import Testing

@Suite struct TrapTests {
  @Test(arguments: [
    ("unreachable", Trap.Code.unreachable),
    ("(drop (i32.load (i32.const 65536)))", .memoryOutOfBounds),
    ("(drop (i32.load (i32.const -1)))", .memoryOutOfBounds),
    ("(i64.store offset=4294967295 (i32.const -1) (i64.const 1))", .memoryOutOfBounds),
    ("(memory.fill (i32.const 65530) (i32.const 0) (i32.const 100))", .memoryOutOfBounds),
    ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", .integerDivideByZero),
    ("(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))", .integerOverflow),
    ("(drop (i32.trunc_f64_s (f64.const nan)))", .invalidConversionToInteger),
    ("(drop (i32.trunc_f64_s (f64.const 1e20)))", .integerOverflow),
    ("(call_indirect (type $v) (i32.const 9))", .undefinedElement),
    ("(call_indirect (type $v) (i32.const 1))", .uninitializedElement),
    ("(call_indirect (type $i) (i32.const 7) (i32.const 0))", .indirectCallTypeMismatch),
    ("(drop (table.get 0 (i32.const 4)))", .tableOutOfBounds),
  ])
  func codes(_ body: String, _ code: Trap.Code) throws {
    let instance = try Fixture.instance("""
      (module (type $v (func)) (type $i (func (param i32)))
        (memory 1) (table 4 funcref) (elem (i32.const 0) $f)
        (func $f) (func (export "go") \(body)))
      """)
    for _ in 0..<2 { #expect(trapCode { _ = try instance.function("go")([]) } == code) }
  }

  @Test func backtraces() throws {
    let module = try Fixture.engine.compile(
      wat: """
        (module $demo
          (func $inner (param i32) (drop (i32.div_s (i32.const 1) (local.get 0))))
          (func $middle (param i32) (call $inner (local.get 0)))
          (func (export "outer") (param i32) (call $middle (local.get 0))))
        """)
    let instance = try Linker<Void>(Fixture.engine).instantiate(module, in: Store(Fixture.engine))
    guard case .trap(let trap)? = wasmError({ _ = try instance.function("outer")(.i32(0)) }) else {
      Issue.record("no trap")
      return
    }
    #expect(trap.frames.map(\.functionName) == ["inner", "middle", "outer"])
    #expect(trap.frames.map(\.functionIndex) == [0, 1, 2])
    #expect(trap.frames.allSatisfy { $0.module == "demo" && $0.offset != nil })
    #expect(trap.description.hasPrefix("wasm trap: integer divide by zero\n  0: demo!inner at byte 0x"))
  }

  @Test func faultAddress() throws {
    let instance = try Fixture.instance("(module (memory 1) (func (export \"go\") (drop (i32.load (i32.const 0x12345)))))")
    guard case .trap(let trap)? = wasmError({ _ = try instance.function("go")([]) }) else {
      Issue.record("no trap")
      return
    }
    #expect(trap.address == 0x12345)
  }

  @Test func recursionOfAnyFrameSize() throws {
    for locals in [0, 100, 5_000, 40_000] {
      let instance = try Fixture.instance("""
        (module (func $f (export "f") (param i64) (result i64) (local \(String(repeating: "i64 ", count: locals)))
          (i64.add (call $f (i64.add (local.get 0) (i64.const 1))) (i64.const 1))))
        """)
      let f = try instance.function("f", as: ((Int64) -> Int64).self)
      for _ in 0..<3 { #expect(trapCode { _ = try f(0) } == .callStackExhausted, "\(locals) locals") }
    }
  }

  /// Recursion that alternates between guest and host ends in a trap as well.
  @Test func recursionThroughTheHost() throws {
    let linker = Linker<Void>(Fixture.engine)
    linker.define("env", "call") { (caller: borrowing Caller<Void>, depth: Int32) throws -> Int32 in
      if depth == 0 { return 0 }
      return try caller.function("go").typed(as: ((Int32) -> Int32).self)(depth - 1)
    }
    let instance = try linker.instantiate(
      try Fixture.compile(
        """
        (module (import "env" "call" (func $call (param i32) (result i32)))
          (func $deep (param i32 i32) (result i32)
            (if (result i32) (local.get 1)
              (then (call $deep (local.get 0) (i32.sub (local.get 1) (i32.const 1))))
              (else (call $call (local.get 0)))))
          (func (export "go") (param i32) (result i32) (call $deep (local.get 0) (i32.const 300))))
        """), in: Store(Fixture.engine))
    let go = try instance.function("go", as: ((Int32) -> Int32).self)
    #expect(try go(3) == 0)
    #expect(trapCode { _ = try go(1000) } == .callStackExhausted)
    #expect(try go(3) == 0)
  }

  /// The same where the guest uses little of its own stack and the host's thread has little of its.
  @Test func recursionThroughTheHostOnASmallThread() throws {
    let linker = Linker<Void>(Fixture.engine)
    linker.define("env", "call") { (caller: borrowing Caller<Void>) throws in _ = try caller.function("go")([]) }
    let linked = try linker.link(
      try Fixture.compile("(module (import \"env\" \"call\" (func $call)) (func (export \"go\") (call $call)))"))
    for stackSize in [256 << 10, 512 << 10, 8 << 20] {
      let code = Mutex<Trap.Code?>(nil)
      let done = DispatchSemaphore(value: 0)
      let thread = Thread {
        let found = trapCode { _ = try linked.instantiate(in: Store(Fixture.engine)).function("go")([]) }
        code.withLock { $0 = found }
        done.signal()
      }
      thread.stackSize = stackSize
      thread.start()
      done.wait()
      #expect(code.withLock { $0 } == .callStackExhausted, "\(stackSize) bytes of stack")
    }
  }

  @Test func interruption() throws {
    let store = Store(Fixture.engine)
    let instance = try Linker<Void>(Fixture.engine).instantiate(
      try Fixture.compile("(module (func (export \"spin\") (loop (br 0))) (func (export \"ok\")))"), in: store)
    let error = wasmError {
      try store.withDeadline(after: .milliseconds(20)) { _ = try instance.function("spin")([]) }
    }
    #expect(error?.trapCode == .interrupted)
    _ = try instance.function("ok")([])
    let interrupter = try store.interrupter()
    interrupter.interrupt()
    #expect(trapCode { _ = try instance.function("ok")([]) } == .interrupted)
    // Deadlines that do not pass leave it alone.
    try store.withDeadline(after: .seconds(1000)) {}
    #expect(trapCode { _ = try instance.function("ok")([]) } == .interrupted)
    interrupter.reset()
    _ = try instance.function("ok")([])
    try store.withDeadline(after: .seconds(Int64.max)) { _ = try instance.function("ok")([]) }
    #expect(trapCode { try store.withDeadline(after: .seconds(-1)) { _ = try instance.function("spin")([]) } } == .interrupted)
    _ = try instance.function("ok")([])
  }
}
