/// Which parts of WebAssembly a module may use. The default is 3.0 with
/// everything that the standard holds; threads, custom page sizes, wide arithmetic and
/// legacy exceptions are off.
package struct Features: OptionSet, Hashable, Sendable {
  package var rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let multiValue = Features(rawValue: 1 << 0)
  package static let bulkMemory = Features(rawValue: 1 << 1)
  package static let referenceTypes = Features(rawValue: 1 << 2)
  package static let signExtension = Features(rawValue: 1 << 3)
  package static let saturatingConversions = Features(rawValue: 1 << 4)
  package static let simd = Features(rawValue: 1 << 5)
  package static let relaxedSIMD = Features(rawValue: 1 << 6)
  package static let multiMemory = Features(rawValue: 1 << 7)
  package static let memory64 = Features(rawValue: 1 << 8)
  package static let tailCalls = Features(rawValue: 1 << 9)
  package static let extendedConstants = Features(rawValue: 1 << 10)
  package static let functionReferences = Features(rawValue: 1 << 11)
  package static let garbageCollection = Features(rawValue: 1 << 12)
  package static let exceptions = Features(rawValue: 1 << 13)
  package static let threads = Features(rawValue: 1 << 14)
  package static let customPageSizes = Features(rawValue: 1 << 15)
  package static let wideArithmetic = Features(rawValue: 1 << 16)
  package static let legacyExceptions = Features(rawValue: 1 << 17)

  /// WebAssembly 3.0.
  package static let standard = Features(rawValue: (1 << 14) - 1)
  package static let all = Features(rawValue: (1 << 18) - 1)
}
