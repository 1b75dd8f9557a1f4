import Aviary
import Glibc
import Synchronization

/// Stacks in memory that is reserved, and made resident, when the shelf is made: no store asks the system for a
/// stack later. As in docs/stack-provider.md.
@safe final class StackShelf: StackProvider {
  struct Empty: Error {}

  private let base: UInt
  private let byteCount: Int
  private let guardBytes: Int
  private let count: Int
  /// Stacks that nobody has. The last one given back is the next to go.
  private let free: Mutex<[Int]>

  init(stacks: Int, byteCount: Int, guardBytes: Int = 2 << 20) {
    let stride = byteCount + guardBytes
    let mapping = unsafe mmap(nil, stacks * stride, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else { fatalError("no address space") }
    base = UInt(bitPattern: mapping)
    self.byteCount = byteCount
    self.guardBytes = guardBytes
    count = stacks
    free = Mutex(Array(0..<stacks))
    for index in 0..<stacks {
      let stack = unsafe mapping + index * stride + guardBytes
      guard unsafe mprotect(stack, byteCount, PROT_READ | PROT_WRITE) == 0 else { fatalError("no memory") }
      unsafe memset(stack, 0, byteCount)
    }
  }

  /// The engine keeps its provider: all stacks are back.
  deinit { unsafe munmap(UnsafeMutableRawPointer(bitPattern: base), count * (byteCount + guardBytes)) }

  var freeCount: Int { free.withLock { $0.count } }

  func allocate(byteCount: Int, zeroed: Bool) throws -> ProvidedStack {
    guard byteCount <= self.byteCount, let index = free.withLock({ $0.popLast() }) else { throw Empty() }
    let low = base + UInt(index * (self.byteCount + guardBytes) + guardBytes)
    if zeroed { unsafe memset(UnsafeMutableRawPointer(bitPattern: low)!, 0, self.byteCount) }
    return unsafe ProvidedStack(
      usable: low..<low + UInt(self.byteCount), guardRange: low - UInt(guardBytes)..<low, tag: UInt64(index))
  }

  func deallocate(_ stack: ProvidedStack) { free.withLock { $0.append(Int(stack.tag)) } }
}
