import AviaryWast

/// Results of scripts, as they come.
struct ScriptReport {
  private(set) var total = ScriptCounts()
  private var groups: [String: ScriptCounts] = [:]
  private let perFile: Bool
  private let causes: Bool

  init(perFile: Bool, causes: Bool) {
    self.perFile = perFile
    self.causes = causes
  }

  /// Prints the failures, and the file's line if that is wanted.
  mutating func add(_ source: ScriptSource, _ results: [ScriptResult]) {
    let counts = ScriptCounts(results)
    total += counts
    groups[source.group, default: ScriptCounts()] += counts
    var skipped: [String: Int] = [:]
    for result in results {
      switch result.outcome {
      case .passed: break
      case .failed(let reason): print("\(source.path):\(result.line): \(result.command): \(reason)")
      case .skipped(let cause): skipped[cause, default: 0] += 1
      }
    }
    if perFile { print("\(source.key): \(counts.description)") }
    if causes {
      for (cause, count) in skipped.sorted(by: { $0.key < $1.key }) {
        print("\(perFile ? "" : source.key + ":") \(count) skipped: \(cause)")
      }
    }
    // A long run is followed on a pipe, too.
    Console.flush()
  }

  func printGroups() {
    for (group, counts) in groups.sorted(by: { $0.key < $1.key }) {
      print("\(group.isEmpty ? "no group" : group): \(counts.description)")
    }
  }
}
