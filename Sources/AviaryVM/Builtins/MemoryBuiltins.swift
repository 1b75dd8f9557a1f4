import CAviaryContract
import CAviaryHost
import Glibc

extension Builtins {
  static let memoryGrow: @convention(c) (Context, UInt32, UInt64) -> UInt64 = { context, index, pages in
    unsafe with(context) { instance in
      let store = unsafe instance.store
      do {
        if pages > 0, unsafe store.asksLater(context) {
          let memory = instance.memories[Int(index)]
          guard store.allowedSize(memory, of: memory.byteCount, by: pages) != nil else { return denied }
          return unsafe suspend(context, AVIARY_REQUEST_MEMORY_GROW, index, pages, 0)
        }
        return try store.grow(instance.memories[Int(index)], by: pages) ?? denied
      } catch {
        store.hostError = error
        unsafe trap(context, AVIARY_TRAP_HOST)
        return denied
      }
    }
  }

  static let memoryFill: @convention(c) (Context, UInt32, UInt64, UInt32, UInt64) -> Void = {
    context, index, start, value, count in
    unsafe with(context) { instance in
      guard let target = unsafe bytes(instance, index, start, count) else {
        return unsafe trap(context, AVIARY_TRAP_MEMORY_OUT_OF_BOUNDS)
      }
      guard unsafe pays(context, bytes: count) else { return }
      if isShared(instance, index) {
        unsafe aviary_shared_fill(target, UInt8(truncatingIfNeeded: value), Int(count))
      } else {
        unsafe memset(target, Int32(truncatingIfNeeded: value & 0xFF), Int(count))
      }
    }
  }

  static let memoryCopy: @convention(c) (Context, UInt32, UInt32, UInt64, UInt64, UInt64) -> Void = {
    context, toIndex, fromIndex, to, from, count in
    unsafe with(context) { instance in
      guard let target = unsafe bytes(instance, toIndex, to, count),
        let source = unsafe bytes(instance, fromIndex, from, count)
      else { return unsafe trap(context, AVIARY_TRAP_MEMORY_OUT_OF_BOUNDS) }
      guard unsafe pays(context, bytes: count) else { return }
      if isShared(instance, toIndex) || isShared(instance, fromIndex) {
        unsafe aviary_shared_copy(target, source, Int(count))
      } else {
        unsafe memmove(target, source, Int(count))
      }
    }
  }

  static let memoryInit: @convention(c) (Context, UInt32, UInt32, UInt64, UInt64, UInt64) -> Void = {
    context, index, segment, to, from, count in
    unsafe with(context) { instance in
      // More than there is traps.
      guard unsafe pays(context, bytes: min(count, instance.data[Int(segment)].count)) else { return }
      if !instance.copyData(Int(segment), to: Int(index), at: to, from: from, count: count) {
        unsafe trap(context, AVIARY_TRAP_MEMORY_OUT_OF_BOUNDS)
      }
    }
  }

  static let dataDrop: @convention(c) (Context, UInt32) -> Void = { context, segment in
    unsafe with(context) { $0.dropData(Int(segment)) }
  }

  /// The start of a range that lies inside of the memory. Reads the memory's words alone.
  @inline(__always)
  static func bytes(
    _ instance: InstanceState, _ index: UInt32, _ start: UInt64, _ count: UInt64
  ) -> UnsafeMutablePointer<UInt8>? {
    let memory = unsafe instance.memoryCells[Int(index)]
    let length = unsafe aviary_memory_length(memory)
    guard start <= length, count <= length - start else { return nil }
    return unsafe memory.pointee.base + Int(start)
  }

  @inline(__always)
  static func isShared(_ instance: InstanceState, _ index: UInt32) -> Bool {
    instance.hasSharedMemories && instance.memories[Int(index)].shared != nil
  }
}
