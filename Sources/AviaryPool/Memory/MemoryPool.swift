/// What a memory is to be.
package struct MemoryRequest: Sendable {
  /// nil: no module's; nothing is kept for a next one.
  package var group: AffinityGroup?
  /// The store's stripe: all its memories are under one key.
  package var stripe = 0
  /// nil: zeros. Lies inside of `maxMemoryBytes`, and may end behind `initialBytes` by less than 64 KiB.
  package var image: MemoryImage?
  /// Rounded up to machine pages.
  package var initialBytes: UInt64
  package init(group: AffinityGroup? = nil, stripe: Int = 0, image: MemoryImage? = nil, initialBytes: UInt64) {
    self.group = group
    self.stripe = stripe
    self.image = image
    self.initialBytes = initialBytes
  }
}

/// Linear memories, allocated in advance. Thread-safe.
package final class MemoryPool: Sendable {
  package let configuration: MemoryPoolConfiguration

  /// - Throws: `configuration` that names the numbers; `system` where nothing can be reserved.
  package init(_ configuration: MemoryPoolConfiguration) throws(VMError) {
    self.configuration = configuration
    throw .unsupported("the memory pool")
  }

  /// How many stripes, each under a key of its own; 1 without keys.
  package var stripeCount: Int { 1 }

  /// Takes a slot: all of it, as far as its guest reaches, reads as the image and zeros.
  ///
  /// - Throws: `limit` when all slots are taken; `system`.
  package func acquire(_ request: MemoryRequest) throws(VMError) -> MemorySlot { throw .unsupported("the memory pool") }

  /// A number for a module's memory. Give it back with `purge` when the module goes.
  package func makeGroup() -> AffinityGroup { AffinityGroup(id: 0) }

  /// Removes the group's images from unused slots, and those in use when they come back.
  package func purge(_ group: AffinityGroup) {}

  func grow(_ index: Int, to bytes: UInt64) throws(VMError) {}
  func release(_ index: Int) {}
}
