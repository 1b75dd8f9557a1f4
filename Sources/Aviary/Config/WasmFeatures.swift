import AviaryCore

/// Which parts of WebAssembly a module may use. `standard` is WebAssembly 3.0;
/// what is not yet in the standard is off by default.
///
/// A module that uses a feature that is off is refused with `WasmError.malformed`,
/// `.invalid` or `.unsupported`, as the reference interpreter of that version would.
public struct WasmFeatures: OptionSet, Hashable, Sendable {
  public var rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  init(_ features: Features) { rawValue = features.rawValue }
  var core: Features { Features(rawValue: rawValue) }

  public static let multiValue = WasmFeatures(.multiValue)
  public static let bulkMemory = WasmFeatures(.bulkMemory)
  public static let referenceTypes = WasmFeatures(.referenceTypes)
  public static let signExtension = WasmFeatures(.signExtension)
  public static let saturatingConversions = WasmFeatures(.saturatingConversions)
  public static let simd = WasmFeatures(.simd)
  public static let relaxedSIMD = WasmFeatures(.relaxedSIMD)
  public static let multiMemory = WasmFeatures(.multiMemory)
  public static let memory64 = WasmFeatures(.memory64)
  public static let tailCalls = WasmFeatures(.tailCalls)
  public static let extendedConstants = WasmFeatures(.extendedConstants)
  public static let functionReferences = WasmFeatures(.functionReferences)
  public static let garbageCollection = WasmFeatures(.garbageCollection)
  public static let exceptions = WasmFeatures(.exceptions)
  /// Not in the standard yet.
  public static let threads = WasmFeatures(.threads)
  /// Not in the standard yet.
  public static let customPageSizes = WasmFeatures(.customPageSizes)
  /// Not in the standard yet.
  public static let wideArithmetic = WasmFeatures(.wideArithmetic)
  /// The exceptions of before the standard.
  public static let legacyExceptions = WasmFeatures(.legacyExceptions)

  /// WebAssembly 3.0.
  public static let standard = WasmFeatures(.standard)
  public static let all = WasmFeatures(.all)
}
