import AviaryContract
import AviaryCore
import AviaryPool

/// What a module's memories start with, where its engine has a pool: images, made once, and
/// affinity groups, given back when the module goes.
///
/// Invariant: a data segment counts as `isInImage` exactly where its memory's image exists.
final class ModuleMemories: Sendable {
  private let pool: MemoryPool
  /// Per memory index; nil for imports.
  private let groups: [AffinityGroup?]
  private let images: [MemoryImage?]
  /// Per data segment.
  let isInImage: [Bool]

  /// A stored image that is larger is mapped from its file, even where the pool would rather have it sealed.
  private static let mostCopiedBytes: UInt64 = 4 << 20

  /// Where an image cannot be made, its segments are copied at each instantiation instead.
  init(_ info: ModuleInfo, _ pool: MemoryPool, stored: StoredImages?) {
    let plan = MemoryImagePlan(info)
    var images = [MemoryImage?](repeating: nil, count: info.memories.count)
    var isInImage = [Bool](repeating: false, count: info.data.count)
    for (index, planned) in plan.images.enumerated() where planned.end <= pool.configuration.maxMemoryBytes {
      // Pages of a file on a disk cannot be write-protected, so resets would have to scan.
      let isShared = !pool.writeProtects || planned.count > ModuleMemories.mostCopiedBytes
      let found = isShared ? stored?.image(index, planned) : nil
      guard let image = try? found ?? ModuleMemories.image(planned, info) else { continue }
      images[planned.memory] = image
      for placement in planned.segments { isInImage[placement.segment] = true }
    }
    self.pool = pool
    self.images = images
    self.isInImage = isInImage
    groups = info.memories.enumerated().map { index, type in
      index < info.importedMemoryCount || type.isShared ? nil : pool.makeGroup()
    }
  }

  deinit {
    for case let group? in groups { pool.purge(group) }
  }

  func image(ofMemory index: Int) -> MemoryImage? { images[index] }
  func group(ofMemory index: Int) -> AffinityGroup? { groups[index] }

  private static func image(_ plan: MemoryImagePlan.Image, _ info: ModuleInfo) throws(VMError) -> MemoryImage {
    try unsafe MemoryImage.sealed(start: plan.start, count: plan.count) { place throws(VMError) in
      for placement in plan.segments {
        let range = info.data[placement.segment].range
        unsafe try place(UnsafeRawBufferPointer(rebasing: info.bytes.buffer[range]), placement.offset)
      }
    }
  }
}
