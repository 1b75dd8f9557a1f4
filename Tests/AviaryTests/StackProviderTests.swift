import Aviary
import Glibc
import Synchronization
import Testing

/// Stacks that the embedder gives: how they are used, and what is refused.
@Suite(.serialized) struct StackProviderTests {
  static func configuration(_ provider: any StackProvider, _ hostStack: HostStack = .native) -> EngineConfiguration {
    var configuration = EngineConfiguration()
    configuration.maxGuestStack = .kibibytes(128)
    configuration.fiberStackSize = .kibibytes(512)
    configuration.hostStack = hostStack
    configuration.stackProvider = provider
    return configuration
  }

  /// A guest that recurses, overflows, calls the host and waits.
  static let module = """
    (module (import "env" "twice" (func $twice (param i32) (result i32)))
      (import "env" "wait" (func $wait (param i32) (result i32)))
      (func $sum (export "sum") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (call $twice (i32.const 0)))
          (else (i32.add (local.get 0) (call $sum (i32.sub (local.get 0) (i32.const 1)))))))
      (func $forever (export "forever") (result i32) (i32.add (call $forever) (i32.const 1)))
      (func (export "wait") (param i32) (result i32)
        (i32.add (call $wait (local.get 0)) (i32.add (call $sum (local.get 0)) (call $wait (local.get 0))))))
    """

  static func linker(_ engine: Engine) -> Linker<Void> {
    let linker = Linker<Void>(engine)
    linker.define("env", "twice") { (caller: borrowing Caller<Void>, n: Int32) in n * 2 }
    linker.define("env", "wait") { (caller: borrowing Caller<Void>, n: Int32) async throws -> Int32 in
      await Task.yield()
      return n
    }
    return linker
  }

  @Test(arguments: [HostStack.native, .guest], [false, true])
  func thousandsOfGuestsOnAShelf(_ hostStack: HostStack, isPooled: Bool) async throws {
    let shelf = StackShelf(stacks: 24, byteCount: 512 << 10)
    var configuration = Self.configuration(shelf, hostStack)
    if isPooled { configuration.allocation = .pooling(PoolingConfiguration(instances: 64, maxMemory: .mebibytes(1))) }
    let engine = try Engine(configuration)
    #expect(shelf.freeCount == 24)
    let linked = try Self.linker(engine).link(try engine.compile(wat: Self.module))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask {
          for round in 0..<100 {
            let instance = try await linked.instantiate(in: Store(engine))
            let sum = try instance.function("sum", as: ((Int32) -> Int32).self)
            let wait = try instance.function("wait", as: ((Int32) -> Int32).self)
            let n = Int32(round % 100)
            #expect(try await sum.async(n) == n * (n + 1) / 2)
            #expect(try await wait.async(n) == 2 * n + n * (n + 1) / 2)
            if (round + task) % 10 == 0 {
              let forever = try instance.function("forever", as: (() -> Int32).self)
              do {
                _ = try await forever.async()
                Issue.record("no trap")
              } catch let error as WasmError { #expect(error.trapCode == .callStackExhausted) }
            }
            try Self.callAtOnce(instance, n)
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(shelf.freeCount == 24)
  }

  private static func callAtOnce(_ instance: Instance, _ n: Int32) throws {
    #expect(try instance.function("sum", as: ((Int32) -> Int32).self)(n) == n * (n + 1) / 2)
    #expect(trapCode { _ = try instance.function("forever")([]) } == .callStackExhausted)
    #expect(try instance.function("sum", as: ((Int32) -> Int32).self)(n) == n * (n + 1) / 2)
  }

  @Test func whatTheProviderThrowsIsTold() throws {
    let shelf = StackShelf(stacks: 1, byteCount: 128 << 10)
    let engine = try Engine(Self.configuration(shelf))
    let linked = try Self.linker(engine).link(try engine.compile(wat: Self.module))
    // The same store's objects serve one tenant after the other, each with a stack of its own.
    for _ in 0..<3 {
      let instance = try linked.instantiate(in: Store(engine))
      guard case .limit(let message)? = wasmError({ _ = try linked.instantiate(in: Store(engine)) }) else {
        return #expect(Bool(false), "a second stack")
      }
      #expect(message.contains("Empty()"))
      try Self.callAtOnce(instance, 5)
    }
    #expect(shelf.freeCount == 1)
    // A store that rests has no stack, and waits for one that can be had.
    let held = try shelf.allocate(byteCount: 4096, zeroed: false)
    for _ in 0..<3 {
      #expect(wasmError { _ = try linked.instantiate(in: Store(engine)) } != nil)
    }
    shelf.deallocate(held)
    try Self.callAtOnce(try linked.instantiate(in: Store(engine)), 7)
    let tooLarge = wasmError { _ = try Engine(Self.configuration(StackShelf(stacks: 1, byteCount: 64 << 10))) }
    guard case .limit? = tooLarge else { return #expect(Bool(false), "\(String(describing: tooLarge))") }
  }

  /// Each kind of lie, for the stack that is tried when the engine is made, and for a later one.
  @Test(arguments: Lie.allCases) func liesAreRefused(_ lie: Lie) throws {
    // The one that is tried need not be zeroed, and there is no other yet.
    if lie != .dirty && lie != .twice && lie != .overlap {
      let liar = Liar(lie, from: 0)
      let error = wasmError { _ = try Engine(Self.configuration(liar)) }
      guard case .host(let message)? = error else { return #expect(Bool(false), "\(String(describing: error))") }
      #expect(message.contains(lie.complaint), "\(message)")
      #expect(liar.lent == 0)
    }
    let liar = Liar(lie, from: 3)
    let engine = try Engine(Self.configuration(liar))
    let linked = try Self.linker(engine).link(try engine.compile(wat: Self.module))
    let first = try linked.instantiate(in: Store(engine))
    let second = try linked.instantiate(in: Store(engine))
    let error = wasmError { _ = try linked.instantiate(in: Store(engine)) }
    guard case .host(let message)? = error else { return #expect(Bool(false), "\(String(describing: error))") }
    #expect(message.contains(lie.complaint), "\(message)")
    // What is in use is not touched, and not given back.
    #expect(liar.lent == 2)
    try Self.callAtOnce(first, 10)
    try Self.callAtOnce(second, 10)
    try Self.callAtOnce(try linked.instantiate(in: Store(engine)), 10)
  }

  @Test func aSmallGuardNeedsCheckedCode() throws {
    let shelf = StackShelf(stacks: 4, byteCount: 512 << 10, guardBytes: 4096)
    func message(_ configuration: EngineConfiguration) -> String {
      guard case .host(let message)? = wasmError({ _ = try Engine(configuration) }) else { return "" }
      return message
    }
    var configuration = Self.configuration(shelf)
    var found = message(configuration)
    #expect(found.contains("4096") && found.contains("2097152") && found.contains("explicitStackChecks"), "\(found)")
    configuration.explicitStackChecks = true
    configuration.hostStack = .guest
    found = message(configuration)
    #expect(found.contains("4096") && found.contains("2097152") && found.contains(".native"), "\(found)")
    configuration.hostStack = .native
    let engine = try Engine(configuration)
    try Self.callAtOnce(try Self.linker(engine).link(try engine.compile(wat: Self.module)).instantiate(in: Store(engine)), 9)
  }
}

enum Lie: CaseIterable, Sendable {
  case unaligned, nowhere, beyond, short, gap, smallGuard, openGuard, holeInGuard, readOnly, hole, unmapped, dirty, twice, overlap

  var complaint: String {
    switch self {
    case .unaligned: "aligned"
    case .nowhere, .beyond: "no range"
    case .short: "65536 usable bytes, and 131072"
    case .gap: "does not begin"
    case .smallGuard: "1048576 bytes, and needs 2097152"
    case .openGuard, .holeInGuard: "can be read"
    case .readOnly: "cannot be written"
    case .hole, .unmapped: "cannot be read"
    case .dirty: "not zeroed"
    case .twice, .overlap: "overlaps"
    }
  }
}

/// Lies once, and has four stacks, all new.
@safe private final class Liar: StackProvider {
  private static let usableBytes: UInt = 128 << 10
  private static let guardBytes: UInt = 2 << 20
  private struct State {
    var calls = 0
    var lent: [ProvidedStack] = []
    var next: UInt
  }
  private let lie: Lie
  private let turn: Int
  private let base: UInt
  private let state: Mutex<State>
  private static let stride = usableBytes + guardBytes
  private static let count: UInt = 6

  init(_ lie: Lie, from turn: Int) {
    self.lie = lie
    self.turn = turn
    let mapping = unsafe mmap(nil, Int(Liar.count * Liar.stride), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    base = UInt(bitPattern: mapping)
    state = Mutex(State(next: base))
  }

  deinit { unsafe munmap(UnsafeMutableRawPointer(bitPattern: base), Int(Liar.count * Liar.stride)) }

  var lent: Int { state.withLock { $0.lent.count } }

  func deallocate(_ stack: ProvidedStack) {
    state.withLock { state in
      // Never one that it has not given, and never twice.
      let index = state.lent.firstIndex(of: stack)
      precondition(index != nil, "\(stack) is not on loan")
      state.lent.remove(at: index!)
    }
  }

  func allocate(byteCount: Int, zeroed: Bool) throws -> ProvidedStack {
    state.withLock { state in
      defer { state.calls += 1 }
      let low = state.next + Liar.guardBytes
      protect(low, Liar.usableBytes, PROT_READ | PROT_WRITE)
      if state.calls == turn, lie == .twice { return state.lent[0] }
      state.next += Liar.stride
      let isHonest = state.calls != turn
      let stack = isHonest ? honest(low) : self.lying(low, state.lent.first)
      // One that overlaps does not come back.
      if isHonest || lie != .overlap { state.lent.append(stack) }
      return stack
    }
  }

  private func honest(_ low: UInt) -> ProvidedStack {
    unsafe ProvidedStack(usable: low..<low + Liar.usableBytes, guardRange: low - Liar.guardBytes..<low, tag: UInt64(low))
  }

  private func lying(_ low: UInt, _ other: ProvidedStack?) -> ProvidedStack {
    var usable = low..<low + Liar.usableBytes
    var below = low - Liar.guardBytes..<low
    let middle = low + 64 << 10
    switch lie {
    case .unaligned: (usable, below) = (low + 8..<usable.upperBound + 8, below.lowerBound + 8..<low + 8)
    case .nowhere: (usable, below) = (4096..<4096 + Liar.usableBytes, 0..<4096)
    case .beyond: (usable, below) = (1 << 47 - 4096..<1 << 47 + Liar.usableBytes, 1 << 46..<1 << 47 - 4096)
    case .short: usable = low..<low + 64 << 10
    case .gap: below = below.lowerBound - 4096..<low - 4096
    case .smallGuard: below = low - 1 << 20..<low
    case .openGuard: protect(low - 4096, 4096, PROT_READ)
    case .holeInGuard: protect(below.lowerBound, Liar.guardBytes / 2, PROT_READ | PROT_WRITE)
    case .readOnly: protect(low, 4096, PROT_READ)
    case .hole: protect(middle, 16 << 10, PROT_NONE)
    case .unmapped: unsafe munmap(UnsafeMutableRawPointer(bitPattern: usable.upperBound - 4096), 4096)
    case .dirty: unsafe UnsafeMutablePointer<UInt64>(bitPattern: usable.upperBound - 64)!.pointee = 1
    case .overlap:
      if let other { (usable, below) = (other.usable.lowerBound - 4096..<other.top, other.guardRange.lowerBound - 4096..<other.guardRange.upperBound - 4096) }
    case .twice: break
    }
    return unsafe ProvidedStack(usable: usable, guardRange: below, tag: UInt64(low))
  }

  private func protect(_ address: UInt, _ count: UInt, _ protection: Int32) {
    guard unsafe mprotect(UnsafeMutableRawPointer(bitPattern: address), Int(count), protection) == 0 else {
      fatalError("mprotect fails with \(errno)")
    }
  }
}
