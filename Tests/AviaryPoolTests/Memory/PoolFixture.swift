@testable import AviaryPool
import CAviaryHost
import Glibc
import Synchronization

let kibibyte: UInt64 = 1 << 10
let page: UInt64 = 4096

extension MemoryPoolConfiguration {
  /// Small slots, so that whole pools can be compared byte for byte.
  static func small(slots: Int = 4, _ change: (inout MemoryPoolConfiguration) -> Void = { _ in }) -> Self {
    var result = MemoryPoolConfiguration()
    result.slots = slots
    result.maxMemoryBytes = 256 * kibibyte
    result.reservationBytes = 256 * kibibyte
    result.guardBytes = 64 * kibibyte
    result.keys = .off
    result.reset = .decommit
    result.decommitBatch = 1
    change(&result)
    return result
  }
}

/// An image in a sealed-like file of its own, and what it should read as.
struct TestImage {
  let image: MemoryImage
  let bytes: [UInt8]

  private final class Owner: Sendable {
    let file: Int32
    let mapping: Mapping
    init(_ bytes: [UInt8]) throws {
      let result = unsafe aviary_system_memfd("test image", bytes.count)
      guard result >= 0 else { throw Mapping.failure("making a file", result, UInt64(bytes.count)) }
      file = Int32(result)
      let written = unsafe bytes.withUnsafeBytes { unsafe pwrite(Int32(result), $0.baseAddress!, $0.count, 0) }
      precondition(written == bytes.count)
      mapping = try Mapping(file: file, count: UInt64(bytes.count), [.read])
    }
    deinit { aviary_system_close(file) }
  }

  /// Pages that are told apart by the seed.
  init(start: UInt64, pages: Int, seed: UInt8) throws {
    bytes = (0..<(pages * Int(page))).map { UInt8(truncatingIfNeeded: $0 / 4096 &* 31 &+ $0 &* 7) ^ seed | 1 }
    let owner = try Owner(bytes)
    image = MemoryImage(
      start: start, count: UInt64(bytes.count), file: owner.file, fileOffset: 0, source: owner.mapping.address,
      owner: owner)
  }

  /// All of a memory of so many bytes.
  func contents(_ count: UInt64) -> [UInt8] {
    var all = [UInt8](repeating: 0, count: Int(count))
    for (i, byte) in bytes.enumerated() where Int(image.start) + i < all.count { all[Int(image.start) + i] = byte }
    return all
  }

}

extension MemorySlot {
  borrowing func write(_ value: UInt8, at offset: UInt64) {
    unsafe UnsafeMutablePointer<UInt8>(bitPattern: base + UInt(offset))!.pointee = value
  }

  borrowing func bytes(_ count: UInt64) -> [UInt8] {
    unsafe [UInt8](UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: base), count: Int(count)))
  }

  /// Whether the first `count` bytes are the image and zeros.
  borrowing func reads(_ image: TestImage?, _ count: UInt64) -> Bool {
    let memory = unsafe UnsafeRawPointer(bitPattern: base)!
    let end = image.map { $0.image.start + $0.image.count } ?? 0
    let start = min(image?.image.start ?? count, count)
    func isZero(_ from: UInt64, _ to: UInt64) -> Bool {
      unsafe from >= to || memory.load(fromByteOffset: Int(from), as: UInt8.self) == 0
        && memcmp(memory + Int(from), memory + Int(from) + 1, Int(to - from) - 1) == 0
    }
    guard isZero(0, start), isZero(end, count) else { return false }
    guard let image, start < count else { return true }
    return unsafe image.bytes.withUnsafeBytes {
      unsafe memcmp(memory + Int(start), $0.baseAddress!, Int(min(end, count) - start)) == 0
    }
  }

  borrowing func fill(_ value: UInt8, _ count: UInt64) {
    unsafe memset(UnsafeMutableRawPointer(bitPattern: base)!, Int32(value), Int(count))
  }

  /// Bytes from the start that a system call may read, by trying. Where handlers fill pages, what
  /// they are told.
  borrowing func accessibleBytes(of most: UInt64) -> UInt64 {
    if pool.faults != nil { return unsafe pool.table.records[index].accessible }
    var offset: UInt64 = 0
    while offset < most, canRead(offset) { offset += page }
    return offset
  }

  /// Without touching it ourselves: the kernel is asked to.
  borrowing func canRead(_ offset: UInt64) -> Bool { Probe.shared.canRead(base + UInt(offset)) }
}

/// A pipe: a system call that reads where it may not gives EFAULT.
private final class Probe: Sendable {
  static let shared = Probe()
  private let ends: Mutex<(Int32, Int32)>
  private init() {
    var pair: [Int32] = [0, 0]
    unsafe pipe(&pair)
    ends = Mutex((pair[0], pair[1]))
  }
  func canRead(_ address: UInt) -> Bool {
    ends.withLock { ends in
      guard unsafe Glibc.write(ends.1, UnsafeRawPointer(bitPattern: address), 1) == 1 else { return false }
      var byte: UInt8 = 0
      return unsafe Glibc.read(ends.0, &byte, 1) == 1
    }
  }
}

/// What this process holds, to see that nothing was lost.
enum Holdings {
  static func files() -> Int {
    guard let directory = unsafe opendir("/proc/self/fd") else { return -1 }
    defer { unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    return count
  }

  /// Mappings that touch the range. The kernel's list is read in pieces: one that joins a neighbour
  /// meanwhile, of another test, is found twice.
  static func mappings(in range: Range<UInt>) -> Int { (0..<5).map { _ in count(in: range) }.min()! }

  private static func count(in range: Range<UInt>) -> Int {
    guard let file = unsafe fopen("/proc/self/maps", "r") else { return -1 }
    defer { unsafe fclose(file) }
    var count = 0
    var line = [CChar](repeating: 0, count: 4096)
    while unsafe fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let bounds = text.prefix { $0 != " " }.split(separator: "-").compactMap { UInt($0, radix: 16) }
      if bounds.count == 2, bounds[0] < range.upperBound, bounds[1] > range.lowerBound { count += 1 }
    }
    return count
  }
}

/// Counts this thread's system calls, or makes some of them fail. Other threads' tests go on unharmed.
enum SystemCalls {
  private struct State {
    var thread: pthread_t
    var count = 0
    var failing: Range<Int>
    var error: Int32
    var only: Int32?
    var except: ClosedRange<Int32>?
    var failed: Int32?
  }
  private static let state = Mutex<State?>(nil)
  private static let user = Mutex(())

  /// Within `during`: the operation that failed last.
  static var failedOperation: Int32? { state.withLock { $0?.failed } }

  /// - Parameters:
  ///   - number: the call that fails, from 0; -1: none.
  ///   - only: operations that are counted; nil: all.
  ///   - except: operations that are not counted.
  ///   - failures: how many fail in a row.
  @discardableResult
  static func during<R>(
    failing number: Int = -1, with error: Int32 = EINVAL, only: Int32? = nil, except: ClosedRange<Int32>? = nil,
    failures: Int = 1, _ body: () throws -> R
  ) rethrows -> (result: R, count: Int) {
    try user.withLock { _ in
      state.withLock {
        $0 = State(thread: pthread_self(), failing: number..<(number + failures), error: error, only: only, except: except)
      }
      aviary_system_set_injector { operation in
        SystemCalls.state.withLock { state in
          guard let current = state, pthread_equal(current.thread, pthread_self()) != 0 else { return 0 }
          if let only = current.only, only != operation { return 0 }
          if let except = current.except, except.contains(operation) { return 0 }
          state?.count += 1
          if !current.failing.contains(current.count) { return 0 }
          state?.failed = operation
          return current.error
        }
      }
      defer { aviary_system_set_injector(nil) }
      let result = try body()
      return (result, state.withLock { $0?.count ?? 0 })
    }
  }
}
