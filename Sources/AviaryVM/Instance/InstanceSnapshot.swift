import AviaryContract
import AviaryCore
import AviaryPool
import CAviaryContract

/// What an instance looks like before its first guest code ran, save its memories' bytes.
///
/// ```
///  context: │ head, imports │ memories tables globals tags │ funcrefs │
///                           └──────── copied ──────────────┘
///           │ data segments │ passive element segments │   copied: which are dropped
/// ```
/// All else of an instance never changes. Addresses in the copy (functions in globals and tables) are
/// the instance's own.
@safe
final class InstanceSnapshot {
  private let offset: Int
  private let words: UnsafeMutableRawBufferPointer
  private let data: UnsafeMutableBufferPointer<DataSpan>
  private let elements: UnsafeMutableBufferPointer<UnsafeMutableBufferPointer<UInt64>>
  /// Active segments that no image holds.
  private let eager: [EagerData]

  @safe
  private struct EagerData {
    let memory: Int
    let start: UInt64
    let bytes: UnsafeRawBufferPointer
  }

  init(_ instance: InstanceState) {
    let layout = instance.module.layout
    offset = layout.memoriesOffset
    let count = layout.funcRefsOffset - offset
    unsafe words = .allocate(byteCount: count, alignment: 16)
    unsafe words.copyMemory(from: UnsafeRawBufferPointer(start: UnsafeRawPointer(instance.context) + offset, count: count))
    // A memory's place is another one each time: never shown.
    let memories = layout.tablesOffset - offset
    unsafe words[..<memories].initializeMemory(as: UInt8.self, repeating: 0)
    unsafe data = .allocate(capacity: instance.data.count)
    _ = unsafe data.initialize(from: instance.data)
    unsafe elements = .allocate(capacity: instance.elements.count)
    _ = unsafe elements.initialize(from: instance.elements)
    eager = InstanceSnapshot.eagerData(instance)
  }

  deinit {
    unsafe words.deallocate()
    unsafe data.deallocate()
    unsafe elements.deallocate()
  }

  private static func eagerData(_ instance: InstanceState) -> [EagerData] {
    let info = instance.module.info
    let evaluator = ConstantEvaluator(instance: instance)
    var result: [EagerData] = []
    for (index, segment) in info.data.enumerated() {
      guard case .active(let memory, let offset) = segment.mode, !segment.range.isEmpty,
        instance.module.memories?.isInImage[index] != true,
        // It was evaluated when the instance was made, and globals that it may read are constant.
        let start = try? evaluator.evaluate(offset).low
      else { continue }
      unsafe result.append(
        EagerData(memory: Int(memory), start: start, bytes: UnsafeRawBufferPointer(rebasing: info.bytes.buffer[segment.range])))
    }
    return result
  }

  /// Before the memories have bytes.
  func restore(_ instance: InstanceState) {
    unsafe instance.context.pointee.memory0_base = nil
    if let source = unsafe words.baseAddress {
      unsafe (UnsafeMutableRawPointer(instance.context) + offset).copyMemory(from: source, byteCount: words.count)
    }
    if let source = unsafe data.baseAddress { unsafe instance.data.baseAddress!.update(from: source, count: data.count) }
    if let source = unsafe elements.baseAddress {
      unsafe instance.elements.baseAddress!.update(from: source, count: elements.count)
    }
    for table in instance.tables { table.restoreSnapshot() }
  }

  /// Once they have.
  func finish(_ instance: InstanceState) throws {
    if let memory = instance.memories.first { unsafe instance.context.pointee.memory0_base = memory.cell.pointee.base }
    for segment in eager {
      guard let target = unsafe instance.memories[segment.memory].bytes(at: segment.start, count: UInt64(segment.bytes.count))
      else { throw VMCallError.trap(VMTrap(.memoryOutOfBounds)) }
      unsafe target.copyMemory(from: segment.bytes)
    }
  }
}

extension InstanceState {
  func takeSnapshot() {
    for table in tables { table.takeSnapshot() }
    snapshot = InstanceSnapshot(self)
  }
  /// - Precondition: a snapshot was taken.
  func restoreSnapshot() { snapshot!.restore(self) }
  func finishRevival() throws { try snapshot!.finish(self) }
}
