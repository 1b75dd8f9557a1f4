import AviaryWast
import Testing

@Suite struct KnownFailuresTests {
  private func result(_ line: Int, _ outcome: ScriptResult.Outcome) -> ScriptResult {
    ScriptResult(line: line, command: "assert_return", outcome: outcome)
  }

  @Test func listedFailuresAreSkipped() throws {
    let known = try KnownFailures("# none\n\na.wast 3 a cause\nb.wast * another  # note\n")
    let a = known.applied(to: [result(2, .passed), result(3, .failed("x")), result(4, .failed("y"))], file: "a.wast")
    #expect(a.map(\.outcome) == [.passed, .skipped("known: a cause (x)"), .failed("y")])
    let b = known.applied(to: [result(1, .failed("x")), result(2, .passed)], file: "b.wast")
    #expect(ScriptCounts(b).description == "1 passed, 0 failed, 1 skipped")
    let c = known.applied(to: [result(3, .failed("x"))], file: "c.wast")
    #expect(ScriptCounts(c).failed == 1)
  }

  @Test func entriesThatPassFailTheRun() throws {
    let known = try KnownFailures("a.wast 3 a cause\nb.wast * another")
    #expect(ScriptCounts(known.applied(to: [result(3, .passed)], file: "a.wast")).failed == 1)
    #expect(ScriptCounts(known.applied(to: [result(3, .passed), result(4, .skipped("z"))], file: "b.wast")).failed == 1)
  }

  @Test func someFailSometimes() throws {
    let known = try KnownFailures("a.wast 3 sometimes: a cause")
    #expect(ScriptCounts(known.applied(to: [result(3, .passed)], file: "a.wast")).failed == 0)
    #expect(ScriptCounts(known.applied(to: [result(3, .failed("x"))], file: "a.wast")).failed == 0)
    #expect(ScriptCounts(known.applied(to: [result(4, .failed("x"))], file: "a.wast")).failed == 1)
  }

  @Test(arguments: ["a.wast", "a.wast 3", "a.wast x cause"]) func malformedLists(_ text: String) {
    #expect(throws: KnownFailures.Malformed.self) { try KnownFailures(text) }
  }
}
