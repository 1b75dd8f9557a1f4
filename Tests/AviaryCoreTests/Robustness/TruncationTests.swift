import Testing

@testable import AviaryCore

@Suite struct TruncationTests {
  /// A module cut at any byte is refused, or valid where the cut falls between sections; nothing crashes.
  @Test(arguments: SampleModules.all.map(\.name))
  func everyPrefix(_ name: String) throws {
    let bytes = try #require(SampleModules.all.first { $0.name == name }).bytes
    for length in 0..<bytes.count {
      let prefix = ModuleBytes(Array(bytes[..<length]))
      do throws(ModuleError) {
        let module = try ModuleValidator.validate(bytes: prefix, features: .all, parallelism: 1)
        #expect(module.info.bytes.count == length)
      } catch {
        #expect(error.offset >= 0 && error.offset <= length, "\(name) cut to \(length): \(error)")
      }
    }
  }
}
