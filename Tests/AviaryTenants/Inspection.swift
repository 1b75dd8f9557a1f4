import Aviary

/// What a tenant found in an instance that should have been fresh.
public struct Contamination: Error, CustomStringConvertible {
  public let description: String
}

/// Compares an instance with its model, byte for byte and element for element.
struct Inspection {
  let model: TenantModule
  let instance: Instance

  /// - Throws: `Contamination` at the first difference.
  func expectFresh() throws {
    for (index, memory) in model.memories.enumerated() {
      let actual = try instance.memory("m\(index)")
      guard actual.byteCount == UInt64(memory.bytes.count) else {
        throw Contamination(description: "memory \(index) has \(actual.byteCount) bytes, not \(memory.bytes.count)")
      }
      try compare(actual, memory.bytes, "memory \(index)")
    }
    for (index, table) in model.tables.enumerated() { try expectFresh(table, index) }
    for (index, global) in model.globals.enumerated() {
      let value = try instance.global("g\(index)").value
      let isSame =
        switch (global, value) {
        case (.i32(let expected), .i32(let actual)): UInt32(bitPattern: actual) == expected
        case (.i64(let expected), .i64(let actual)): UInt64(bitPattern: actual) == expected
        case (.f64(let expected), .f64(let actual)): actual.bitPattern == expected
        default: false
        }
      guard isSame else { throw Contamination(description: "global \(index) is \(value), not \(global)") }
    }
  }

  private func expectFresh(_ table: TenantModule.TableModel, _ index: Int) throws {
    let actual = try instance.table("t\(index)")
    guard actual.count == UInt64(table.elements.count) else {
      throw Contamination(description: "table \(index) has \(actual.count) elements, not \(table.elements.count)")
    }
    let functions = try (0..<TenantModule.functionCount).map { try instance.function("f\($0)") }
    for (position, element) in table.elements.enumerated() {
      guard try actual.get(UInt32(position)) == .funcref(element.map { functions[$0] }) else {
        throw Contamination(description: "element \(position) of table \(index) is not what was declared")
      }
    }
  }

  private func compare(_ memory: Memory, _ expected: [UInt8], _ what: String) throws {
    guard !expected.isEmpty else { return }
    let difference: Int? = try memory.withBytes(at: UInt64(0), count: UInt64(expected.count)) { span in
      unsafe span.withUnsafeBytes { actual in
        unsafe expected.withUnsafeBytes { unsafe Inspection.firstDifference(actual, $0) }
      }
    }
    if let difference {
      let actual = try memory.load(UInt8.self, at: UInt64(difference))
      throw Contamination(
        description: "byte \(difference) of \(what), page \(difference >> 12), is \(actual), not \(expected[difference])")
    }
  }

  private static func firstDifference(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int? {
    // By words first: most bytes agree.
    let words = min(a.count, b.count) / 8
    for index in 0..<words
    where unsafe a.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
      != b.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
    {
      return (index * 8..<index * 8 + 8).first { unsafe a[$0] != b[$0] }
    }
    return (words * 8..<min(a.count, b.count)).first { unsafe a[$0] != b[$0] }
  }

  /// Pages that growth has added read as zeros: nothing of an earlier tenant's growth shows.
  func expectZeros(memory index: Int, from old: Int) throws {
    let memory = try instance.memory("m\(index)")
    let count = Int(memory.byteCount) - old
    guard count > 0 else { return }
    let position: Int? = try memory.withBytes(at: UInt64(old), count: UInt64(count)) { span in
      unsafe span.withUnsafeBytes { bytes in
        let words = count / 8
        return (0..<words).first { unsafe bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) != 0 }
      }
    }
    if let position {
      throw Contamination(description: "the grown part of memory \(index) is not zero at byte \(old + position * 8)")
    }
  }
}
