import ArgumentParser
import AviaryText

struct Print: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a module of the binary format as text.",
    discussion: "The module must be well-formed; it need not be valid. Encoding the text gives an equivalent module.")

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write; standard output otherwise.", valueName: "out"))
  var output: String?

  @Flag(help: "Fold instructions with their operands.")
  var folded = false

  @Argument(help: "A module, binary or text; \"-\" for standard input.")
  var file: String

  func run() throws {
    let file = try ModuleFile(file)
    let bytes = try file.binary()
    let text: String
    do throws(TextError) {
      text = try WAT.print(bytes, options: .init(style: folded ? .folded : .flat))
    } catch {
      throw Failure("\(file.displayName): malformed module: \(error.message)")
    }
    try OutputFile.write(Array(text.utf8) + (text.hasSuffix("\n") ? [] : [0x0A]), to: output ?? "-")
  }
}
