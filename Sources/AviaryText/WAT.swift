internal import AviaryCore

/// The WebAssembly text format: encodes it to the binary format, and prints the
/// binary format as text.
///
/// ```swift
/// let module = try WAT.encode("""
///   (module
///     (func (export "add") (param $a i32) (param $b i32) (result i32)
///       (i32.add (local.get $a) (local.get $b))))
///   """)
/// ```
/// All of WebAssembly 3.0 is understood, and of the proposals threads, custom page
/// sizes, wide arithmetic and legacy exceptions. Text of any size and nesting is
/// safe to pass: memory use is proportional to its length.
public enum WAT {
  /// How to encode.
  public struct EncodingOptions: Sendable {
    /// Whether identifiers are written into a name section, where traps and
    /// profiles find them. On by default.
    public var emitsNames: Bool
    public init(emitsNames: Bool = true) { self.emitsNames = emitsNames }
  }

  /// Encodes one module.
  ///
  /// The result follows the text; whether it is valid is for the engine to say.
  /// - Parameter source: `(module …)`, or just its fields.
  /// - Throws: `TextError`, with the position and the reason.
  public static func encode(
    _ source: String, options: EncodingOptions = EncodingOptions()
  ) throws(TextError) -> [UInt8] {
    try encode(Array(source.utf8), options: options)
  }

  /// Encodes one module from UTF-8 bytes.
  public static func encode(
    _ source: [UInt8], options: EncodingOptions = EncodingOptions()
  ) throws(TextError) -> [UInt8] {
    var lexer = try Lexer(source)
    var reader = TokenReader(source: source, buffer: try lexer.lexAll())
    guard reader.takeForm(.module) else {
      let fields = 0..<reader.tokens.count - 1
      var encoder = ModuleEncoder(reader: reader, fields: fields, moduleID: nil, options: options)
      return try encoder.encode()
    }
    let end = Int(reader.tokens[0].end)
    if end + 1 != reader.tokens.count - 1 { throw reader.unexpected(reader.tokens[end + 1]) }
    let id = reader.takeID()
    var encoder = ModuleEncoder(reader: reader, fields: reader.index..<end, moduleID: id, options: options)
    return try encoder.encode()
  }

  // MARK: Printing

  /// How instructions are laid out.
  public enum Style: Sendable, Hashable {
    /// One instruction a line, as in the binary format.
    case flat
    /// Instructions with their operands in parentheses.
    case folded
  }

  /// How to print.
  public struct PrintingOptions: Sendable {
    public var style: Style
    public init(style: Style = .flat) { self.style = style }
  }

  /// Prints a binary module as text.
  ///
  /// The module must be well-formed; it need not be valid. Encoding the text again
  /// gives an equivalent module: names come from the name section, custom sections
  /// become `(@custom …)` annotations. Names that occur twice are kept for the first
  /// holder; numbers refer to the others.
  /// - Throws: `TextError` of kind `binary` when the bytes are no module.
  public static func print(
    _ module: [UInt8], options: PrintingOptions = PrintingOptions()
  ) throws(TextError) -> String {
    do throws(ModuleError) {
      let info = try ModuleDecoder.decode(ModuleBytes(module), features: .all)
      // Ample for real modules, and proportional: see `TextOutput.checkSize`.
      let limit = 1 << 26 + 128 * module.count
      var printer = ModulePrinter(module, info, options, limit: limit)
      return String(decoding: try printer.print(), as: UTF8.self)
    } catch {
      throw TextError(.binary, error.description, line: 0, column: 0)
    }
  }
}
