import AviaryCore

/// Which parts of WebAssembly a module may use. `standard` is WebAssembly 3.0;
/// what is not yet in the standard is off by default.
///
/// A module that uses a feature that is off is refused with `WasmError.malformed`,
/// `.invalid` or `.unsupported`, as the reference interpreter of that version would.
public struct WasmFeatures: OptionSet, Hashable, Sendable {
  public var rawValue: UInt32
  /// From bits; only those of the constants below mean something.
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  init(_ features: Features) { rawValue = features.rawValue }
  var core: Features { Features(rawValue: rawValue) }

  /// Several results of functions and blocks (2.0).
  public static let multiValue = WasmFeatures(.multiValue)
  /// `memory.copy`, `table.init` and the like (2.0).
  public static let bulkMemory = WasmFeatures(.bulkMemory)
  /// `funcref`, `externref`, several tables (2.0).
  public static let referenceTypes = WasmFeatures(.referenceTypes)
  /// `i32.extend8_s` and the like (2.0).
  public static let signExtension = WasmFeatures(.signExtension)
  /// `i32.trunc_sat_f32_s` and the like (2.0).
  public static let saturatingConversions = WasmFeatures(.saturatingConversions)
  /// 128-bit vectors (2.0).
  public static let simd = WasmFeatures(.simd)
  /// Vector operators with results that depend on the machine (3.0).
  public static let relaxedSIMD = WasmFeatures(.relaxedSIMD)
  /// Several memories in a module (3.0).
  public static let multiMemory = WasmFeatures(.multiMemory)
  /// Memories and tables with 64-bit addresses (3.0).
  public static let memory64 = WasmFeatures(.memory64)
  /// `return_call` and the like (3.0).
  public static let tailCalls = WasmFeatures(.tailCalls)
  /// Arithmetic in constant expressions (3.0).
  public static let extendedConstants = WasmFeatures(.extendedConstants)
  /// Typed references to functions, `call_ref` (3.0).
  public static let functionReferences = WasmFeatures(.functionReferences)
  /// Structures, arrays, `i31` (3.0).
  public static let garbageCollection = WasmFeatures(.garbageCollection)
  /// `try_table`, `throw` (3.0).
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
  /// Everything that this version knows of.
  public static let all = WasmFeatures(.all)
}
