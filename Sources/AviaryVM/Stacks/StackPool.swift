import AviaryPool
import CAviaryHost
import Synchronization

/// The stacks of an engine: one reservation, handed out to stores.
///
/// ```
///  ├ guard 0 ┼ stack 0 ┤├ guard 1 ┼ stack 1 ┤ ... never used: no access
/// ```
/// With guard markers all used stacks are one mapping of the process; without, two each.
///
/// Invariants: a stack in the free list is all zeros where it is open. An index is in the
/// free list or on loan or was never used, by `State`.
final class StackPool: Sendable {
  /// Where the number has no limit, so many are in the slab; more are mapped one by one.
  static let unlimitedSlabStacks = 4096

  let shape: StackShape
  private let limit: Int?
  private let keep: Int
  private let state: Mutex<State>

  /// - Parameters:
  ///   - limit: stacks at a time; nil: as many as the machine gives.
  ///   - keep: unused stacks that stay resident with their open part.
  ///   - hostBytes: as `StackShape.hostBytes`.
  ///   - mode: AVIARY_STACK_PROTECTION or AVIARY_STACK_GUARDS
  init(
    usableBytes: UInt64, guardBytes: UInt64, hostBytes: UInt64 = 0, limit: Int?, keep: Int,
    mode: UInt32 = StackShape.machineMode
  ) {
    shape = StackShape(
      usableBytes: usableBytes, guardBytes: guardBytes, hostBytes: hostBytes, isWhole: hostBytes > 0, mode: mode)
    self.limit = limit
    self.keep = keep
    state = Mutex(State())
  }

  /// Takes the address space now, and not with the first stack.
  /// - Throws: `system`; `configuration` that names the numbers.
  func reserve() throws(VMError) {
    try state.withLock { state throws(VMError) in if !state.isReserved { try state.reserve(shape, limit) } }
  }

  /// - Parameter open: set to where the open part begins.
  /// - Throws: `limit` when all are taken, naming the number; `system`.
  func take(open: inout UInt, calm: inout UInt8) throws(VMError) -> GuestStack {
    let taken: Taken = try state.withLock { state throws(VMError) in
      if !state.isReserved { try state.reserve(shape, limit) }
      return state.take()
    }
    switch taken {
    case .used(let index, let address, let at, let count):
      open = at
      calm = count
      return GuestStack(index: index, at: address, shape)
    case .fresh(let index, let address):
      let stack = GuestStack(index: index, at: address, shape)
      do { try stack.prepare(shape) } catch {
        state.withLock { $0.giveBackUnprepared(index) }
        throw error
      }
      open = shape.firstOpen(stack.low, stack.high)
      calm = 0
      return stack
    case .none:
      if let limit { throw .limit("all \(limit) guest stacks are in use") }
      let stack = try GuestStack.alone(shape)
      open = shape.firstOpen(stack.low, stack.high)
      calm = 0
      return stack
    }
  }

  /// Takes back a stack that was cleaned (`StackCleaner`); one that is none of the slab's is unmapped.
  func giveBack(_ stack: consuming GuestStack, open: UInt, calm: UInt8) {
    guard let index = stack.index else { return }
    var open = open
    if state.withLock({ $0.idle }) >= keep {
      // It is zeros already: a failure costs memory only.
      _ = aviary_system_discard(open, Int(stack.high - open))
      let first = shape.firstOpen(stack.low, stack.high)
      if aviary_stack_close(open, Int(first - open), shape.mode) == 0 {
        open = first
      } else if aviary_stack_open(open, Int(first - open), shape.mode) != 0 {
        // Neither open nor closed: nobody gets it again.
        return
      }
    }
    state.withLock { $0.giveBack(index, open: open, calm: calm) }
  }

  /// Stacks that were never lent or are at rest, and those on loan: for tests.
  var counts: (idle: Int, used: Int) { state.withLock { ($0.idle, $0.next - $0.idle) } }

  private enum Taken {
    case used(UInt32, UInt, open: UInt, calm: UInt8)
    case fresh(UInt32, UInt)
    case none
  }

  @safe
  private struct Record {
    var open: UInt
    var next: UInt32
    var calm: UInt8
    var isPrepared: Bool
  }

  @safe
  private struct State: ~Copyable, @unchecked Sendable {
    /// Made with the first stack.
    private var slab: Mapping?
    private var records: UnsafeMutablePointer<Record>?
    private var base: UInt = 0
    private var capacity = 0
    private var stride: UInt = 0
    /// Never used from here on.
    private(set) var next = 0
    /// In the free list; the last one given back is first.
    private(set) var idle = 0
    private var head: UInt32 = 0

    var isReserved: Bool { capacity > 0 }

    init() {}
    deinit { if let records = unsafe records { unsafe records.deallocate() } }

    mutating func reserve(_ shape: StackShape, _ limit: Int?) throws(VMError) {
      var count = limit ?? StackPool.unlimitedSlabStacks
      while true {
        let (bytes, overflow) = shape.stride.multipliedReportingOverflow(by: UInt64(count))
        guard !overflow, bytes <= 1 << 47 else {
          throw .configuration(
            "\(count) guest stacks of \(shape.usableBytes) bytes with guards of \(shape.guardBytes) exceed the address space")
        }
        do {
          let mapping = try Mapping(reserving: bytes)
          base = mapping.address
          slab = consume mapping
          break
        } catch {
          // Without a limit fewer do, and the rest is mapped one by one.
          guard limit == nil, count > 1 else { throw error }
          count /= 2
        }
      }
      capacity = count
      stride = UInt(shape.stride)
      unsafe records = .allocate(capacity: max(count, 1))
    }

    private func address(_ index: UInt32) -> UInt { base + UInt(index) * stride }

    mutating func take() -> Taken {
      guard let records = unsafe records else { return .none }
      if idle > 0 {
        let index = head
        let record = unsafe records[Int(index)]
        head = record.next
        idle -= 1
        if !record.isPrepared { return .fresh(index, address(index)) }
        return .used(index, address(index), open: record.open, calm: record.calm)
      }
      guard next < capacity else { return .none }
      let index = UInt32(next)
      unsafe (records + next).initialize(to: Record(open: 0, next: 0, calm: 0, isPrepared: false))
      next += 1
      return .fresh(index, address(index))
    }

    mutating func giveBack(_ index: UInt32, open: UInt, calm: UInt8) {
      push(index, Record(open: open, next: head, calm: calm, isPrepared: true))
    }
    mutating func giveBackUnprepared(_ index: UInt32) {
      push(index, Record(open: 0, next: head, calm: 0, isPrepared: false))
    }
    private mutating func push(_ index: UInt32, _ record: Record) {
      guard let records = unsafe records else { return }
      unsafe records[Int(index)] = record
      head = index
      idle += 1
    }
  }
}
