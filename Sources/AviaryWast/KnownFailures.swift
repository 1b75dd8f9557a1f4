/// The reviewed list of what does not pass yet.
///
/// One entry a line: the script's path in the suite, a line number or `*` for the whole file,
/// and the cause. `#` starts a comment.
///
/// ```
/// throw.wast        *    exceptions are not compiled yet
/// memory_grow.wast  123  needs more address space than a test machine has
/// ```
/// An entry that does not fail any more is itself a failure: the list only holds what is true. But for causes that
/// begin with "sometimes:".
package struct KnownFailures: Sendable {
  private struct Entry: Sendable {
    let file: String
    /// nil: the whole file.
    let line: Int?
    let cause: String
    let position: Int
  }
  private var entries: [Entry] = []

  package init() {}

  /// - Throws: `KnownFailures.Malformed`, naming the line.
  package init(_ text: String) throws(Malformed) {
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let content = line.prefix { $0 != "#" }
      let words = content.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
      if words.isEmpty { continue }
      guard words.count == 3, words[1] == "*" || Int(words[1]) != nil else {
        throw Malformed(position: index + 1)
      }
      let cause = words[2].drop { $0 == " " }
      entries.append(Entry(file: String(words[0]), line: Int(words[1]), cause: String(cause), position: index + 1))
    }
  }

  package struct Malformed: Error, CustomStringConvertible {
    package let position: Int
    package var description: String { "line \(position) of the list is not \"FILE LINE|* CAUSE\"" }
  }

  /// The results with listed failures turned into skips, and a failure for each entry that did not fail.
  package func applied(to results: [ScriptResult], file: String) -> [ScriptResult] {
    let entries = self.entries.filter { $0.file == file }
    if entries.isEmpty { return results }
    var used = Set<Int>()
    var out = results.map { result in
      guard case .failed(let reason) = result.outcome,
        let entry = entries.first(where: { $0.line == nil || $0.line == result.line })
      else { return result }
      used.insert(entry.position)
      return ScriptResult(
        line: result.line, command: result.command, outcome: .skipped("known: \(entry.cause) (\(reason))"))
    }
    for entry in entries where !used.contains(entry.position) && !entry.cause.hasPrefix("sometimes:") {
      out.append(
        ScriptResult(
          line: entry.line ?? 0, command: "known failure",
          outcome: .failed("line \(entry.position) of the list of known failures does not fail any more: \(entry.cause)")))
    }
    return out
  }
}
