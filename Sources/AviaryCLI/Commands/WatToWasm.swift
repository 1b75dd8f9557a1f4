import ArgumentParser
import AviaryText

struct WatToWasm: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wat2wasm",
    abstract: "Encode a module of the text format to the binary format.",
    discussion: "The module is not validated; `aviary validate` does that.")

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Where to write; IN with the extension .wasm otherwise, \"-\" for standard output.", valueName: "out"))
  var output: String?

  @Flag(help: "Leave out the name section.")
  var stripNames = false

  @Argument(help: "A text file, \"-\" for standard input.")
  var input: String

  func run() throws {
    let source = try InputFile.read(input)
    let bytes: [UInt8]
    do throws(TextError) {
      bytes = try WAT.encode(source, options: .init(emitsNames: !stripNames))
    } catch {
      throw Failure("\(input == "-" ? "standard input" : input):\(error)")
    }
    try OutputFile.write(bytes, to: output ?? OutputFile.name(for: input, extension: "wasm"))
  }
}

extension OutputFile {
  /// The input's name with another extension; standard output for standard input.
  static func name(for input: String, extension: String) -> String {
    if input == "-" { return "-" }
    let start = input.lastIndex(of: "/").map { input.index(after: $0) } ?? input.startIndex
    let dot = input[start...].lastIndex(of: ".")
    return String(input[..<(dot == start ? input.endIndex : dot ?? input.endIndex)]) + "." + `extension`
  }
}
