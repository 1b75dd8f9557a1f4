import Foundation
import Testing

@testable import AviaryCore

/// The generated table against the rows that it was made of.
@Suite struct OpcodeTableTests {
  private static let table = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Sources/AviaryCore/Opcodes/opcodes.tsv")

  private func rows() throws -> [[Substring]] {
    try String(contentsOf: Self.table, encoding: .utf8)
      .split(separator: "\n")
      .filter { !$0.hasPrefix("#") }
      .map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
  }

  @Test func generatedRowsAreThoseOfTheTable() throws {
    let rows = try rows()
    try #require(rows.count == OpcodeTable.count)
    for (index, columns) in rows.enumerated() {
      let row = OpcodeTable.rows[index]
      #expect(row.mnemonic == columns[2])
      #expect(row.prefix == (columns[0] == "-" ? 0 : UInt8(columns[0], radix: 16)))
      #expect(row.code == UInt16(columns[1], radix: 16))
      #expect(row.width == UInt8(columns[5]))
      #expect(row.mayTrap == (columns[6] == "1"))
      #expect(row.feature.isEmpty == (columns[7] == "mvp"))
      #expect(text(of: row.signature) == columns[4], "\(row.mnemonic)")
    }
  }

  /// The signature in the table's notation.
  private func text(of signature: OpcodeSignature) -> String {
    guard signature != .special else { return "*" }
    let names = ["", "i32", "i64", "f32", "f64", "v128", "p"]
    let operands = (0..<signature.operandCount).map { names[Int(signature.operandCode($0))] }
    let results = (0..<signature.resultCount).map { names[Int(signature.resultCode($0))] }
    return operands.joined(separator: " ") + ":" + results.joined(separator: " ")
  }

  @Test func denseTablesNameEveryRowOnce() {
    let tables: [(UInt8, [UInt16])] = [
      (0, OpcodeTable.plainCodes), (0xFB, OpcodeTable.fbCodes), (0xFC, OpcodeTable.fcCodes),
      (0xFD, OpcodeTable.fdCodes), (0xFE, OpcodeTable.feCodes),
    ]
    var seen = Set<UInt16>()
    for (prefix, table) in tables {
      for (code, number) in table.enumerated() where number != 0xFFFF {
        #expect(OpcodeTable.rows[Int(number)].prefix == prefix)
        #expect(Int(OpcodeTable.rows[Int(number)].code) == code)
        #expect(seen.insert(number).inserted)
      }
    }
    #expect(seen.count == OpcodeTable.count)
  }
}
