import ArgumentParser
import Foundation
import StreamTransform

@main
struct StreamTransformCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stream-transform",
    abstract: "Sends records through a WebAssembly guest, a stream for each tenant.",
    discussion: """
      Records are lines on standard input: tenant, key and value, with tabs between them. What the guest emits is printed in the \
      same form, in order for each tenant; records that it failed at go to standard error. Without input, --demo \
      makes some.
      """)

  @Argument(help: "The guest: .wasm or .wat.") var guest: String
  @Option(help: "What lookups find: a file with key and value on each line, and a tab between them.") var catalogue: String?
  @Option(help: "Milliseconds that one record may take.") var deadline = 250
  @Option(help: "Guests at a time.") var guests = 2048
  @Option(help: "Make up so many tenants with 10 records each, and only count what comes out.") var demo: Int?

  func run() async throws {
    var settings = TransformHost.Settings()
    settings.deadline = .milliseconds(deadline)
    settings.guests = guests
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: guest)))
    let source: TransformHost.Guest = guest.hasSuffix(".wat") ? .text(String(decoding: bytes, as: UTF8.self)) : .binary(bytes)
    let host = try TransformHost(source, catalogue: try Table(catalogue), settings: settings)
    let streams = demo.map(Self.madeUp) ?? Self.read()
    let start = ContinuousClock.now
    let (emitted, failed) = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
      for (tenant, records) in streams {
        group.addTask { try await Self.stream(tenant, records, host, isQuiet: demo != nil) }
      }
      return try await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
    }
    let summary = "\(streams.count) tenants, \(emitted) records emitted, \(failed) failed, \(ContinuousClock.now - start)\n"
    FileHandle.standardError.write(Data(summary.utf8))
  }

  private static func stream(
    _ tenant: String, _ records: [Record], _ host: TransformHost, isQuiet: Bool
  ) async throws -> (Int, Int) {
    var emitted = 0
    var failed = 0
    let stream = AsyncStream<Record> { continuation in
      for record in records { continuation.yield(record) }
      continuation.finish()
    }
    try await host.run(tenant: tenant, stream) { outcome in
      switch outcome {
      case .transformed(let records):
        emitted += records.count
        for record in records where !isQuiet {
          print(tenant, String(decoding: record.key, as: UTF8.self), String(decoding: record.value, as: UTF8.self), separator: "\t")
        }
      case .failed(let record, let reason):
        failed += 1
        let line = "\(tenant)\t\(String(decoding: record.key, as: UTF8.self))\t\(reason)\n"
        FileHandle.standardError.write(Data(line.utf8))
      }
    }
    return (emitted, failed)
  }

  private static func read() -> [(String, [Record])] {
    var order: [String] = []
    var streams: [String: [Record]] = [:]
    while let line = readLine() {
      let fields = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let tenant = String(fields[0])
      if streams[tenant] == nil { order.append(tenant) }
      streams[tenant, default: []].append(Record(key: String(fields[1]), value: String(fields[2])))
    }
    return order.map { ($0, streams[$0] ?? []) }
  }

  private static func madeUp(_ tenants: Int) -> [(String, [Record])] {
    (0..<tenants).map { tenant in
      ("tenant-\(tenant)", (0..<10).map { Record(key: "key-\($0)", value: "value \($0) of tenant \(tenant)") })
    }
  }
}

/// A catalogue of lines in a file, which answers a little later, as a database does.
struct Table: Catalogue {
  private var values: [[UInt8]: [UInt8]] = [:]

  init(_ path: String?) throws {
    guard let path else { return }
    for line in try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n") {
      let fields = line.split(separator: "\t", maxSplits: 1)
      if fields.count == 2 { values[Array(fields[0].utf8)] = Array(fields[1].utf8) }
    }
  }

  func value(for key: [UInt8], tenant: String) async throws -> [UInt8]? {
    try await Task.sleep(for: .milliseconds(1))
    return values[key]
  }
}
