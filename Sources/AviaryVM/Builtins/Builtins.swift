import CAviaryContract
import CAviaryHost
import Glibc

/// What machine code calls for what it does not do itself: the functions behind the
/// stubs of enter.S. They run on the host's stack.
///
/// Indices of memories, tables, segments and types come from compiled code, so from a
/// validated module; all other numbers are the guest's, any 64-bit value. Bulk
/// operations check before they write. A trap is left pending: the stub raises it.
enum Builtins {
  typealias Context = UnsafeMutablePointer<AviaryVMContext>

  /// Puts the functions into the stubs' table; any number of times.
  static func install() {
    _ = installed
    VMTask.install
  }

  private static let installed: Void = {
    unsafe install(AVIARY_BUILTIN_MEMORY_GROW, unsafeBitCast(memoryGrow, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_MEMORY_FILL, unsafeBitCast(memoryFill, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_MEMORY_COPY, unsafeBitCast(memoryCopy, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_MEMORY_INIT, unsafeBitCast(memoryInit, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_DATA_DROP, unsafeBitCast(dataDrop, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_TABLE_GROW, unsafeBitCast(tableGrow, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_TABLE_FILL, unsafeBitCast(tableFill, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_TABLE_COPY, unsafeBitCast(tableCopy, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_TABLE_INIT, unsafeBitCast(tableInit, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_ELEM_DROP, unsafeBitCast(elementDrop, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_IS_SUBTYPE, unsafeBitCast(isSubtype, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_EPOCH, unsafeBitCast(epoch, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_MEMORY_WAIT32, unsafeBitCast(memoryWait32, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_MEMORY_WAIT64, unsafeBitCast(memoryWait64, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_MEMORY_NOTIFY, unsafeBitCast(memoryNotify, to: UnsafeRawPointer.self))
    unsafe install(AVIARY_BUILTIN_OUT_OF_FUEL, unsafeBitCast(outOfFuel, to: UnsafeRawPointer.self))
    unsafe aviary_exception_install(markExceptions)
  }()

  private static func install(_ builtin: AviaryBuiltin, _ function: UnsafeRawPointer) {
    unsafe aviary_builtin_install(builtin.rawValue, function)
  }

  /// Runs the body with the context's instance, which the store keeps alive: no reference counting.
  @inline(__always)
  static func with<Result>(_ context: Context, _ body: (InstanceState) -> Result) -> Result {
    unsafe Unmanaged<InstanceState>.fromOpaque(context.pointee.owner)._withUnsafeGuaranteedRef { body($0) }
  }

  @inline(__always)
  static func trap(_ context: Context, _ code: AviaryTrap) {
    unsafe aviary_set_pending(context.pointee.store, code.rawValue)
  }

  /// Charges metered code for so much work beside the operator, or makes it trap before any of it is done: 1 for
  /// each 64 bytes.
  @inline(__always)
  static func pays(_ context: Context, bytes count: UInt64) -> Bool {
    guard unsafe context.pointee.store.pointee.is_metered != 0 else { return true }
    return unsafe charge(context, count / 64)
  }

  @inline(__always)
  static func pays(_ context: Context, elements count: UInt64) -> Bool {
    guard unsafe context.pointee.store.pointee.is_metered != 0 else { return true }
    return unsafe charge(context, count / 8)
  }

  @inline(never)
  private static func charge(_ context: Context, _ amount: UInt64) -> Bool {
    let (rest, overflow) = unsafe context.pointee.store.pointee.fuel.subtractingReportingOverflow(amount)
    if overflow {
      unsafe trap(context, AVIARY_TRAP_OUT_OF_FUEL)
      return false
    }
    unsafe context.pointee.store.pointee.fuel = rest
    return true
  }

  /// The guest's -1.
  static let denied = UInt64.max

  /// Makes the guest wait for the store's limiter. What is returned here is replaced when it goes on.
  ///
  /// Unsafe contract: `asksLater` was true.
  static func suspend(_ context: Context, _ request: Int, _ index: UInt32, _ amount: UInt64, _ fill: UInt64) -> UInt64 {
    guard let fiber = unsafe aviary_fiber_current(context.pointee.store) else { return denied }
    unsafe fiber.pointee.caller = context
    unsafe fiber.pointee.index = index
    unsafe fiber.pointee.amount = amount
    unsafe fiber.pointee.fill = fill
    unsafe aviary_fiber_suspend(fiber, UInt32(request))
    return denied
  }

  // MARK: Interruption and types

  private static let isSubtype: @convention(c) (Context, UInt32, UInt32) -> UInt32 = { context, actual, expected in
    unsafe with(context) { unsafe $0.store.engine.types.isSubtype(actual, of: expected) } ? 1 : 0
  }

  private static let epoch: @convention(c) (Context) -> Void = { context in
    unsafe with(context) { unsafe $0.store.reachCheck(context) }
  }

  private static let outOfFuel: @convention(c) (Context) -> Void = { context in
    unsafe trap(context, AVIARY_TRAP_OUT_OF_FUEL)
  }
}
