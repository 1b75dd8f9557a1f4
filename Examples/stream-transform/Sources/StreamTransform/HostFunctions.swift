import Aviary

/// What a guest is working on: the state of its store.
struct Work: Sendable {
  var tenant = ""
  var record = Record(key: [], value: [])
  var output: [Record] = []
}

extension TransformHost {
  /// The functions of the module "stream" (guests/enrich.wat says what each does).
  static func linker(_ engine: Engine, _ catalogue: some Catalogue, _ outputLimit: Int) -> Linker<Work> {
    let linker = Linker<Work>(engine)
    linker.define("stream", "key") { (caller: borrowing Caller<Work>, at: UInt32, capacity: UInt32) throws -> Int32 in
      try caller.write(caller.state.record.key, at: at, capacity: capacity)
    }
    linker.define("stream", "value") { (caller: borrowing Caller<Work>, at: UInt32, capacity: UInt32) throws -> Int32 in
      try caller.write(caller.state.record.value, at: at, capacity: capacity)
    }
    // The guest is parked while the catalogue is asked: no thread waits.
    linker.define("stream", "lookup") {
      (caller: borrowing Caller<Work>, key: UInt32, count: UInt32, at: UInt32, capacity: UInt32) async throws -> Int32 in
      let key = try caller.bytes(at: key, count: count)
      guard let found = try await catalogue.value(for: key, tenant: caller.state.tenant) else { return -1 }
      return try caller.write(found, at: at, capacity: capacity)
    }
    linker.define("stream", "emit") {
      (caller: borrowing Caller<Work>, key: UInt32, keyCount: UInt32, value: UInt32, valueCount: UInt32) throws -> Void in
      // Before anything is copied: both numbers are the guest's.
      guard caller.state.output.reduce(Int(keyCount) + Int(valueCount), { $0 + $1.key.count + $1.value.count }) <= outputLimit else {
        throw WasmError.limit("a record may become at most \(outputLimit) bytes")
      }
      caller.state.output.append(
        Record(key: try caller.bytes(at: key, count: keyCount), value: try caller.bytes(at: value, count: valueCount)))
    }
    return linker
  }
}
