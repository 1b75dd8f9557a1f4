import AviaryPool
import CAviaryContract
import CAviaryHost

// memory.atomic.wait and notify (threads proposal). The checks are in the order of the atomic accesses': alignment,
// bounds, then whether the memory is shared.
extension Builtins {
  static let memoryWait32: @convention(c) (Context, UInt32, UInt64, UInt64, Int64, UInt64) -> UInt64 = {
    context, index, start, expected, timeout, offset in
    unsafe wait(context, index, start, offset, width: 4, expected & 0xFFFF_FFFF, timeout)
  }

  static let memoryWait64: @convention(c) (Context, UInt32, UInt64, UInt64, Int64, UInt64) -> UInt64 = {
    context, index, start, expected, timeout, offset in
    unsafe wait(context, index, start, offset, width: 8, expected, timeout)
  }

  static let memoryNotify: @convention(c) (Context, UInt32, UInt64, UInt64, UInt64) -> UInt64 = {
    context, index, start, count, offset in
    unsafe with(context) { instance in
      guard let address = unsafe place(context, instance, index, start, offset, width: 4) else { return 0 }
      // Nobody can wait on a memory of one thread.
      guard isShared(instance, index) else { return 0 }
      return UInt64(WaitList.all.notify(address, UInt32(truncatingIfNeeded: count)))
    }
  }

  private static func wait(
    _ context: Context, _ index: UInt32, _ start: UInt64, _ offset: UInt64, width: UInt32, _ expected: UInt64,
    _ timeout: Int64
  ) -> UInt64 {
    unsafe with(context) { instance in
      guard let address = unsafe place(context, instance, index, start, offset, width: UInt64(width)) else { return 0 }
      guard isShared(instance, index) else {
        unsafe trap(context, AVIARY_TRAP_EXPECTED_SHARED_MEMORY)
        return 0
      }
      let limit = VMWaitTimeout(timeout)
      guard let fiber = unsafe aviary_fiber_current(context.pointee.store) else {
        guard let result = unsafe instance.store.sleep(unsafe: address, width, expected, limit) else {
          unsafe trap(context, AVIARY_TRAP_INTERRUPTED)
          return 0
        }
        return result.rawValue
      }
      // Who sees another value at once need not be suspended.
      let place = unsafe UnsafeRawPointer(bitPattern: address).unsafelyUnwrapped
      guard unsafe aviary_shared_load(place, width) == expected else { return VMWaitResult.notEqual.rawValue }
      unsafe fiber.pointee.caller = context
      unsafe fiber.pointee.index = width
      unsafe fiber.pointee.amount = UInt64(address)
      unsafe fiber.pointee.fill = expected
      unsafe fiber.pointee.timeout = limit.time
      unsafe aviary_fiber_suspend(fiber, UInt32(AVIARY_REQUEST_WAIT))
      return 0
    }
  }

  /// The address of an atomic access, or nil after a trap was left.
  private static func place(
    _ context: Context, _ instance: InstanceState, _ index: UInt32, _ start: UInt64, _ offset: UInt64, width: UInt64
  ) -> UInt? {
    let (sum, overflow) = start.addingReportingOverflow(offset)
    guard sum % width == 0 else {
      unsafe trap(context, AVIARY_TRAP_UNALIGNED_ATOMIC)
      return nil
    }
    guard !overflow, let bytes = unsafe bytes(instance, index, sum, width) else {
      unsafe trap(context, AVIARY_TRAP_MEMORY_OUT_OF_BOUNDS)
      return nil
    }
    return UInt(bitPattern: bytes)
  }
}
