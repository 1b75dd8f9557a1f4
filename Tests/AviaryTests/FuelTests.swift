import Aviary
import Testing

/// Fuel: exact counts, the same with every other setting, and exhaustion at the exact place.
@Suite struct FuelTests {
  static func engine(_ interruption: Interruption = .signals, isExplicit: Bool = false) -> Engine {
    var configuration = EngineConfiguration()
    configuration.fuelMetering = true
    configuration.interruption = interruption
    configuration.explicitStackChecks = isExplicit
    return try! Engine(configuration)
  }
  static let engines = [
    engine(), engine(.epoch(tick: .zero, action: .trap)), engine(isExplicit: true),
  ]

  struct Program: Sendable, CustomTestStringConvertible {
    var name: String
    var body: String
    var argument: Int32
    var fuel: UInt64
    var testDescription: String { "\(name)(\(argument))" }
    init(_ name: String, _ argument: Int32, _ fuel: UInt64, _ body: String) {
      (self.name, self.body, self.argument, self.fuel) = (name, body, argument, fuel)
    }
  }

  /// Costs counted by hand: 1 for each operator that is executed, 0 for block, loop, else, end, nop and drop.
  static let programs: [Program] = [
    .init("nothing", 0, 0, ""),
    .init("marks", 0, 0, "(nop) (block) (loop) (block (block (nop)))"),
    .init("straight", 5, 4, "(drop (i32.add (local.get 0) (i32.const 1))) (nop) (drop (local.get 0))"),
    .init("then", 1, 4, "(if (local.get 0) (then (drop (i32.const 1)) (drop (i32.const 2))) (else (drop (i32.const 1))))"),
    .init("else", 0, 3, "(if (local.get 0) (then (drop (i32.const 1)) (drop (i32.const 2))) (else (drop (i32.const 1))))"),
    .init("no else, taken", 1, 4, "(if (local.get 0) (then (drop (i32.const 1)))) (drop (i32.const 1))"),
    .init("no else", 0, 3, "(if (local.get 0) (then (drop (i32.const 1)))) (drop (i32.const 1))"),
    // sub, tee and the branch: 5 each time
    .init("loop", 1, 5, "(loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"),
    .init("loop", 100, 500, "(loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"),
    // eqz and br_if out: 3; then 5 and the branch back
    .init("while", 0, 3, "(block (loop (br_if 1 (i32.eqz (local.get 0))) (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0)))"),
    .init("while", 10, 83, "(block (loop (br_if 1 (i32.eqz (local.get 0))) (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br 0)))"),
    .init("table, first", 0, 3, "(block (block (br_table 0 1 (local.get 0))) (drop (i32.const 1)))"),
    .init("table, second", 1, 2, "(block (block (br_table 0 1 (local.get 0))) (drop (i32.const 1)))"),
    .init("return", 1, 3, "(if (local.get 0) (then (return))) (drop (i32.const 1)) (unreachable)"),
    .init("dead code", 0, 1, "(block (br 0) (drop (i32.const 1)) (loop (br 0)) (if (i32.const 1) (then (nop)) (else (br 0))))"),
    .init("dead arms", 0, 4, "(if (local.get 0) (then (return)) (else (br 0))) (drop (i32.const 1))"),
    // each call: const, call, and what the callee takes
    .init("calls", 0, 12, "(call $three) (call $three) (call $three)"),
    .init("recursion", 3, 34, "(call $down (local.get 0))"),
    .init("tail calls", 3, 22, "(call $tail (local.get 0))"),
    .init("indirect", 0, 5, "(call_indirect (type $void) (i32.const 0))"),
    .init("on null", 0, 2, "(block (br_on_null 0 (ref.null $void)) (drop) (drop (i32.const 1)))"),
    .init("not on null", 0, 3, "(block (br_on_null 0 (ref.func $three)) (drop) (drop (i32.const 1)))"),
    // one more for each 64 bytes or 8 elements
    .init("fill", 0, 4, "(memory.fill (i32.const 0) (i32.const 1) (i32.const 63))"),
    .init("fill", 1, 5, "(memory.fill (i32.const 0) (i32.const 1) (i32.const 64))"),
    .init("fill", 2, 1028, "(memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))"),
    .init("copy", 0, 20, "(memory.copy (i32.const 0) (i32.const 7) (i32.const 1024))"),
    .init("init", 0, 6, "(memory.init $data (i32.const 0) (i32.const 0) (i32.const 128))"),
    .init("table.fill", 0, 5, "(table.fill $t (i32.const 0) (ref.null func) (i32.const 8))"),
    .init("table.copy", 0, 5, "(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 15))"),
    .init("grow", 0, 2, "(drop (memory.grow (i32.const 1)))"),
    // the line that a call throws from is paid for as a whole; one more for each eight frames that are left
    .init("throw", 0, 1, "(block (try_table (catch_all 0) (throw $e)))"),
    .init("caught", 0, 3, "(block (try_table (catch_all 0) (call $throw))) (drop (i32.const 1))"),
    .init("reference", 0, 3, "(drop (block (result exnref) (try_table (catch_all_ref 0) (call $throw)) (ref.null exn)))"),
    .init("caught far away", 16, 103, "(block (try_table (catch_all 0) (call $nest (local.get 0))))"),
    .init("host", 0, 3, "(call $host) (drop (i32.const 1)) (drop (i32.const 1))"),
  ]

  static func wat(_ body: String) -> String {
    """
    (module
      (type $void (func))
      (import "env" "host" (func $host))
      (memory 1 4)
      (table $t 16 funcref)
      (tag $e)
      (func $throw (throw $e))
      (func $nest (param i32)
        (if (local.get 0) (then (call $nest (i32.sub (local.get 0) (i32.const 1))))) (throw $e))
      (elem (table $t) (i32.const 0) func $three)
      (data $data "\(String(repeating: "x", count: 128))")
      (func $three (type $void) (drop (i32.const 1)) (drop (i32.const 2)) (drop (i32.const 3)))
      (func $down (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))) (call $three))))
      (func $tail (param i32) (if (local.get 0) (then (return_call $tail (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "run") (param i32) \(body)))
    """
  }

  static func make(_ engine: Engine, _ body: String) throws -> (Store<Void>, Function) {
    let linker = Linker<Void>(engine)
    linker.define("env", "host") { (caller: borrowing Caller<Void>) -> Void in }
    let store = Store(engine)
    return (store, try linker.instantiate(try engine.compile(wat: wat(body)), in: store).function("run"))
  }

  @Test(arguments: programs) func exactCounts(_ program: Program) throws {
    for engine in Self.engines {
      let (store, run) = try Self.make(engine, program.body)
      let start: UInt64 = 1 << 40
      try store.setFuel(start)
      _ = try run([.i32(program.argument)])
      #expect(try start - store.fuel == program.fuel)
    }
  }

  /// With as much as it takes it runs; with less it does not, and never uses more than there was.
  @Test(arguments: programs.filter { $0.fuel > 0 && $0.fuel < 2000 }) func exhaustion(_ program: Program) throws {
    let (store, run) = try Self.make(Self.engines[0], program.body)
    try store.setFuel(program.fuel)
    _ = try run([.i32(program.argument)])
    #expect(try store.fuel == 0)
    for fuel in Set([0, program.fuel / 2, program.fuel - 1]) {
      try store.setFuel(fuel)
      #expect(trapCode { _ = try run([.i32(program.argument)]) } == .outOfFuel)
      #expect(try store.fuel <= fuel)
    }
  }

  @Test func whatIsNotDoneIsNotCharged() throws {
    let (store, run) = try Self.make(
      Self.engines[0], "(loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))")
    try store.setFuel(52)
    #expect(trapCode { _ = try run([.i32(100)]) } == .outOfFuel)
    #expect(try store.fuel == 2)
    // An operation on a memory is done as a whole or not at all.
    let instance = try Linker<Void>(Self.engines[0]).instantiate(
      try Self.engines[0].compile(
        wat: "(module (memory (export \"memory\") 1) (func (export \"run\") (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536))))"),
      in: store)
    try store.setFuel(1027)
    #expect(trapCode { _ = try instance.function("run")([]) } == .outOfFuel)
    #expect(try store.fuel == 1023)
    let memory = try instance.memory("memory")
    #expect(try memory.bytes(at: UInt64(0), count: UInt64(65536)).allSatisfy { $0 == 0 })
    try store.setFuel(1028)
    _ = try instance.function("run")([])
    #expect(try memory.bytes(at: UInt64(0), count: UInt64(65536)).allSatisfy { $0 == 7 })
  }

  @Test func trapsOfAllKindsKeepTheCount() throws {
    for (body, code, fuel) in [
      ("(drop (i32.load (i32.const -4)))", Trap.Code.memoryOutOfBounds, 2), ("(drop (i32.const 1)) (unreachable)", .unreachable, 1),
      ("(drop (i32.div_u (i32.const 1) (local.get 0)))", .integerDivideByZero, 3),
      ("(memory.fill (i32.const 65530) (i32.const 7) (i32.const 65536))", .memoryOutOfBounds, 4),
    ] as [(String, Trap.Code, UInt64)] {
      let (store, run) = try Self.make(Self.engines[0], body)
      try store.setFuel(1000)
      #expect(trapCode { _ = try run([.i32(0)]) } == code)
      #expect(try store.fuel == 1000 - fuel, "\(body)")
    }
    // Recursion without end: as deep as the stack is, and charged for each call.
    let (store, run) = try Self.make(Self.engines[0], "(call $down (i32.const -1))")
    try store.setFuel(1 << 40)
    #expect(trapCode { _ = try run([.i32(0)]) } == .callStackExhausted)
    #expect(try (1 << 40) - store.fuel > 1000)
  }

  @Test func hostFunctionsSeeAndChangeIt() throws {
    let engine = Self.engines[0]
    let seen = Shared<[UInt64]>([])
    let linker = Linker<Void>(engine)
    linker.define("env", "host") { (caller: borrowing Caller<Void>) throws -> Void in
      let fuel = try caller.fuel
      seen.update { $0.append(fuel) }
      if fuel < 10 { try caller.setFuel(100) }
    }
    let store = Store(engine)
    let run = try linker.instantiate(
      try engine.compile(wat: Self.wat("(call $host) (drop (i32.const 1)) (loop (call $three) (call $host) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))")),
      in: store
    ).function("run")
    try store.setFuel(30)
    _ = try run([.i32(3)])
    // 2 before the loop; then 10 a turn, of which 7 in one region and 3 in the callee
    #expect(seen.now == [28, 18, 8, 90])
    #expect(try store.fuel == 90)
  }

  @Test func enginesThatDoNotMeterSaySo() throws {
    #expect(throws: WasmError.self) { _ = try Store(Fixture.engine).fuel }
    #expect(throws: WasmError.self) { try Store(Fixture.engine).setFuel(1) }
  }

  @Test func nextTenantsStartAnew() throws {
    var configuration = EngineConfiguration()
    configuration.fuelMetering = true
    configuration.initialFuel = 1000
    configuration.interruption = .epoch(tick: .zero, action: .trap)
    let engine = try Engine(configuration)
    let plugin = try Linker<Void>(engine).link(try engine.compile(wat: "(module (func (export \"run\") (loop) (drop (i32.const 1))))"))
    for _ in 0..<5 {
      let store = Store(engine)
      let instance = try plugin.instantiate(in: store)
      #expect(try store.fuel == 1000)
      _ = try instance.function("run")([])
      #expect(try store.fuel == 999)
      try store.setFuel(5)
      try store.setEpochDeadline(ticks: 0)
      #expect(trapCode { _ = try instance.function("run")([]) } == .interrupted)
    }
  }

  @Test func artifactsKeepTheirKind() throws {
    let artifact = try Self.engines[0].compile(wat: Self.wat("")).artifact()
    _ = try Self.engines[0].load(artifact: artifact)
    #expect(throws: WasmError.self) { _ = try Fixture.engine.load(artifact: artifact) }
  }
}
