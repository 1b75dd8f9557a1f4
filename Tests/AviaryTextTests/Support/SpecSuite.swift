import Foundation

/// The specification's test suite, where it is at hand.
enum SpecSuite {
  static let folder: URL? = {
    let candidates = [
      ProcessInfo.processInfo.environment["AVIARY_SPEC_TESTSUITE"].map { URL(fileURLWithPath: $0) },
      URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("shared/spec-testsuite"),
    ]
    for case let folder? in candidates where FileManager.default.fileExists(atPath: folder.path) { return folder }
    print("The specification's test suite was not found; set AVIARY_SPEC_TESTSUITE. Its tests are skipped.")
    return nil
  }()
  static var isAtHand: Bool { folder != nil }

  /// Scripts by their path in the suite. Custom descriptors are a proposal that this
  /// encoder does not know.
  static func scripts() throws -> [(path: String, bytes: [UInt8])] {
    guard let folder else { return [] }
    let all = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return try all.filter { $0.hasSuffix(".wast") && !$0.contains("custom-descriptors") }.sorted().map {
      ($0, Array(try Data(contentsOf: folder.appendingPathComponent($0))))
    }
  }
}
