import AviaryContract
import AviaryPool
@testable import AviaryVM
import CAviaryContract
import CAviaryHost
import Glibc
import Testing

/// Stacks that open as they are used, and come back clean.
@Suite(.serialized) struct StackTests {
  static let modes = [UInt32(AVIARY_STACK_PROTECTION), UInt32(AVIARY_STACK_GUARDS)]
    .filter { $0 <= StackShape.machineMode }

  static func pool(_ mode: UInt32, limit: Int? = nil, keep: Int = 4) -> StackPool {
    StackPool(usableBytes: 1 << 20, guardBytes: 1 << 17, limit: limit, keep: keep, mode: mode)
  }

  /// Everything of a stack, the closed part too, reads as zeros. Opens it.
  private func isZero(_ raw: UnsafeMutablePointer<AviaryHostStore>) -> Bool {
    let low = unsafe raw.pointee.stack_low
    let open = unsafe raw.pointee.stack_open
    guard unsafe aviary_stack_open(low, Int(open - low), raw.pointee.stack_mode) == 0 else { return false }
    unsafe raw.pointee.stack_open = low
    let bytes = unsafe UnsafeRawBufferPointer(
      start: UnsafeRawPointer(bitPattern: low), count: Int(raw.pointee.stack_high - low))
    return unsafe bytes.allSatisfy { $0 == 0 }
  }

  @Test func shallowGuestsOpenNothing() throws {
    let world = try World([.init(.add)])
    #expect(try world.call(0, 1, 2) == 3)
    #expect(unsafe world.store.raw.pointee.stack_high - world.store.raw.pointee.stack_open == StackShape.openBytes)
  }

  @Test func deepGuestsOpenAllAndTheNextFindsZeros() throws {
    let engine = try World.engine()
    let module = try World.module(engine, [.init(.recurse), .init(.add)], World.Shape())
    for round in 0..<3 {
      let store = try VMStore(engine)
      let isClean = unsafe isZero(store.raw)
      #expect(isClean, "round \(round)")
      let instance = try VMInstance(module, in: store, imports: [])
      let thunk = try engine.entryThunk(for: World.binary)
      #expect(throws: VMCallError.self) { try World.call(instance.function(0), thunk, 0, 0) }
      #expect(try World.call(instance.function(1), thunk, 1, 2) == 3)
      #expect(engine.stacks.counts.used == 1)
    }
  }

  /// A fault below the present page leaves room for another signal's frame, and steps grow.
  @Test func overflowOpensInFewSteps() throws {
    let world = try World([.init(.recurse)], .init(guestStackBytes: 8 << 20))
    #expect(world.trap(0)?.code == .callStackExhausted)
    #expect(unsafe world.store.raw.pointee.stack_open == world.store.raw.pointee.stack_low)
  }

  @Test(arguments: modes) func randomDepthsLeaveNothing(_ mode: UInt32) throws {
    var random = SystemRandomNumberGenerator()
    let seed = random.next()
    var state = seed
    func next() -> UInt { state = state &* 6364136223846793005 &+ 1442695040888963407; return UInt(state >> 33) }
    let pool = Self.pool(mode, keep: 2)
    for round in 0..<300 {
      var open: UInt = 0
      var calm: UInt8 = 0
      let stack = try pool.take(open: &open, calm: &calm)
      // What is open is zero; what is closed is checked every now and then.
      if round % 20 == 0 {
        try #require(aviary_stack_open(stack.low, Int(open - stack.low), mode) == 0)
        open = stack.low
      }
      #expect(aviary_stack_clear(open, stack.high) == stack.high, "seed \(seed), round \(round)")
      let shift = 3 + next() % 17
      for _ in 0..<(1 + next() % 3) { try touch(stack, &open, depth: 8 + next() % (1 << shift), mode) }
      try #require(StackCleaner.clean(&open, high: stack.high, mode: mode, calm: &calm))
      #expect(stack.high - open <= StackShape.keptOpenBytes)
      pool.giveBack(stack, open: open, calm: calm)
    }
  }

  @Test(arguments: modes) func calmStacksCloseAgain(_ mode: UInt32) throws {
    let pool = Self.pool(mode)
    var open: UInt = 0
    var calm: UInt8 = 0
    let stack = try pool.take(open: &open, calm: &calm)
    try touch(stack, &open, depth: 30 << 10, mode)
    #expect(StackCleaner.clean(&open, high: stack.high, mode: mode, calm: &calm))
    #expect(stack.high - open > StackShape.openBytes)
    for _ in 0..<StackShape.patience { #expect(StackCleaner.clean(&open, high: stack.high, mode: mode, calm: &calm)) }
    #expect(stack.high - open == StackShape.openBytes)
  }

  @Test(arguments: modes) func theLimitIsNamed(_ mode: UInt32) throws {
    let pool = Self.pool(mode, limit: 2)
    var open: UInt = 0
    var calm: UInt8 = 0
    let first = try pool.take(open: &open, calm: &calm)
    let second = try pool.take(open: &open, calm: &calm)
    #expect(throws: VMError.limit("all 2 guest stacks are in use")) { try Self.takeAndDrop(pool) }
    pool.giveBack(second, open: open, calm: calm)
    try Self.takeAndDrop(pool)
    _ = first.high
  }

  /// Host functions run on it: nothing is closed, and cleaned all the same.
  @Test(arguments: modes) func stacksThatAreOpenAsAWholeComeBackClean(_ mode: UInt32) throws {
    let pool = StackPool(usableBytes: 1 << 20, guardBytes: 2 << 20, hostBytes: 512 << 10, limit: 2, keep: 1, mode: mode)
    for round in 0..<4 {
      var opens: (UInt, UInt) = (0, 0)
      var calm: UInt8 = 0
      let first = try pool.take(open: &opens.0, calm: &calm)
      let second = try pool.take(open: &opens.1, calm: &calm)
      #expect(opens.0 == first.low && opens.1 == second.low)
      for stack in [first.low..<first.high, second.low..<second.high] {
        #expect(aviary_stack_clear(stack.lowerBound, stack.upperBound) == stack.upperBound, "round \(round)")
        #expect(!aviary_probe_readable(stack.lowerBound - 8) && !aviary_probe_readable(stack.lowerBound - 2 << 20))
        for offset in stride(from: UInt(0), to: 1 << 20, by: 40_000) {
          unsafe UnsafeMutablePointer<UInt64>(bitPattern: (stack.lowerBound + offset) & ~7)!.pointee = 0x5EC3E7
        }
      }
      let whole = UInt32(AVIARY_STACK_WHOLE)
      #expect(StackCleaner.clean(&opens.0, high: first.high, mode: whole, calm: &calm))
      #expect(StackCleaner.clean(&opens.1, high: second.high, mode: whole, calm: &calm))
      pool.giveBack(first, open: opens.0, calm: calm)
      pool.giveBack(second, open: opens.1, calm: calm)
    }
  }

  private static func takeAndDrop(_ pool: StackPool) throws(VMError) {
    var open: UInt = 0
    var calm: UInt8 = 0
    let stack = try pool.take(open: &open, calm: &calm)
    pool.giveBack(stack, open: open, calm: calm)
  }

  @Test func manyStacksAreOneMapping() throws {
    guard StackShape.machineMode == UInt32(AVIARY_STACK_GUARDS) else { return }
    let engine = try World.engine()
    let module = try World.module(engine, [.init(.add)], World.Shape())
    let thunk = try engine.entryThunk(for: World.binary)
    var stores: [VMStore] = []
    for _ in 0..<64 {
      let store = try VMStore(engine)
      #expect(try World.call(VMInstance(module, in: store, imports: []).function(0), thunk, 1, 2) == 3)
      stores.append(store)
    }
    let low = stores.map { unsafe $0.raw.pointee.guard_low }.min()!
    let high = stores.map { unsafe $0.raw.pointee.stack_high }.max()!
    #expect(mappings(within: low..<high) == 1)
  }

  /// How many lines of /proc/self/maps touch the range.
  private func mappings(within range: Range<UInt>) -> Int {
    guard let file = unsafe fopen("/proc/self/maps", "re") else { return -1 }
    defer { unsafe fclose(file) }
    var count = 0
    var line = [CChar](repeating: 0, count: 512)
    while unsafe fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let bounds = text.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
      if bounds.count == 2, bounds[0] < range.upperBound, bounds[1] > range.lowerBound { count += 1 }
    }
    return count
  }
}

/// Writes a word at so many bytes below the top, as a guest would: the closed part is opened by hand.
private func touch(_ stack: borrowing GuestStack, _ open: inout UInt, depth: UInt, _ mode: UInt32) throws {
  let address = (stack.high - depth) & ~7
  if address < open {
    let page = address & ~4095
    try #require(aviary_stack_open(page, Int(open - page), mode) == 0)
    open = page
  }
  unsafe UnsafeMutablePointer<UInt64>(bitPattern: address)!.pointee = 0x5EC3E7
}

extension FaultInjectionTests {
  private static let opening = [Int(AVIARY_SYSTEM_GUARD_REMOVE), Int(AVIARY_SYSTEM_PROTECT)]
  private static let closing = [Int(AVIARY_SYSTEM_GUARD_INSTALL), Int(AVIARY_SYSTEM_ADVISE)]

  @Test func aStackThatDoesNotOpenIsATrap() throws {
    let world = try World([.init(.recurse), .init(.add)])
    let trap = Injection.failing(operations: Self.opening) { world.trap(0) }
    #expect(trap?.code == .allocation)
    #expect(try world.call(1, 1, 2) == 3)
    #expect(world.trap(0)?.code == .callStackExhausted)
  }

  @Test func aWholeStackThatIsNotDroppedIsZeroedByHand() throws {
    let pool = StackPool(usableBytes: 1 << 20, guardBytes: 2 << 20, hostBytes: 512 << 10, limit: 1, keep: 1)
    var open: UInt = 0
    var calm: UInt8 = 0
    let stack = try pool.take(open: &open, calm: &calm)
    unsafe UnsafeMutablePointer<UInt64>(bitPattern: stack.low)!.pointee = 0x5EC3E7
    unsafe UnsafeMutablePointer<UInt64>(bitPattern: stack.high - 8)!.pointee = 0x5EC3E7
    let cleaned = Injection.failing(operations: Self.closing) {
      StackCleaner.clean(&open, high: stack.high, mode: UInt32(AVIARY_STACK_WHOLE), calm: &calm)
    }
    #expect(cleaned)
    #expect(aviary_stack_clear(stack.low, stack.high) == stack.high)
  }

  @Test(arguments: StackTests.modes) func aWholeStackThatCannotBeMadeIsAnError(_ mode: UInt32) throws {
    let pool = StackPool(usableBytes: 1 << 20, guardBytes: 2 << 20, hostBytes: 512 << 10, limit: 1, keep: 1, mode: mode)
    try pool.reserve()
    #expect(throws: VMError.self) {
      try Injection.failing(operations: Self.opening + Self.closing) { try Self.takeAndDrop(pool) }
    }
    try Self.takeAndDrop(pool)
  }

  private static func takeAndDrop(_ pool: StackPool) throws {
    var open: UInt = 0
    var calm: UInt8 = 0
    let stack = try pool.take(open: &open, calm: &calm)
    pool.giveBack(stack, open: open, calm: calm)
  }

  @Test(arguments: StackTests.modes) func aStackThatDoesNotCloseIsZeroedByHand(_ mode: UInt32) throws {
    let pool = StackTests.pool(mode)
    var open: UInt = 0
    var calm: UInt8 = 0
    let stack = try pool.take(open: &open, calm: &calm)
    try touch(stack, &open, depth: 900 << 10, mode)
    try touch(stack, &open, depth: 64, mode)
    let cleaned = Injection.failing(operations: Self.closing) {
      StackCleaner.clean(&open, high: stack.high, mode: mode, calm: &calm)
    }
    #expect(cleaned)
    #expect(aviary_stack_clear(open, stack.high) == stack.high)
    // With neither, nobody gets it.
    try touch(stack, &open, depth: 900 << 10, mode)
    let failed = Injection.failing(operations: Self.closing + Self.opening) {
      StackCleaner.clean(&open, high: stack.high, mode: mode, calm: &calm)
    }
    #expect(!failed)
  }
}
