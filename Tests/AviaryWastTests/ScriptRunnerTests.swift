import Aviary
import AviaryWast
import Synchronization
import Testing

@Suite struct ScriptRunnerTests {
  static let engine = try! Engine()

  func run(_ script: String, output: @escaping Spectest.Output = { _ in }) throws -> [ScriptResult] {
    var runner = try ScriptRunner(Array(script.utf8), engine: Self.engine, output: output)
    return runner.run()
  }

  /// Every kind of command once as it should be.
  @Test func everythingPasses() throws {
    let results = try run("""
      (module $m (func (export "id") (param i32) (result i32) (local.get 0)) (global (export "g") i64 (i64.const 5))
        (func (export "nan") (result f32) (f32.div (f32.const 0) (f32.const 0)))
        (func (export "trap") unreachable) (func $deep (export "deep") (call $deep))
        (func (export "extern") (param externref) (result externref) (local.get 0))
        (func (export "func") (result funcref) (ref.func $deep)))
      (register "m" $m)
      (invoke "id" (i32.const 1))
      (assert_return (invoke $m "id" (i32.const -1)) (i32.const 0xFFFFFFFF))
      (assert_return (get "g") (i64.const 5))
      (assert_return (invoke "nan") (f32.const nan:canonical))
      (assert_return (invoke "extern" (ref.extern 7)) (ref.extern 7))
      (assert_return (invoke "extern" (ref.null extern)) (ref.null extern))
      (assert_return (invoke "func") (ref.func))
      (assert_trap (invoke "trap") "unreachable")
      (assert_exhaustion (invoke "deep") "call stack exhausted")
      (assert_malformed (module quote "(func (nonsense))") "")
      (assert_malformed (module binary "\\00asm") "unexpected end")
      (assert_invalid (module (func (result i32))) "type mismatch")
      (assert_unlinkable (module (import "m" "none" (func))) "unknown import")
      (assert_unlinkable (module (import "m" "id" (func))) "incompatible import type")
      (assert_trap (module (memory 1) (data (i32.const 65536) "a")) "out of bounds memory access")
      (module definition $d (func (export "f") (result i32) (i32.const 3)))
      (module instance $i $d)
      (assert_return (invoke $i "f") (i32.const 3))
      """)
    for result in results { #expect(result.outcome == .passed, "line \(result.line)") }
    #expect(results.count == 20)
    #expect(results.first?.line == 1)
    #expect(results.last?.line == 24)
  }

  /// What should fail does.
  @Test func everythingFails() throws {
    let module = "(module (func (export \"one\") (result i32) (i32.const 1)) (func (export \"trap\") unreachable))\n"
    for command in [
      "(assert_return (invoke \"one\") (i32.const 2))", "(assert_return (invoke \"one\") (i64.const 1))",
      "(assert_return (invoke \"one\"))", "(assert_return (invoke \"none\"))", "(assert_return (invoke \"trap\"))",
      "(assert_trap (invoke \"one\") \"unreachable\")", "(assert_trap (invoke \"trap\") \"integer overflow\")",
      "(assert_malformed (module quote \"\") \"\")", "(assert_invalid (module) \"\")",
      "(assert_invalid (module (func (result i32))) \"unknown local\")", "(assert_unlinkable (module) \"\")",
      "(assert_invalid (module quote \"(nonsense)\") \"\")", "(register \"x\" $none)", "(module instance $i $none)",
      "(module (import \"none\" \"none\" (func)))", "(assert_return (get $none \"one\"))",
    ] {
      let results = try run(module + command)
      #expect(results.count == 2)
      guard case .failed? = results.last?.outcome else {
        Issue.record("passed: \(command)")
        continue
      }
    }
  }

  @Test func printing() throws {
    let lines = Mutex<[String]>([])
    let results = try run(
      "(module (import \"spectest\" \"print_i32\" (func $p (param i32))) (func (export \"f\") (call $p (i32.const 42))))(invoke \"f\")",
      output: { line in lines.withLock { $0.append(line) } })
    #expect(ScriptCounts(results).passed == 2)
    #expect(lines.withLock { $0 } == ["i32:42"])
  }
}

/// Scripts with threads, as the threads proposal's suite has them.
@Suite struct ScriptThreadTests {
  static let engine: Engine = {
    var configuration = EngineConfiguration()
    configuration.features = .all
    return try! Engine(configuration)
  }()

  func outcomes(_ script: String) throws -> [ScriptResult] {
    var runner = try ScriptRunner(Array(script.utf8), engine: Self.engine)
    return runner.run()
  }

  static let memory = "(module $Mem (memory (export \"shared\") 1 1 shared))\n"

  @Test func threadsShareAMemory() throws {
    let results = try outcomes(
      Self.memory + """
        (thread $T1 (shared (module $Mem))
          (register "mem" $Mem)
          (module (memory (import "mem" "shared") 1 1 shared)
            (func (export "run")
              (i32.atomic.store (i32.const 4) (i32.const 42))
              (i32.atomic.store (i32.const 0) (i32.const 1))
              (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))))
          (invoke "run"))
        (thread $T2 (shared (module $Mem))
          (register "mem" $Mem)
          (module (memory (import "mem" "shared") 1 1 shared)
            (func (export "run") (result i32)
              (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
              (i32.atomic.load (i32.const 4))))
          (assert_return (invoke "run") (i32.const 42)))
        (wait $T1)
        (wait $T2)
        (assert_unlinkable (module (memory (import "mem" "shared") 1 1 shared)) "unknown import")
        """)
    #expect(results.map(\.outcome) == [ScriptResult.Outcome](repeating: .passed, count: 6), "\(results)")
  }

  @Test func failuresOfThreadsAreTheirWaits() throws {
    let results = try outcomes(
      Self.memory + """
        (thread $T
          (module (func (export "f") (result i32) (i32.const 1)))
          (assert_return (invoke "f") (i32.const 2)))
        (thread $T)
        (wait $T)
        (wait $T)
        (thread $U (shared (module $None)))
        (thread $V (shared (module $Mem)) (get $Mem "shared"))
        (wait $V)
        """)
    let failures = results.filter { $0.outcome != .passed }
    #expect(failures.map(\.line) == [5, 6, 7, 8, 10])
    guard case .failed(let message) = failures[1].outcome else { return }
    #expect(message.hasPrefix("line 4 of the thread: "), "\(message)")
  }

  @Test func threadsWithinThreads() throws {
    let results = try outcomes(
      Self.memory + """
        (thread $T (shared (module $Mem))
          (thread $U (shared (module $Mem))
            (register "mem" $Mem)
            (module (memory (import "mem" "shared") 1 1 shared)
              (func (export "load") (result i32) (i32.load (i32.const 0))))
            (assert_return (invoke "load") (i32.const 0)))
          (wait $U))
        (wait $T)
        """)
    #expect(results.map(\.outcome) == [.passed, .passed, .passed], "\(results)")
    let deep = String(repeating: "(thread $T ", count: 17) + String(repeating: ")", count: 17)
    let refused = try outcomes(deep)
    #expect(refused.count == 1 && refused[0].command == "script")
    let deepest = String(repeating: "(thread $T ", count: 16) + String(repeating: ")", count: 16)
    #expect(try outcomes(deepest).map(\.outcome) == [.passed])
  }
}
