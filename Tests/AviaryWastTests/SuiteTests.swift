import Aviary
import AviaryWast
import Foundation
import Testing

/// The specification's test suite, where it is at hand.
enum SuiteLocation {
  static let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  static let root: String? = {
    let candidates = [
      ProcessInfo.processInfo.environment["AVIARY_SPEC_TESTSUITE"], packageRoot + "/../shared/spec-testsuite",
    ]
    return candidates.compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0 + "/groups.tsv") }
  }()

  static func knownFailures() throws -> KnownFailures {
    try KnownFailures(try String(contentsOfFile: packageRoot + "/Tests/known-failures.txt", encoding: .utf8))
  }
}

@Suite(.serialized) struct SuiteTests {
  enum Way: CaseIterable {
    case guardPages
    /// Bounds of memories and of the stack are compared, nothing is left to faults.
    case explicitChecks
    case throughArtifacts
    /// Code looks at epochs and is metered; scripts/test.sh has each of the two alone.
    case epochsAndFuel

    var configuration: EngineConfiguration {
      var configuration = EngineConfiguration()
      if self == .explicitChecks {
        configuration.memoryReservation = .mebibytes(256)
        configuration.memoryGuard = .bytes(0)
        configuration.explicitStackChecks = true
      }
      if self == .epochsAndFuel {
        configuration.interruption = .epoch(tick: .milliseconds(1), action: .yield)
        configuration.fuelMetering = true
      }
      return configuration
    }
  }

  /// Every script, or those whose path contains `AVIARY_WAST_FILTER`. Lists what failed.
  @Test(
    .enabled(if: SuiteLocation.root != nil, "the specification's test suite is not here: set AVIARY_SPEC_TESTSUITE"),
    arguments: Way.allCases)
  func everyScript(_ way: Way) throws {
    let suite = try AviaryWast.Suite(root: try #require(SuiteLocation.root))
    let known = try SuiteLocation.knownFailures()
    let filter = ProcessInfo.processInfo.environment["AVIARY_WAST_FILTER"]
    let engines = Engines(way.configuration)
    var total = ScriptCounts()
    var groups: [String: ScriptCounts] = [:]
    for script in suite.scripts where filter.map({ script.path.contains($0) }) ?? true {
      let results = suite.run(script, engines, known, throughArtifacts: way == .throughArtifacts)
      let counts = ScriptCounts(results)
      total += counts
      groups[script.group, default: ScriptCounts()] += counts
      for result in results {
        if case .failed(let reason) = result.outcome {
          Issue.record("\(script.path):\(result.line): \(result.command): \(reason)")
        }
      }
    }
    for (group, counts) in groups.sorted(by: { $0.key < $1.key }) { print("\(group): \(counts.description)") }
    print("\(way): \(total.description)")
    #expect(total.passed > 0)
  }
}
