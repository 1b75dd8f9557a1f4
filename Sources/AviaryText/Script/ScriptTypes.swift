package import AviaryCore

/// One command of a script (`.wast`), and where it stands.
package struct ScriptItem: Sendable {
  package var command: ScriptCommand
  /// Line of the command's first character, from 1.
  package var line: Int
}

/// Commands of the specification's test scripts.
///
/// Instances and definitions are named by identifiers without their `$`; nil is the
/// most recent one. Names of exports are UTF-8; compare them by their bytes, since
/// `String` takes canonically equivalent texts for equal. Expected messages are
/// prefixes of what the engine must say.
package enum ScriptCommand: Sendable {
  /// Instantiates a module, or only declares it when `isDefinition`.
  case module(ScriptModule)
  /// `(module instance $I $M)`: instantiates a definition.
  case instance(name: String?, definition: String?)
  case register(name: String, instance: String?)
  /// An action on its own.
  case action(ScriptAction)
  /// Results must match the patterns one by one.
  case assertReturn(ScriptAction, [ResultPattern])
  case assertTrap(ScriptAction, message: String)
  /// Instantiation must trap.
  case assertModuleTrap(ScriptModule, message: String)
  case assertExhaustion(ScriptAction, message: String)
  case assertException(ScriptAction)
  case assertSuspension(ScriptAction, message: String)
  /// Decoding or encoding must fail.
  case assertMalformed(ScriptModule, message: String)
  /// Validation must fail.
  case assertInvalid(ScriptModule, message: String)
  case assertMalformedCustom(ScriptModule, message: String)
  case assertInvalidCustom(ScriptModule, message: String)
  case assertUnlinkable(ScriptModule, message: String)
  /// `(thread $T (shared (module $M)) …)`: commands that run at the same time as what follows.
  case thread(ScriptThread)
  /// `(wait $T)`: until a thread has come to its end.
  case wait(String)
}

/// A thread of the threads proposal's scripts: a script of its own, which is given instances whose shared memories it
/// may import.
package struct ScriptThread: Sendable {
  package var name: String
  package var shared: [String]
  package var commands: [ScriptItem]
}

package enum ScriptAction: Sendable {
  case invoke(instance: String?, name: String, arguments: [ScriptValue])
  case get(instance: String?, name: String)
}

/// An argument.
package enum ScriptValue: Sendable, Equatable {
  case i32(UInt32)
  case i64(UInt64)
  /// Bit pattern.
  case f32(UInt32)
  /// Bit pattern.
  case f64(UInt64)
  case v128(low: UInt64, high: UInt64)
  /// nil where the script does not say of what type, or names one of the module's.
  case refNull(HeapType?)
  /// An external reference with a host's value, as `(ref.extern 1)`.
  case refExtern(UInt32)
  /// A host reference inside of the `any` hierarchy, as `(ref.host 1)`.
  case refHost(UInt32)
}

/// What a result must be.
package enum ResultPattern: Sendable, Equatable {
  /// Exactly this; floats bit by bit.
  case value(ScriptValue)
  /// The canonical NaN of either sign.
  case f32CanonicalNaN
  case f64CanonicalNaN
  /// Any quiet NaN.
  case f32ArithmeticNaN
  case f64ArithmeticNaN
  /// Four lanes of f32 of which at least one is a pattern.
  case f32x4([LanePattern])
  /// Two lanes of f64 of which at least one is a pattern.
  case f64x2([LanePattern])
  /// Any non-null reference of the type: `func`, `extern`, `i31`, `struct`, `array`, `eq`, `any`, `exn`.
  case reference(HeapType)
  /// One of several.
  case either([ResultPattern])
}

/// A lane of a vector of floats.
package enum LanePattern: Sendable, Equatable {
  /// Bits of the lane.
  case bits(UInt64)
  case canonicalNaN
  case arithmeticNaN
}

/// A module of a script, not yet encoded: what is wrong with it may be the point.
package struct ScriptModule: Sendable {
  package enum Form: Sendable {
    /// The module stands in the script as text.
    case text
    /// `(module binary …)`: the bytes.
    case binary([UInt8])
    /// `(module quote …)`: a text of its own.
    case quote([UInt8])
  }
  package var form: Form
  package var name: String?
  package var isDefinition: Bool

  // Of a text module.
  let source: [UInt8]
  let buffer: TokenBuffer
  let fields: Range<Int>
  let id: Token?

  /// The text of a text module's fields or of a quoted module; empty for a binary one.
  package var sourceText: [UInt8] {
    switch form {
    case .binary: return []
    case .quote(let text): return text
    case .text:
      let start = fields.isEmpty ? 0 : buffer.tokens[fields.lowerBound].range.lowerBound
      let end = fields.isEmpty ? 0 : buffer.tokens[fields.upperBound - 1].range.upperBound
      return Array(source[start..<end])
    }
  }

  /// The binary form.
  package func encode(
    options: WAT.EncodingOptions = WAT.EncodingOptions()
  ) throws(TextError) -> [UInt8] {
    switch form {
    case .binary(let bytes): return bytes
    case .quote(let text): return try WAT.encode(text, options: options)
    case .text:
      let reader = TokenReader(source: source, buffer: buffer)
      var encoder = ModuleEncoder(reader: reader, fields: fields, moduleID: id, options: options)
      return try encoder.encode()
    }
  }
}
