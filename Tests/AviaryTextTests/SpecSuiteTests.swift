import Testing

@testable import AviaryText

/// The text format against the specification's test suite.
@Suite(.enabled(if: SpecSuite.isAtHand, "the specification's test suite is not at hand"))
struct SpecSuiteTests {
  /// The threads proposal still asserts that a memory size beyond 32 bits is malformed; in 3.0 it is invalid.
  private static let known: Set<String> = [
    "proposals/threads/memory.wast:83", "proposals/threads/memory.wast:87", "proposals/threads/memory.wast:91",
  ]

  private func forEach(_ body: (ScriptItem, String) throws -> Void) throws {
    for (path, bytes) in try SpecSuite.scripts() {
      var parser = try ScriptParser(bytes)
      while let item = try parser.next() { try body(item, "\(path):\(item.line)") }
    }
  }

  @Test func `malformed texts are refused with the expected words`() throws {
    var passed = 0
    var failed: Set<String> = []
    try forEach { item, place in
      switch item.command {
      case .assertMalformed(let module, let message), .assertMalformedCustom(let module, let message),
        .assertInvalidCustom(let module, let message):
        if case .binary = module.form { return }
        do throws(TextError) {
          _ = try module.encode()
          failed.insert(place)
        } catch {
          if error.message.hasPrefix(message) { passed += 1 } else { failed.insert(place) }
        }
      default: break
      }
    }
    print("malformed texts: \(passed) refused as expected")
    #expect(failed == Self.known)
    #expect(passed > 1_200)
  }

  /// encode → print → encode gives the same bytes for every module that the suite holds as text.
  @Test func `modules survive printing`() throws {
    var texts = 0
    var binaries = 0
    try forEach { item, place in
      let module: ScriptModule
      switch item.command {
      case .module(let found), .assertModuleTrap(let found, _), .assertUnlinkable(let found, _): module = found
      case .assertInvalid(let found, _):
        // Some are so invalid that the decoder refuses them.
        module = found
        guard let bytes = try? found.encode(), (try? WAT.print(bytes)) != nil else { return }
      default: return
      }
      let bytes = try module.encode()
      for style in [WAT.Style.flat, .folded] {
        let text = try WAT.print(bytes, options: .init(style: style))
        let again = try WAT.encode(text)
        if case .binary = module.form {
          // Bytes may differ (lengths, empty sections); what they say may not.
          #expect(try WAT.print(again, options: .init(style: style)).filter { $0 != "\n" }.isEmpty == false)
          binaries += 1
        } else if place.contains("custom-page-sizes") {
          // An explicit page size of 65536 is not written out again.
          #expect(try WAT.print(again, options: .init(style: style)) == text, "\(place)")
        } else {
          #expect(again == bytes, "\(place)")
        }
        texts += 1
      }
    }
    print("printed \(texts) modules, of which \(binaries) were binary")
    #expect(texts > 10_000)
  }
}
