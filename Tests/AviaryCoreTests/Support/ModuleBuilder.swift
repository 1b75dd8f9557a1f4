@testable import AviaryCore

/// Assembles modules byte by byte, so that tests can also make what no assembler would.
struct ModuleBuilder {
  private(set) var bytes: [UInt8] = [0x00, 0x61, 0x73, 0x6D, 1, 0, 0, 0]

  /// Unsigned LEB128.
  static func leb(_ value: UInt64) -> [UInt8] {
    var rest = value
    var out: [UInt8] = []
    repeat {
      let low = UInt8(rest & 0x7F)
      rest >>= 7
      out.append(rest == 0 ? low : low | 0x80)
    } while rest != 0
    return out
  }

  static func vector(_ items: [[UInt8]]) -> [UInt8] { leb(UInt64(items.count)) + items.flatMap { $0 } }
  static func name(_ text: String) -> [UInt8] { leb(UInt64(text.utf8.count)) + Array(text.utf8) }

  func section(_ id: UInt8, _ contents: [UInt8]) -> ModuleBuilder {
    var copy = self
    copy.bytes += [id] + Self.leb(UInt64(contents.count)) + contents
    return copy
  }

  func types(_ types: [UInt8]...) -> ModuleBuilder { section(1, Self.vector(types)) }
  func imports(_ imports: [UInt8]...) -> ModuleBuilder { section(2, Self.vector(imports)) }
  func functions(_ types: UInt8...) -> ModuleBuilder { section(3, Self.vector(types.map { [$0] })) }
  func tables(_ tables: [UInt8]...) -> ModuleBuilder { section(4, Self.vector(tables)) }
  func memories(_ memories: [UInt8]...) -> ModuleBuilder { section(5, Self.vector(memories)) }
  func tags(_ types: UInt8...) -> ModuleBuilder { section(13, Self.vector(types.map { [0, $0] })) }
  func globals(_ globals: [UInt8]...) -> ModuleBuilder { section(6, Self.vector(globals)) }
  func exports(_ exports: (String, UInt8, UInt8)...) -> ModuleBuilder {
    section(7, Self.vector(exports.map { Self.name($0.0) + [$0.1, $0.2] }))
  }
  func elements(_ segments: [UInt8]...) -> ModuleBuilder { section(9, Self.vector(segments)) }
  func dataCount(_ count: UInt8) -> ModuleBuilder { section(12, [count]) }
  /// Bodies without their sizes and without the final `end`; locals' declarations included.
  func code(_ bodies: [UInt8]...) -> ModuleBuilder {
    section(10, Self.vector(bodies.map { Self.leb(UInt64($0.count + 1)) + $0 + [0x0B] }))
  }
  func data(_ segments: [UInt8]...) -> ModuleBuilder { section(11, Self.vector(segments)) }
  func custom(_ name: String, _ contents: [UInt8]) -> ModuleBuilder { section(0, Self.name(name) + contents) }

  /// A module of one function without locals, of a type.
  static func function(
    parameters: [UInt8] = [], results: [UInt8] = [], _ body: [UInt8]
  ) -> ModuleBuilder {
    ModuleBuilder()
      .types([0x60] + vector(parameters.map { [$0] }) + vector(results.map { [$0] }))
      .functions(0)
      .code([0] + body)
  }

  func validate(_ features: Features = .standard, parallelism: Int = 1) throws(ModuleError) -> ValidatedModule {
    try ModuleValidator.validate(bytes: ModuleBytes(bytes), features: features, parallelism: parallelism)
  }

  /// The error that validation ends in; nil when the module is valid.
  func error(_ features: Features = .standard, parallelism: Int = 1) -> ModuleError? {
    do throws(ModuleError) {
      _ = try validate(features, parallelism: parallelism)
      return nil
    } catch {
      return error
    }
  }
}

/// Type codes.
enum Code {
  static let i32: UInt8 = 0x7F
  static let i64: UInt8 = 0x7E
  static let f32: UInt8 = 0x7D
  static let f64: UInt8 = 0x7C
  static let v128: UInt8 = 0x7B
  static let funcref: UInt8 = 0x70
  static let externref: UInt8 = 0x6F
  static let empty: UInt8 = 0x40
}
