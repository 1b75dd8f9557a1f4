import Aviary
import Foundation
import Testing

/// Many stores on many threads, each trapping, throwing, growing and recursing in an order of
/// its own: nothing of one shows in another.
@Suite struct StressTests {
  struct Tenant { var id: Int32; var calls = 0 }

  static let wat = """
    (module (import "env" "id" (func $id (result i32))) (import "env" "fail" (func $fail (param i32)))
      (memory (export "memory") 1 20) (table 4 funcref) (elem (i32.const 0) $mark)
      (type $v (func))
      (global $g (mut i32) (i32.const 0))
      (func $mark (i32.store (i32.const 128) (call $id)))
      (func (export "mark") (result i32) (call_indirect (type $v) (i32.const 0)) (i32.load (i32.const 128)))
      (func (export "fault") (drop (i64.load (i32.const 0x7ffffff0))))
      (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
      (func (export "null") (call_indirect (type $v) (i32.const 3)))
      (func (export "fail") (param i32) (call $fail (local.get 0)))
      (func $deep (export "deep") (param i32) (result i32)
        (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
      (func (export "grow") (result i32) (memory.grow (i32.const 1)))
      (func (export "count") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))
    """

  static func plugin() throws -> LinkedModule<Tenant> {
    let linker = Linker<Tenant>(Fixture.engine)
    linker.define("env", "id") { (caller: borrowing Caller<Tenant>) -> Int32 in
      caller.state.calls += 1
      return caller.state.id
    }
    linker.define("env", "fail") { (caller: borrowing Caller<Tenant>, number: Int32) throws in
      throw Mishap(number: Int(number ^ caller.state.id))
    }
    return try linker.link(try Fixture.compile(wat))
  }

  /// One tenant's life of `rounds` random steps. Returns what was wrong.
  static func live(_ plugin: LinkedModule<Tenant>, id: Int32, seed: UInt64, rounds: Int) throws -> String? {
    var random = SplitMix(state: seed)
    let store = Store(Fixture.engine, state: Tenant(id: id))
    let instance = try plugin.instantiate(in: store)
    var grown: Int32 = 1
    var counted: Int32 = 0
    for round in 0..<rounds {
      let kind = random.next() % 9
      let isFine: Bool =
        switch kind {
        case 0: try instance.function("mark", as: (() -> Int32).self)() == id
        case 1: trapCode { _ = try instance.function("fault")([]) } == .memoryOutOfBounds
        case 2: trapCode { _ = try instance.function("divide")(.i32(0)) } == .integerDivideByZero
        case 3: trapCode { _ = try instance.function("null")([]) } == .uninitializedElement
        case 4: trapCode { _ = try instance.function("deep")(.i32(0)) } == .callStackExhausted
        case 5:
          mishap { _ = try instance.function("fail")(.i32(Int32(round))) } == Mishap(number: Int(Int32(round) ^ id))
        case 6:
          try {
            let old = try instance.function("grow", as: (() -> Int32).self)()
            defer { if grown < 20 { grown += 1 } }
            return old == (grown < 20 ? grown : -1)
          }()
        case 7:
          try {
            counted += 1
            return try instance.function("count", as: (() -> Int32).self)() == counted
          }()
        default: try instance.function("divide", as: ((Int32) -> Int32).self)(1) == 1
        }
      if !isFine { return "seed \(seed), tenant \(id), round \(round), step \(kind)" }
    }
    return nil
  }

  static func mishap(_ body: () throws -> Void) -> Mishap? {
    do {
      try body()
      return nil
    } catch { return error as? Mishap }
  }

  struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  @Test func manyTenantsOnThreads() throws {
    let plugin = try Self.plugin()
    let failures = Failures()
    DispatchQueue.concurrentPerform(iterations: 16) { thread in
      for turn in 0..<4 {
        do {
          let id = Int32(thread * 100 + turn + 1)
          if let failure = try Self.live(plugin, id: id, seed: UInt64(id) &* 0x1234_5678_9ABC, rounds: 100) {
            failures.add(failure)
          }
        } catch { failures.add("\(error)") }
      }
    }
    #expect(failures.all == [])
  }

  /// The same as tasks: a store is used by several threads one after the other.
  @Test func manyTenantsInTasks() async throws {
    let plugin = try Self.plugin()
    let failures = await withTaskGroup(of: [String].self) { group in
      for task in 0..<16 {
        group.addTask {
          let store = Store(Fixture.engine, state: Tenant(id: Int32(task)))
          guard let instance = try? await plugin.instantiate(in: store) else { return ["no instance"] }
          var wrong: [String] = []
          for round in 0..<50 {
            if (try? instance.function("mark", as: (() -> Int32).self)()) != Int32(task) { wrong.append("mark \(round)") }
            if trapCode({ _ = try instance.function("fault")([]) }) != .memoryOutOfBounds { wrong.append("fault \(round)") }
            if trapCode({ _ = try instance.function("deep")(.i32(0)) }) != .callStackExhausted { wrong.append("deep \(round)") }
            await Task.yield()
          }
          return wrong
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    #expect(failures == [])
  }

  private final class Failures: @unchecked Sendable {
    private let lock = NSLock()
    private var list: [String] = []
    func add(_ failure: String) { lock.withLock { list.append(failure) } }
    var all: [String] { lock.withLock { list } }
  }
}
