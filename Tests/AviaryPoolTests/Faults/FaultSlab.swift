import AviaryPool
import CAviaryHost
import Glibc
import Testing

/// A small slab under a fault service, and what its slots should read as.
@safe
final class FaultSlab: @unchecked Sendable {
  let mode: FaultService.Mode
  let service: FaultService
  let slotBytes: UInt64
  let slotCount: Int
  let start: UInt
  private var mapping: Mapping?
  private let records: UnsafeMutablePointer<AviarySlotRecord>

  init(_ mode: FaultService.Mode, slots: Int = 4, slotBytes: UInt64 = 1 << 20, reportsRemovals: Bool = false) throws {
    self.mode = mode
    self.slotBytes = slotBytes
    slotCount = slots
    let mapping = try Mapping(reserving: slotBytes * UInt64(slots), [.read, .write])
    start = mapping.address
    self.mapping = consume mapping
    unsafe records = .allocate(capacity: slots)
    unsafe records.initialize(repeating: AviarySlotRecord(), count: slots)
    do {
      service = unsafe try FaultService(
        slotsStart: start, slotBytes: slotBytes, slotCount: slots, records: records, mode: mode,
        reportsRemovals: reportsRemovals)
    } catch {
      unsafe records.deallocate()
      throw error
    }
  }

  deinit {
    end()
    unsafe records.deallocate()
  }

  /// Unmaps the slab and ends the service.
  func end() { service.close { mapping = nil } }

  func base(_ slot: Int) -> UInt { start + UInt(slot) * UInt(slotBytes) }
  var region: Range<UInt> { start..<(start + UInt(slotCount) * UInt(slotBytes)) }

  func read(_ slot: Int, _ offset: UInt64) -> UInt8 {
    unsafe UnsafePointer<UInt8>(bitPattern: base(slot) + UInt(offset))!.pointee
  }

  func write(_ slot: Int, _ offset: UInt64, _ value: UInt8) {
    unsafe UnsafeMutablePointer<UInt8>(bitPattern: base(slot) + UInt(offset))!.pointee = value
  }

  func bytes(_ slot: Int, _ count: UInt64) -> [UInt8] {
    unsafe [UInt8](UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: base(slot)), count: Int(count)))
  }

  /// A system call reads from the memory: 0 or an errno.
  func kernelRead(_ slot: Int, _ offset: UInt64, _ count: Int = 1) -> Int32 {
    let file = Int32(unsafe aviary_system_memfd("probe", 0))
    defer { aviary_system_close(file) }
    let result = unsafe Glibc.write(file, UnsafeRawPointer(bitPattern: base(slot) + UInt(offset)), count)
    return result < 0 ? errno : result == count ? 0 : -1
  }

  /// A system call writes into the memory: 0 or an errno.
  func kernelWrite(_ slot: Int, _ offset: UInt64, _ source: [UInt8]) -> Int32 {
    let file = Int32(unsafe aviary_system_memfd("probe", 0))
    defer { aviary_system_close(file) }
    guard unsafe source.withUnsafeBytes({ unsafe pwrite(file, $0.baseAddress, $0.count, 0) }) == source.count else {
      return -1
    }
    let result = unsafe pread(file, UnsafeMutableRawPointer(bitPattern: base(slot) + UInt(offset)), source.count, 0)
    return result < 0 ? errno : result == source.count ? 0 : -1
  }

  /// Pages that are present, of the slot.
  func presentPages(_ slot: Int) -> Int {
    let file = unsafe open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    var entries = [UInt64](repeating: 0, count: Int(slotBytes / page))
    let bytes = entries.count * 8
    let count = unsafe entries.withUnsafeMutableBytes {
      unsafe pread(file, $0.baseAddress, bytes, off_t(UInt64(base(slot)) / page * 8))
    }
    precondition(count == bytes)
    return entries.count { $0 >> 62 != 0 }
  }

  /// The end of a tenancy.
  func clear(_ slot: Int, _ accessible: UInt64) throws {
    try service.deactivate(slot)
    try service.decommit(slot, to: accessible)
  }
}

/// What this machine permits.
enum UserFaults {
  static func works(_ mode: FaultService.Mode) -> Bool { (try? FaultSupport.check(mode)) != nil }
  /// Of this process.
  static func descriptors() -> Int {
    guard let directory = unsafe opendir("/proc/self/fd") else { return -1 }
    defer { unsafe closedir(directory) }
    var count = 0
    while let entry = unsafe readdir(directory) {
      let number = unsafe withUnsafePointer(to: &entry.pointee.d_name) { unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self)) }
      var target = [UInt8](repeating: 0, count: 64)
      let length = unsafe target.withUnsafeMutableBytes {
        unsafe readlink("/proc/self/fd/" + number, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
      }
      if length > 0, String(decoding: target[..<length], as: UTF8.self) == "anon_inode:[userfaultfd]" { count += 1 }
    }
    return count
  }

  static let reason: Comment = "userfaultfd is not permitted on this machine"
}

extension Trait where Self == ConditionTrait {
  static var byThread: Self { .enabled(if: UserFaults.works(.thread), UserFaults.reason) }
  static var bySignal: Self { .enabled(if: UserFaults.works(.signal), UserFaults.reason) }
  static var byBoth: Self {
    .enabled(if: UserFaults.works(.signal) && UserFaults.works(.thread), UserFaults.reason)
  }
}

/// Lets threads go on when all are there.
@safe
final class StartGate: @unchecked Sendable {
  private let barrier = UnsafeMutablePointer<pthread_barrier_t>.allocate(capacity: 1)
  init(_ count: Int) { unsafe pthread_barrier_init(barrier, nil, UInt32(count)) }
  deinit {
    unsafe pthread_barrier_destroy(barrier)
    unsafe barrier.deallocate()
  }
  func pass() { unsafe pthread_barrier_wait(barrier) }
}
