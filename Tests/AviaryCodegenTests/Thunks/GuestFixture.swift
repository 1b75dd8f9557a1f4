import CAviaryContract
import CAviaryHost
import Glibc

/// A store with a guest stack and a guard below it: enough of the runtime to
/// run code that the tests assemble.
@safe
final class GuestFixture {
  /// Stands for what lies behind a memory; nothing can be accessed there.
  static let memoryBytes = 64 << 10
  static let guardBytes = 2 << 20
  static let stackBytes = 256 << 10

  let store: UnsafeMutablePointer<AviaryHostStore>
  private let memory: UnsafeMutableRawPointer

  init() throws {
    let error = aviary_host_install()
    guard error == 0 else { throw ExecutableCode.Failure(errno: error) }
    let stackOffset = Self.memoryBytes + Self.guardBytes
    let size = stackOffset + Self.stackBytes
    guard
      let mapped = unsafe mmap(nil, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      unsafe mapped != MAP_FAILED,
      unsafe mprotect(mapped + stackOffset, Self.stackBytes, PROT_READ | PROT_WRITE) == 0
    else { throw ExecutableCode.Failure(errno: errno) }
    unsafe memory = mapped
    unsafe store = .allocate(capacity: 1)
    unsafe store.initialize(to: AviaryHostStore())
    let low = UInt(bitPattern: mapped)
    unsafe store.pointee.guard_low = low + UInt(Self.memoryBytes)
    unsafe store.pointee.stack_low = low + UInt(stackOffset)
    unsafe store.pointee.stack_high = low + UInt(size)
    unsafe store.pointee.context.stack_limit = store.pointee.stack_low
  }

  deinit {
    unsafe munmap(memory, Self.memoryBytes + Self.guardBytes + Self.stackBytes)
    unsafe store.deallocate()
  }

  var memoryAddress: UInt { unsafe UInt(bitPattern: memory) }

  /// What contexts point to: the store's first field.
  var storeContext: UnsafeMutablePointer<AviaryStoreContext> {
    unsafe UnsafeMutableRawPointer(store).assumingMemoryBound(to: AviaryStoreContext.self)
  }

  var trapPC: UInt { unsafe store.pointee.report.pc }
  var faultAddress: UInt { unsafe store.pointee.report.fault_address }
}
