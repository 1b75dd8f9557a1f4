import AviaryCodegen
import AviaryProcesses
import Foundation
import Testing

/// Instructions written by the assembler, each with the text that the system's
/// disassembler is to print for it.
struct Listing: ~Copyable {
  var asm = Assembler()
  private var expected: [(offset: Int, text: String)] = []

  init() {}

  /// Notes `text` as what is to stand at the present position.
  mutating func expect(_ text: String) {
    expected.append((asm.position, text))
  }

  static let disassembler = "/usr/bin/objdump"

  static var isDisassemblerMissing: Bool {
    !FileManager.default.isExecutableFile(atPath: disassembler)
  }

  /// Disassembles everything in one run and compares line by line.
  func check(_ location: SourceLocation = #_sourceLocation) throws {
    asm.finish()
    let seen1 = asm.overflowed
    try #require(seen1 == false)
    let actual = try disassemble()
    #expect(
      actual.count == expected.count, "\(expected.count) instructions were written",
      sourceLocation: location)
    var mismatches: [String] = []
    for (wanted, found) in zip(expected, actual)
    where wanted.offset != found.offset || wanted.text != found.text {
      mismatches.append(
        "at \(wanted.offset) '\(wanted.text)', disassembled at \(found.offset) as '\(found.text)'")
      if mismatches.count == 25 { break }
    }
    #expect(mismatches.isEmpty, "\(mismatches.joined(separator: "\n"))", sourceLocation: location)
  }

  private func disassemble() throws -> [(offset: Int, text: String)] {
    let directory = FileManager.default.temporaryDirectory
    let file = directory.appendingPathComponent("aviary-\(UUID().uuidString).bin")
    let output = directory.appendingPathComponent("aviary-\(UUID().uuidString).txt")
    defer {
      try? FileManager.default.removeItem(at: file)
      try? FileManager.default.removeItem(at: output)
    }
    try Data(asm.code.bytes()).write(to: file)
    var process = ChildProcess(
      Self.disassembler,
      ["-D", "-b", "binary", "-mi386:x86-64", "-M", "intel", "-w", "-z", "--no-show-raw-insn", file.path])
    process.output = output.path
    let end = try process.run().end
    try #require(end == .status(0))
    return Self.parse(try Data(contentsOf: output))
  }

  /// Lines of "   offset:\ttext": blanks are run together, comments dropped.
  private static func parse(_ data: Data) -> [(offset: Int, text: String)] {
    var lines: [(offset: Int, text: String)] = []
    for line in data.split(separator: UInt8(ascii: "\n")) {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
        colon + 1 < line.endIndex, line[colon + 1] == UInt8(ascii: "\t"),
        let offset = Int(
          String(decoding: line[..<colon], as: UTF8.self).trimmingCharacters(in: .whitespaces),
          radix: 16)
      else { continue }
      var text: [UInt8] = []
      for byte in line[(colon + 2)...] {
        if byte == UInt8(ascii: "#") { break }
        if byte == UInt8(ascii: " ") && text.last == UInt8(ascii: " ") { continue }
        text.append(byte)
      }
      while text.last == UInt8(ascii: " ") { text.removeLast() }
      lines.append((offset, String(decoding: text, as: UTF8.self)))
    }
    return lines
  }
}

// MARK: How the disassembler writes operands

private let wideNames = [
  "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
  "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
]
private let oldNames = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"]

func text(_ register: GPR, _ size: OperandSize) -> String {
  let number = Int(register.number)
  switch size {
  case .b64: return wideNames[number]
  case .b32: return number < 8 ? "e" + oldNames[number] : wideNames[number] + "d"
  case .b16: return number < 8 ? oldNames[number] : wideNames[number] + "w"
  case .b8:
    if number >= 8 { return wideNames[number] + "b" }
    return number < 4 ? String(oldNames[number].prefix(1)) + "l" : oldNames[number] + "l"
  }
}

func text(_ register: XMM) -> String { "xmm\(register.number)" }

func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

/// An immediate as an operation of `size` sees it.
func text(immediate value: Int64, _ size: OperandSize) -> String {
  let bits = UInt64(bitPattern: value)
  return hex(size == .b64 ? bits : bits & ((1 << UInt64(size.bytes * 8)) - 1))
}

let anySize = [OperandSize.b8: "BYTE", .b16: "WORD", .b32: "DWORD", .b64: "QWORD"]

/// An address under test, together with its text.
struct TestAddress {
  let address: Address
  let text: String

  private static func signed(_ value: Int32, always: Bool) -> String {
    if value == 0 { return always ? "+0x0" : "" }
    return (value < 0 ? "-" : "+") + hex(UInt64(value.magnitude))
  }

  init(base: GPR, _ displacement: Int32) {
    address = Address(base, displacement)
    let needsByte = base.number & 7 == 5
    text = "[\(wideNames[Int(base.number)])\(Self.signed(displacement, always: needsByte))]"
  }

  init(base: GPR, index: GPR, _ scale: Scale, _ displacement: Int32) {
    address = Address(base, index, scale, displacement)
    let needsByte = base.number & 7 == 5
    text =
      "[\(wideNames[Int(base.number)])+\(wideNames[Int(index.number)])*\(1 << scale.rawValue)"
      + "\(Self.signed(displacement, always: needsByte))]"
  }

  init(index: GPR, _ scale: Scale, _ displacement: Int32) {
    address = Address(index: index, scale, displacement)
    text =
      "[\(wideNames[Int(index.number)])*\(1 << scale.rawValue)"
      + "\(Self.signed(displacement, always: true))]"
  }

  init(absolute displacement: Int32) {
    address = Address(absolute: displacement)
    text = "ds:" + hex(UInt64(bitPattern: Int64(displacement)))
  }

  private init(address: Address, text: String) {
    self.address = address
    self.text = text
  }

  var inGS: TestAddress {
    TestAddress(
      address: address.inGS,
      text: text.hasPrefix("ds:") ? "gs:" + text.dropFirst(3) : "gs:" + text)
  }

  func text(_ keyword: String) -> String { "\(keyword) PTR \(text)" }
  func text(_ size: OperandSize) -> String { text(anySize[size]!) }

  static let displacements: [Int32] = [
    0, 1, 8, 127, 128, -1, -128, -129, 0x1234_5678, .max, .min + 1,
  ]

  /// Every base, index, scale and width of displacement.
  static var all: [TestAddress] {
    var list: [TestAddress] = []
    for displacement in displacements {
      for base in GPR.all { list.append(TestAddress(base: base, displacement)) }
      list.append(TestAddress(absolute: displacement))
    }
    for displacement: Int32 in [0, 8, 0x1234_5678] {
      for base in GPR.all {
        for index in GPR.all where index != .rsp {
          for scale in Scale.allCases {
            list.append(TestAddress(base: base, index: index, scale, displacement))
          }
        }
      }
      for index in GPR.all where index != .rsp {
        for scale in Scale.allCases {
          list.append(TestAddress(index: index, scale, displacement))
        }
      }
    }
    return list + list.map(\.inGS)
  }

  /// Every base, and each of the encoder's cases once: for the many rows that
  /// share the encoder.
  static let sample: [TestAddress] = {
    var list = GPR.all.enumerated().map { position, base in
      TestAddress(base: base, displacements[position % displacements.count])
    }
    list += [.rax, .rsp, .rbp, .r12, .r13].flatMap { base in
      [
        TestAddress(base: base, 0), TestAddress(base: base, 16),
        TestAddress(base: base, index: .rcx, .x1, 0),
        TestAddress(base: base, index: .r9, .x8, 64),
        TestAddress(base: base, index: .r12, .x4, 4096),
      ]
    }
    list += [
      TestAddress(index: .rdx, .x4, 32), TestAddress(index: .r13, .x8, -4),
      TestAddress(absolute: 0x40).inGS, TestAddress(base: .r8, 24).inGS,
      TestAddress(base: .rbx, index: .r14, .x2, -8).inGS,
    ]
    return list
  }()
}
