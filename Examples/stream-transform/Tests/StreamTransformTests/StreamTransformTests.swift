import Aviary
import Foundation
import StreamTransform
import Testing

/// Answers after a hop or two, as tests want it.
private struct Names: Catalogue {
  func value(for key: [UInt8], tenant: String) async throws -> [UInt8]? {
    await Task.yield()
    return key == Array("none".utf8) ? nil : Array("\(tenant)'s \(String(decoding: key, as: UTF8.self))".utf8)
  }
}

@Suite struct StreamTransformTests {
  private static let guest: TransformHost.Guest = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return .text(try! String(contentsOf: folder.appending(path: "guests/enrich.wat"), encoding: .utf8))
  }()

  private static func host(_ change: (inout TransformHost.Settings) -> Void = { _ in }) throws -> TransformHost {
    var settings = TransformHost.Settings()
    settings.deadline = .seconds(60)
    // Every host function of every test has just so much stack: one that needs more ends the tests, and is named.
    settings.configure = { $0.hostStackCheck = .squeeze(.kibibytes(128)) }
    change(&settings)
    return try TransformHost(guest, catalogue: Names(), settings: settings)
  }

  private static func run(_ host: TransformHost, _ tenant: String, _ values: [String], key: String = "k") async throws -> [String] {
    var lines: [String] = []
    let records = AsyncStream<Record> { continuation in
      for value in values { continuation.yield(Record(key: key, value: value)) }
      continuation.finish()
    }
    try await host.run(tenant: tenant, records) { outcome in
      switch outcome {
      case .transformed(let records): lines += records.map { String(decoding: $0.value, as: UTF8.self) }
      case .failed(let record, _): lines.append("failed: " + String(decoding: record.value, as: UTF8.self))
      }
    }
    return lines
  }

  @Test func recordsAreTransformedInOrder() async throws {
    let host = try Self.host()
    #expect(try await Self.run(host, "a", ["one", "two", ""]) == ["ONE a's k", "TWO a's k", " a's k"])
    #expect(try await Self.run(host, "b", ["x"], key: "none") == ["X "])
    #expect(try await Self.run(host, "b", []) == [])
  }

  @Test func failuresAreTheRecordsOwn() async throws {
    let host = try Self.host { $0.deadline = .seconds(3) }
    let lines = try await Self.run(host, "a", ["one", "?trap", "two", "!spin", "three"])
    #expect(lines == ["ONE a's k", "failed: ?trap", "TWO a's k", "failed: !spin", "THREE a's k"])
  }

  /// What the budget above is taken from.
  @Test func hostFunctionsNeedLittle() async throws {
    let host = try Self.host { $0.configure = { $0.hostStackCheck = .highWater } }
    _ = try await Self.run(host, "a", ["one", "two"])
    let uses = host.engine.hostStackReport()
    #expect(Set(uses.map(\.name)) == ["key", "value", "lookup", "emit"])
    for use in uses { #expect(use.calls == 2 && use.most < .kibibytes(64), "\(use)") }
  }

  @Test func outputIsBounded() async throws {
    let host = try Self.host { $0.outputBytes = 100 }
    let long = String(repeating: "x", count: 200)
    #expect(try await Self.run(host, "a", [long, "y"]) == ["failed: " + long, "Y a's k"])
  }

  /// More tenants than there are guests at a time, among them some that fail.
  @Test func thousandsOfTenants() async throws {
    let host = try Self.host { $0.guests = 500 }
    let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
      for index in 0..<2000 {
        group.addTask {
          let fails = index % 100 == 7
          let lines = try await Self.run(host, "t\(index)", ["a", fails ? "?b" : "b", "c"])
          return lines != ["A t\(index)'s k", fails ? "failed: ?b" : "B t\(index)'s k", "C t\(index)'s k"]
        }
      }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(wrong == 0)
  }
}
