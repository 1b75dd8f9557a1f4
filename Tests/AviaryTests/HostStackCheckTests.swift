import Aviary
import AviaryOverflow
import Foundation
import Glibc
import Testing

/// Host functions that run out of stack, and the two ways to find out before.
@Suite struct HostStackCheckTests {
  private static let executable: URL = {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().appendingPathComponent("aviary-overflow")
  }()

  private func check(_ meal: Meal, times: Int = 1) throws {
    for _ in 0..<times {
      let problem = try MealProcess(meal, executable: Self.executable).problem()
      #expect(problem == nil, "\(meal)")
    }
  }

  @Test(arguments: [Hunger.local64, .local128, .local1024, .temporary, .recursion])
  func anOverflowIsCaughtAndNamed(hunger: Hunger) throws {
    for place in [Meal.Place.main, .task, .small] {
      for stack in [HostStack.native, .guest] { try check(Meal(hunger, place, stack, .squeeze(.kibibytes(64)))) }
    }
    try check(Meal(.recursion, .fiber, .native, .off))
    try check(Meal(.recursion, .dispatch, .guest, .highWater))
  }

  /// A part of all: `aviary-overflow` runs the rest.
  @Test func aSqueezeFindsWhatExceedsItsBudgetAndNothingElse() throws {
    let squeezed = Meal.matrix.filter { if case .squeeze = $0.check { true } else { false } }
    for (index, meal) in squeezed.enumerated() where index % 7 == 0 { try check(meal) }
  }

  @Test func itDoesWhereTheKernelHasNoGuardMarkers() throws {
    for place in [Meal.Place.main, .thread] {
      for budget in [16, 256] as [UInt64] {
        var meal = Meal(.local128, place, .native, .squeeze(.kibibytes(budget)))
        meal.hasMarkers = false
        if budget == 16 { #expect(meal.overflows == true) }
        try check(meal)
        meal.hunger = .little
        try check(meal)
      }
    }
  }

  /// The C library gives stacks to later threads, which must not find a guard in them.
  @Test(arguments: [true, false])
  func aThreadLeavesItsStackAsItWas(hasMarkers: Bool) throws {
    var meal = Meal(.little, .cached, .native, .squeeze(.kibibytes(64)))
    meal.hasMarkers = hasMarkers
    try check(meal)
  }

  static func engine(_ check: HostStackCheck, _ stack: HostStack = .native) throws -> Engine {
    var configuration = EngineConfiguration()
    configuration.hostStackCheck = check
    configuration.hostStack = stack
    return try Engine(configuration)
  }

  @Test(arguments: [HostStack.native, .guest], [Meal.Place.main, .thread, .small])
  func highWaterIsPlausible(stack: HostStack, place: Meal.Place) throws {
    for (hunger, range) in [
      (Hunger.little, 8...16_384), (.local64, 65_536...81_920), (.local128, 131_072...150_000),
      (.local1024, 200_000...1_048_576),
    ] as [(Hunger, ClosedRange<UInt64>)] {
      // There is no room for it.
      if hunger == .local1024, place == .small, stack == .native { continue }
      let uses = try Meal(hunger, place, stack, .highWater).run()
      try #require(uses.count == 1)
      #expect(uses[0].module == "env" && uses[0].name == "hungry" && uses[0].calls == 3)
      #expect(range.contains(uses[0].most.bytes), "\(hunger): \(uses[0].most)")
      #expect(uses[0].isAtLeast == (hunger == .local1024))
    }
  }

  static let wat = """
    (module
      (import "env" "outer" (func $outer (param i32) (result i32)))
      (import "env" "inner" (func $inner (param i32) (result i32)))
      (func (export "go") (param i32) (result i32) (call $outer (local.get 0)))
      (func (export "more") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (call $inner (i32.const 1)))))
    """

  static func linker(_ engine: Engine) -> Linker<Void> {
    let linker = Linker<Void>(engine)
    linker.define("env", "outer") { (caller: borrowing Caller<Void>, n: Int32) throws -> Int32 in
      if n == 1 { deepen(40) }
      return try caller.function("more").typed(as: ((Int32) -> Int32).self)(n)
    }
    linker.define("env", "inner") { (caller: borrowing Caller<Void>, n: Int32) throws -> Int32 in
      if n == 2 { deepen(80) }
      if n == 9 { throw Mishap(number: 9) }
      return n
    }
    return linker
  }

  /// KiB of stack.
  @inline(never)
  static func deepen(_ kibibytes: Int) {
    var local = InlineArray<1024, UInt8>(repeating: 0)
    unsafe withUnsafeMutableBytes(of: &local) { if let base = $0.baseAddress { unsafe explicit_bzero(base, $0.count) } }
    if kibibytes > 1 { deepen(kibibytes - 1) }
    withExtendedLifetime(local) {}
  }

  @Test(arguments: [HostStack.native, .guest])
  func theOuterOfTwoHostFunctionsKeepsItsOwn(stack: HostStack) throws {
    let engine = try Self.engine(.highWater, stack)
    let instance = try Self.linker(engine).instantiate(try engine.compile(wat: Self.wat), in: Store(engine))
    let go = try instance.function("go", as: ((Int32) -> Int32).self)
    // The outer one was deep before the inner one's part was filled anew.
    #expect(try go(1) == 2)
    var report = Dictionary(uniqueKeysWithValues: engine.hostStackReport().map { ($0.name, $0) })
    #expect(report["outer"]!.most >= .kibibytes(40) && report["inner"]!.most < .kibibytes(16))
    #expect(report["outer"]!.calls == 1 && report["inner"]!.calls == 2)
    // And its guests' host functions are on its stack.
    #expect(try go(2) == 3)
    #expect(throws: Mishap(number: 9)) { _ = try go(9) }
    report = Dictionary(uniqueKeysWithValues: engine.hostStackReport().map { ($0.name, $0) })
    #expect(report["inner"]!.most >= .kibibytes(80) && report["outer"]!.most > report["inner"]!.most)
    #expect(engine.hostStackReport().map(\.name) == ["outer", "inner"])
  }

  @Test func squeezedHostFunctionsNest() throws {
    let native = try Self.engine(.squeeze(.kibibytes(256)))
    let instance = try Self.linker(native).instantiate(try native.compile(wat: Self.wat), in: Store(native))
    let go = try instance.function("go", as: ((Int32) -> Int32).self)
    for _ in 0..<3 {
      #expect(try go(2) == 3)
      #expect(throws: Mishap(number: 9)) { _ = try go(9) }
    }
    // Where the guest's stack ends, there is no room for another guest.
    let guest = try Self.engine(.squeeze(.kibibytes(256)), .guest)
    let other = try Self.linker(guest).instantiate(try guest.compile(wat: Self.wat), in: Store(guest))
    #expect(trapCode { _ = try other.function("go", as: ((Int32) -> Int32).self)(0) } == .callStackExhausted)
    #expect(try other.function("more", as: ((Int32) -> Int32).self)(2) == 3)
  }

  /// Two engines on one thread: the one that is not squeezed finds the native stack.
  @Test func aSqueezedHostFunctionCallsAnotherEnginesGuest() throws {
    let plain = try Self.engine(.off)
    let squeezed = try Self.engine(.squeeze(.kibibytes(64)))
    let linker = Linker<Void>(squeezed)
    let module = try plain.compile(wat: Self.wat)
    linker.define("env", "f") { (caller: borrowing Caller<Void>) throws -> Int32 in
      let inner = try Self.linker(plain).instantiate(module, in: Store(plain))
      return try inner.function("more", as: ((Int32) -> Int32).self)(2)
    }
    let instance = try linker.instantiate(
      try squeezed.compile(wat: "(module (import \"env\" \"f\" (func (result i32))) (export \"f\" (func 0)))"), in: Store(squeezed))
    #expect(try instance.function("f", as: (() -> Int32).self)() == 3)
  }

  @Test func manyThreadsCountTogether() throws {
    let engine = try Self.engine(.squeeze(.kibibytes(64)))
    let plugin = try Self.linker(engine).link(try engine.compile(wat: Self.wat))
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<20 {
        #expect(throws: Never.self) {
          let more = try plugin.instantiate(in: Store(engine)).function("more", as: ((Int32) -> Int32).self)
          #expect(try more(0) == 1)
        }
      }
    }
    let report = engine.hostStackReport()
    #expect(report.map(\.name).sorted() == ["inner", "outer"])
    #expect(report.reduce(0) { $0 + $1.calls } == 320)
    #expect(try Self.engine(.off).hostStackReport() == [])
  }

  @Test func budgetsAreChecked() throws {
    for budget in [ByteCount.kibibytes(1), .gibibytes(1)] {
      let message = wasmError { _ = try Self.engine(.squeeze(budget)) }?.description ?? ""
      #expect(message.contains("hostStackCheck squeezes to \(budget)"))
    }
    let message = wasmError { _ = try Self.engine(.squeeze(.mebibytes(2)), .guest) }?.description ?? ""
    #expect(message.contains("squeezes to 2 MiB") && message.contains("1520 KiB"), "\(message)")
    _ = try Self.engine(.squeeze(.kibibytes(1520)), .guest)
  }
}
