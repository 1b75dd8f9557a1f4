import AviaryContract
package import AviaryPool

/// Where the images of a module's plan stand in a file.
package struct StoredImages: Sendable {
  let file: ConstantFile
  /// Per image of `MemoryImagePlan`, in its order.
  let offsets: [UInt64]

  package init(_ file: ConstantFile, offsets: [UInt64]) {
    self.file = file
    self.offsets = offsets
  }

  /// nil where it is not there.
  func image(_ index: Int, _ plan: MemoryImagePlan.Image) -> MemoryImage? {
    guard index < offsets.count else { return nil }
    return MemoryImage(in: file, at: offsets[index], start: plan.start, count: plan.count)
  }
}
