import Aviary
import AviaryText
import Testing

/// Whatever stack a guest has and however it uses it up: it traps, and its store works afterwards.
@Suite(.serialized) struct GuestOverflowTests {
  /// Of a stack, and how its guests' code is checked.
  enum Kind: CaseIterable, Sendable {
    case native, checked, onGuest, checkedOnGuest, pooled, pooledOnGuest, provided, providedOnGuest, smallGuard

    var isChecked: Bool { self == .checked || self == .checkedOnGuest || self == .smallGuard }
    var isOnGuest: Bool {
      switch self {
      case .onGuest, .checkedOnGuest, .pooledOnGuest, .providedOnGuest: true
      default: false
      }
    }

    func engine(_ stack: ByteCount) throws -> Engine {
      var configuration = EngineConfiguration()
      configuration.maxGuestStack = stack
      configuration.fiberStackSize = ByteCount(bytes: stack.bytes + 256 << 10)
      configuration.explicitStackChecks = isChecked
      if isOnGuest { configuration.hostStack = .guest }
      switch self {
      case .pooled, .pooledOnGuest:
        configuration.allocation = .pooling(PoolingConfiguration(instances: 8, maxMemory: .mebibytes(1)))
      case .provided, .providedOnGuest, .smallGuard:
        let bytes = Int(isOnGuest ? configuration.fiberStackSize.bytes : stack.bytes)
        configuration.stackProvider = StackShelf(stacks: 2, byteCount: bytes, guardBytes: self == .smallGuard ? 4096 : 2 << 20)
      default: break
      }
      return try Engine(configuration)
    }
  }

  /// Frames of about 8,000 times these bytes: up to more than 2 MiB, the guard's size.
  static let frames = [0, 1, 9, 50, 270]

  /// `a` defines a function of each frame size and each way to recurse; `b` is the other instance of the imports.
  private static func text(_ first: Bool) -> String {
    var functions = ""
    func add(_ name: String, _ frame: Int, _ call: String) {
      functions += "(func $\(name)\(frame) (export \"\(name)\(frame)\") (type $f) \(String(repeating: "(call $many) ", count: frame))"
      functions += "\(call) (return))\n"
    }
    let more = "(i64.add (local.get 0) (i64.const 1))"
    for (index, frame) in frames.enumerated() {
      if first {
        add("direct", frame, "(call $direct\(frame) \(more))")
        add("across", frame, "(call_indirect (type $f) \(more) (i32.const \(index)))")
        guard frame <= 50 else { continue }
        add("indirect", frame, "(call_indirect (type $f) \(more) (i32.const \(frames.count + index)))")
        add("host", frame, "(call $host \(more) (i32.const \(frame)))")
        add("tail", frame, "(call $jump\(frame) \(more) \(String(repeating: "(local.get 0)", count: 20)))")
        functions += """
          (func $jump\(frame) (param i64\(String(repeating: " i64", count: 20))) (result i64)
            (return_call_indirect (type $f) (local.get 0) (i32.const \(2 * frames.count + index))))

          """
      } else {
        add("back", frame, "(call $across\(frame) \(more))")
      }
    }
    let indices = frames.indices.map { "\($0)" }
    let some = frames.filter { $0 <= 50 }
    if first {
      return """
        (module (type $f (func (param i64) (result i64)))
          (import "env" "host" (func $host (param i64 i32) (result i64)))
          (import "env" "wait" (func $wait))
          (table (export "t") 40 funcref)
          (elem (i32.const \(frames.count)) func \(some.map { "$indirect\($0)" }.joined(separator: " ")))
          (elem (i32.const \(2 * frames.count)) func \(some.map { "$tail\($0)" }.joined(separator: " ")))
          (func $many (result \(String(repeating: "i64 ", count: 1000))) \((0..<1000).map { "(i64.const \($0))" }.joined()))
          (func $ok (export "ok") (param i64) (result i64)
            (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 0))
              (else (i64.add (i64.const 1) (call $ok (i64.sub (local.get 0) (i64.const 1)))))))
          (func (export "late") (param i64) (result i64)
            (call $wait) (call_indirect (type $f) (i64.const 0) (i32.wrap_i64 (local.get 0))))
          \(functions))
        """
    }
    return """
      (module (type $f (func (param i64) (result i64)))
        (import "a" "t" (table 40 funcref))
        \(frames.map { "(import \"a\" \"across\($0)\" (func $across\($0) (type $f)))" }.joined(separator: "\n"))
        (func $many (result \(String(repeating: "i64 ", count: 1000))) \((0..<1000).map { "(i64.const \($0))" }.joined()))
        (elem (i32.const 0) func \(zip(indices, frames).map { "$back\($0.1)" }.joined(separator: " ")))
        \(functions))
      """
  }

  /// Compiled once for all stacks: they do not change the code.
  private static let artifacts: [Bool: [[UInt8]]] = {
    var found: [Bool: [[UInt8]]] = [:]
    for kind in [Kind.native, .checked] {
      let engine = try! kind.engine(.kibibytes(64))
      found[kind.isChecked] = [true, false].map { try! engine.compile(wat: text($0)).artifact() }
    }
    return found
  }()

  struct World {
    let store: Store<Void>
    let a: Instance

    init(_ engine: Engine, _ kind: Kind) throws {
      let linker = Linker<Void>(engine)
      linker.define("env", "host") { (caller: borrowing Caller<Void>, n: Int64, frame: Int32) throws -> Int64 in
        try caller.function("host\(frame)").typed(as: ((Int64) -> Int64).self)(n)
      }
      linker.define("env", "wait") { (caller: borrowing Caller<Void>) async throws in await Task.yield() }
      let modules = try artifacts[kind.isChecked]!.map { try engine.load(artifact: $0) }
      store = Store(engine)
      a = try linker.instantiate(modules[0], in: store)
      linker.define("a", a)
      _ = try linker.instantiate(modules[1], in: store)
    }

    func function(_ name: String) throws -> TypedFunction<(Int64) -> Int64> { try a.function(name, as: ((Int64) -> Int64).self) }
  }

  static let names = ["direct", "across", "indirect", "host", "tail"].flatMap { name in
    frames.filter { $0 <= 50 || name == "direct" || name == "across" }.map { "\(name)\($0)" }
  }

  @Test(arguments: Kind.allCases, [ByteCount.kibibytes(64), .kibibytes(512)])
  func everyOverflowIsATrap(_ kind: Kind, _ stack: ByteCount) throws { try overflow(kind, stack) }

  @Test(arguments: [Kind.native, .checked, .pooledOnGuest, .smallGuard])
  func everyOverflowOfALargeStackIsATrap(_ kind: Kind) throws { try overflow(kind, .mebibytes(8)) }

  /// The large frames are as large as they are meant to be.
  @Test func fourFramesFillEightMebibytes() throws {
    let function = try World(try Kind.native.engine(.mebibytes(8)), .native).function("direct270")
    guard case .trap(let trap)? = wasmError({ _ = try function(0) }) else { return #expect(Bool(false), "no trap") }
    #expect(trap.frames.count == 4)
  }

  private func overflow(_ kind: Kind, _ stack: ByteCount) throws {
    let engine = try kind.engine(stack)
    let world = try World(engine, kind)
    let ok = try world.function("ok")
    for name in Self.names {
      let function = try world.function(name)
      #expect(trapCode { _ = try function(0) } == .callStackExhausted, "\(name)")
      #expect(try ok(100) == 100, "\(name)")
    }
  }

  /// The same in asynchronous calls: at once, and behind a suspension, perhaps on another thread.
  @Test(arguments: Kind.allCases, [ByteCount.kibibytes(64), .mebibytes(2)])
  func everyOverflowOfAnAsynchronousCallIsATrap(_ kind: Kind, _ stack: ByteCount) async throws {
    let engine = try kind.engine(stack)
    let world = try World(engine, kind)
    let ok = try world.function("ok")
    let late = try world.function("late")
    func expectTrap(_ function: TypedFunction<(Int64) -> Int64>, _ argument: Int64, _ name: String) async throws {
      do {
        _ = try await function.async(argument)
        Issue.record("no trap: \(name)")
      } catch let error as WasmError { #expect(error.trapCode == .callStackExhausted, "\(name)") }
      #expect(try await ok.async(100) == 100)
      #expect(try ok(100) == 100)
    }
    for name in Self.names { try await expectTrap(try world.function(name), 0, name) }
    for index in Array(0..<5) + Array(5..<9) + Array(10..<14) { try await expectTrap(late, Int64(index), "late \(index)") }
  }
}
