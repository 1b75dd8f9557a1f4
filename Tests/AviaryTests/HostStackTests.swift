import Aviary
import Dispatch
import Foundation
import Glibc
import Testing

/// Host functions on the guest's stack, and the limits that guests and they share.
@Suite struct HostStackTests {
  static let engine = try! Engine(configuration())

  static func configuration(
    guest: ByteCount = .kibibytes(128), whole: ByteCount = .kibibytes(640), hostStack: HostStack = .guest,
    explicit: Bool = false
  ) -> EngineConfiguration {
    var configuration = EngineConfiguration()
    configuration.maxGuestStack = guest
    configuration.fiberStackSize = whole
    configuration.hostStack = hostStack
    configuration.explicitStackChecks = explicit
    return configuration
  }

  /// Calls itself through the host as often as the number says, grows memory at each depth, and sums up.
  static let recursive = """
    (module (import "env" "down" (func $down (param i32) (result i32)))
      (memory 1 4096)
      (func (export "go") (param i32) (result i32)
        (drop (memory.grow (i32.const 1)))
        (i32.store (i32.mul (local.get 0) (i32.const 4)) (local.get 0))
        (if (result i32) (i32.eqz (local.get 0))
          (then (i32.const 0))
          (else (i32.add (i32.load (i32.mul (local.get 0) (i32.const 4))) (call $down (local.get 0)))))))
    """

  static func linker(_ engine: Engine) -> Linker<Void> {
    let linker = Linker<Void>(engine)
    linker.define("env", "down") { (caller: borrowing Caller<Void>, depth: Int32) throws -> Int32 in
      if depth == 5_000 { throw Mishap(number: 7) }
      return try caller.function("go").typed(as: ((Int32) -> Int32).self)(depth - 1)
    }
    return linker
  }

  @Test func theyRunWhereTheConfigurationSays() throws {
    for (hostStack, isNative) in [(HostStack.native, true), (.guest, false)] {
      let engine = try Engine(Self.configuration(hostStack: hostStack))
      let linker = Linker<Void>(engine)
      let seen = Shared<[Bool]>([])
      let outside = addressOfFrame()
      linker.define("env", "f") { (caller: borrowing Caller<Void>) in
        let place = addressOfFrame()
        seen.update { $0.append(outside > place && outside - place < 256 << 10) }
      }
      let instance = try linker.instantiate(
        try engine.compile(wat: "(module (import \"env\" \"f\" (func $f)) (func (export \"go\") (call $f) (call $f)))"),
        in: Store(engine))
      _ = try instance.function("go")([])
      #expect(seen.now == [isNative, isNative])
    }
  }

  @Test func nestedCallsComputeAndTrap() throws {
    for explicit in [false, true] {
      let engine = try Engine(Self.configuration(explicit: explicit))
      let instance = try Self.linker(engine).instantiate(try engine.compile(wat: Self.recursive), in: Store(engine))
      let go = try instance.function("go", as: ((Int32) -> Int32).self)
      for _ in 0..<3 {
        #expect(try go(20) == 210)
        #expect(trapCode { _ = try go(4_000) } == .callStackExhausted)
        #expect(throws: Mishap(number: 7)) { _ = try go(5_000) }
      }
    }
  }

  @Test func aTrapHasTheFramesOfAllActivations() throws {
    let instance = try Self.linker(Self.engine).instantiate(try Self.engine.compile(wat: """
      (module (import "env" "down" (func $down (param i32) (result i32)))
        (func $go (export "go") (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (unreachable)))
          (call $down (local.get 0))))
      """), in: Store(Self.engine))
    let error = wasmError { _ = try instance.function("go", as: ((Int32) -> Int32).self)(6) }
    guard case .trap(let trap)? = error else { return #expect(Bool(false), "no trap: \(String(describing: error))") }
    #expect(trap.code == .unreachable)
    #expect(trap.frames.map(\.functionName) == Array(repeating: "go", count: 7))
  }

  /// A guest that is deeper than its limit calls no host function; one that calls none has the rest of the stack.
  @Test func aHostFunctionHasWhatItIsPromised() throws {
    let linker = Linker<Void>(Self.engine)
    let least = Shared(UInt.max)
    let count = Shared(0)
    linker.define("env", "f") { (caller: borrowing Caller<Void>, top: Int64) in
      count.update { $0 += 1 }
    }
    linker.define("env", "place") { (caller: borrowing Caller<Void>) -> Int64 in
      let here = addressOfFrame()
      least.update { $0 = min($0, here) }
      return Int64(here)
    }
    let instance = try linker.instantiate(try Self.engine.compile(wat: """
      (module (import "env" "place" (func $place (result i64)))
        (func $deep (export "deep") (param i32) (result i64)
          (if (i32.eqz (local.get 0)) (then (return (call $place))))
          (i64.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (i64.const 0)))
        (func $plain (export "plain") (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
          (i32.add (call $plain (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
        (func $spread (export "spread") (param i32)
          (drop (call $place))
          (call $spread (local.get 0))))
      """), in: Store(Self.engine))
    let deep = try instance.function("deep", as: ((Int32) -> Int64).self)
    let plain = try instance.function("plain", as: ((Int32) -> Int32).self)
    let top = UInt(try deep(0))
    #expect(trapCode { try instance.function("spread", as: ((Int32) -> Void).self)(0) } == .callStackExhausted)
    // The frames of Swift above the one that looks are small.
    #expect(top - least.now <= 128 << 10 + 4 << 10)
    #expect(top - least.now >= 120 << 10)
    // Twice as deep as a host call may be, far from the end.
    var calls: Int32 = 1000
    while trapCode({ _ = try deep(calls) }) == nil { calls *= 2 }
    #expect(try plain(calls) == calls)
    #expect(trapCode { _ = try plain(10_000_000) } == .callStackExhausted)
    #expect(try deep(1) == deep(1))
  }

  /// However calls are nested, each host function has its promised least, on both kinds of stack.
  @Test(arguments: [HostStack.native, .guest]) func nestedHostFunctionsHaveWhatTheyArePromised(_ hostStack: HostStack) throws {
    let engine = try Engine(Self.configuration(hostStack: hostStack))
    let least = Shared(UInt.max)
    let most = Shared<UInt>(0)
    let linker = Linker<Void>(engine)
    linker.define("env", "down") { (caller: borrowing Caller<Void>, spread: Int32) throws -> Int32 in
      let here = addressOfFrame()
      least.update { $0 = min($0, here) }
      most.update { $0 = max($0, here) }
      return try caller.function("go").typed(as: ((Int32) -> Int32).self)(spread)
    }
    let module = try engine.compile(wat: """
      (module (import "env" "down" (func $down (param i32) (result i32)))
        (func $deep (param i32 i32) (result i32)
          (if (result i32) (i32.eqz (local.get 0)) (then (call $down (local.get 1)))
            (else (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)) (local.get 1))))))
        (func (export "go") (param i32) (result i32) (call $deep (local.get 0) (local.get 0))))
      """)
    let linked = try linker.link(module)
    let code = Shared<Trap.Code?>(nil)
    let first = Shared<UInt>(0)
    let done = DispatchSemaphore(value: 0)
    for spread: Int32 in [0, 3, 40] {
      let thread = Thread {
        first.update { $0 = addressOfFrame() }
        let found = trapCode {
          let go = try linked.instantiate(in: Store(engine)).function("go", as: ((Int32) -> Int32).self)
          _ = try go(spread)
        }
        code.update { $0 = found }
        done.signal()
      }
      thread.stackSize = 2 << 20
      least.update { $0 = .max }
      most.update { $0 = 0 }
      thread.start()
      done.wait()
      #expect(code.now == .callStackExhausted)
      if hostStack == .native {
        // Of 2 MiB 256 KiB are left, and nearly all of the rest was used.
        let used = first.now - least.now
        #expect(used <= (2 << 20) - (256 << 10), "\(spread): \(used)")
        if spread == 0 { #expect(used >= 1 << 20, "\(used)") }
      } else {
        let used = most.now - least.now
        #expect(used <= 128 << 10 + 4 << 10, "\(spread): \(used)")
        #expect(used >= 64 << 10, "\(spread): \(used)")
      }
    }
  }

  /// Calls that suspend inside of each other lie on one stack, until it is full.
  @Test(arguments: [HostStack.native, .guest]) func nestedAsynchronousCallsFillTheStack(_ hostStack: HostStack) async throws {
    let engine = try Engine(Self.configuration(hostStack: hostStack))
    let linker = Linker<Void>(engine)
    let deepest = Shared<Int32>(0)
    linker.define("env", "down") { (caller: borrowing Caller<Void>, n: Int32) async throws -> Int32 in
      deepest.update { $0 = max($0, n) }
      await Task.yield()
      return try await caller.function("go").typed(as: ((Int32) -> Int32).self).async(n + 1)
    }
    linker.define("env", "look") { (caller: borrowing Caller<Void>) in }
    let instance = try await linker.instantiate(try engine.compile(wat: """
      (module (import "env" "down" (func $down (param i32) (result i32))) (import "env" "look" (func $look))
        (func (export "go") (param i32) (result i32) (call $look) (call $down (local.get 0)))
        (func (export "ok") (result i32) (call $look) (i32.const 5)))
      """), in: Store(engine))
    let go = try instance.function("go", as: ((Int32) -> Int32).self)
    let ok = try instance.function("ok", as: (() -> Int32).self)
    for _ in 0..<2 {
      deepest.update { $0 = 0 }
      let error = await #expect(throws: WasmError.self) { try await go.async(0) }
      #expect(error?.trapCode == .callStackExhausted)
      #expect(deepest.now > 50, "\(deepest.now)")
      #expect(try await ok.async() == 5)
      #expect(try ok() == 5)
    }
  }

  /// The kernel does not fault as a program does: no page of the stack may be closed.
  @Test func systemCallsReachUntouchedPages() throws {
    let engine = try Engine(Self.configuration(whole: .mebibytes(1)))
    let linker = Linker<Void>(engine)
    linker.define("env", "f") { (caller: borrowing Caller<Void>) -> Int32 in
      let descriptor = unsafe open("/dev/zero", O_RDONLY)
      defer { close(descriptor) }
      return unsafe withUnsafeTemporaryAllocation(byteCount: 400 << 10, alignment: 16) { buffer in
        unsafe Int32(read(descriptor, buffer.baseAddress!, 4096))
      }
    }
    let linked = try linker.link(
      try engine.compile(wat: "(module (import \"env\" \"f\" (func $f (result i32))) (func (export \"go\") (result i32) (call $f)))"))
    for _ in 0..<40 {
      #expect(try linked.instantiate(in: Store(engine)).function("go", as: (() -> Int32).self)() == 4096)
    }
  }

  /// Stores that call each other's guests, each host function on its own guest's stack.
  @Test func storesInTurn() throws {
    let native = try Engine(Self.configuration(hostStack: .native))
    let linkers = [Self.engine, native, Self.engine].map { Linker<Void>($0) }
    let guests = Shared<[Int: InstanceBox]>([:])
    for (index, linker) in linkers.enumerated() {
      linker.define("env", "down") { (caller: borrowing Caller<Void>, depth: Int32) throws -> Int32 in
        let next = try #require(guests.now[(index + 1) % 3])
        return try next.instance.function("go", as: ((Int32) -> Int32).self)(depth - 1)
      }
      let engine = index == 1 ? native : Self.engine
      let instance = try linker.instantiate(try engine.compile(wat: Self.recursive), in: Store(engine))
      guests.update { $0[index] = InstanceBox(instance) }
    }
    let go = try #require(guests.now[0] as InstanceBox?).instance.function("go", as: ((Int32) -> Int32).self)
    #expect(try go(30) == 465)
    #expect(trapCode { _ = try go(100_000) } == .callStackExhausted)
    #expect(try go(30) == 465)
    guests.update { $0 = [:] }
  }

  @Test func synchronousHostFunctionsOfAsynchronousCalls() async throws {
    let linker = Self.linker(Self.engine)
    linker.define("env", "wait") { (caller: borrowing Caller<Void>, n: Int32) async throws -> Int32 in
      await Task.yield()
      return n
    }
    let instance = try await linker.instantiate(try Self.engine.compile(wat: """
      (module (import "env" "down" (func $down (param i32) (result i32)))
        (import "env" "wait" (func $wait (param i32) (result i32)))
        (func (export "go") (param i32) (result i32)
          (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
            (else (i32.add (local.get 0) (call $down (local.get 0))))))
        (func (export "both") (param i32) (result i32)
          (i32.add (call $wait (i32.const 1000)) (i32.add (call $down (local.get 0)) (call $wait (i32.const 2000))))))
      """), in: Store(Self.engine))
    let both = try instance.function("both", as: ((Int32) -> Int32).self)
    #expect(try await both.async(20) == 3190)
    await #expect(throws: Mishap(number: 7)) { _ = try await both.async(5_000) }
    do {
      _ = try await both.async(4_000)
      Issue.record("no trap")
    } catch let error as WasmError { #expect(error.trapCode == .callStackExhausted) }
    #expect(try await both.async(20) == 3190)
  }

  @Test func contradictionsNameBothSizes() {
    func message(_ configuration: EngineConfiguration) -> String {
      guard case .limit(let message)? = wasmError({ _ = try Engine(configuration) }) else { return "" }
      return message
    }
    var found = message(Self.configuration(guest: .mebibytes(4), whole: .mebibytes(2), hostStack: .native))
    #expect(found.contains("4 MiB") && found.contains("2 MiB"), "\(found)")
    found = message(Self.configuration(guest: .kibibytes(512), whole: .kibibytes(540)))
    #expect(found.contains("512 KiB") && found.contains("540 KiB") && found.contains("28 KiB"), "\(found)")
    found = message(Self.configuration(guest: .bytes(100_000)))
    #expect(found.contains("100000 bytes") && found.contains("4 KiB"), "\(found)")
    #expect(message(Self.configuration(whole: .gibibytes(3))).contains("3 GiB"))
    #expect(message(Self.configuration(guest: .kibibytes(512), whole: .kibibytes(576))).isEmpty)
  }
}

/// For tests that run one thread: instances are of one store each.
private struct InstanceBox: @unchecked Sendable {
  let instance: Instance
  init(_ instance: Instance) { self.instance = instance }
}

/// Somewhere in the caller's stack.
@inline(never) private func addressOfFrame() -> UInt {
  var word: UInt = 0
  return unsafe withUnsafeMutablePointer(to: &word) { UInt(bitPattern: $0) }
}
