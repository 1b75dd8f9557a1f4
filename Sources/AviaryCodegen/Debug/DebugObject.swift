import AviaryContract

/// An ELF object in memory that describes code which is already in place, for
/// GDB's JIT interface: a symbol per function and unwind rules.
///
/// ```
///  ELF header
///  .eh_frame    one CIE, one FDE per function
///  .symtab .strtab
///  .shstrtab
///  section headers: null, .text (no bits), .eh_frame, .symtab, .strtab, .shstrtab
/// ```
/// Unwinding relies on the ABI alone: every function begins with `push rbp;
/// mov rbp, rsp`, and from there on the caller's frame is found by rbp.
package enum DebugObject {
  private enum Section {
    static let text: UInt16 = 1
    static let symbolStrings: UInt32 = 4
    static let names: UInt16 = 5
    static let count: UInt16 = 6
  }

  package static func elf(
    _ symbols: [FunctionSymbol], textAddress: UInt64, textSize: Int
  ) -> [UInt8] {
    var strings = ByteWriter()
    strings.put(UInt8(0))
    var table = ByteWriter()
    table.pad(24)  // the null symbol
    for symbol in symbols {
      table.put(UInt32(truncatingIfNeeded: strings.bytes.count))
      table.put(UInt8(0x12))  // global, function
      table.put(UInt8(0))
      table.put(Section.text)
      table.put(UInt64(symbol.range.offset))  // relative to the section
      table.put(UInt64(symbol.range.size))
      strings.bytes += Array(symbol.name.utf8)
      strings.put(UInt8(0))
    }
    let unwind = unwindTable(symbols, textAddress)

    var file = ByteWriter()
    file.pad(64)  // the header, filled in at the end
    let unwindOffset = file.append(unwind)
    let tableOffset = file.append(table.bytes)
    let stringsOffset = file.append(strings.bytes)
    var names = ByteWriter()
    names.put(UInt8(0))
    let nameOffsets = [".text", ".eh_frame", ".symtab", ".strtab", ".shstrtab"].map { name in
      defer {
        names.bytes += Array(name.utf8)
        names.put(UInt8(0))
      }
      return UInt32(names.bytes.count)
    }
    let namesOffset = file.append(names.bytes)
    file.align(8)
    let headers = file.bytes.count

    file.pad(64)
    // type NOBITS, flags ALLOC | EXECINSTR
    file.header(
      nameOffsets[0], 8, 6, address: textAddress, offset: 64, size: textSize, alignment: 16)
    // type PROGBITS, flag ALLOC
    file.header(
      nameOffsets[1], 1, 2, address: 0, offset: unwindOffset, size: unwind.count, alignment: 8)
    // type SYMTAB, linked to its strings, first global symbol 1
    file.header(
      nameOffsets[2], 2, 0, address: 0, offset: tableOffset, size: table.bytes.count,
      alignment: 8, link: Section.symbolStrings, info: 1, entrySize: 24)
    file.header(
      nameOffsets[3], 3, 0, address: 0, offset: stringsOffset, size: strings.bytes.count,
      alignment: 1)
    file.header(
      nameOffsets[4], 3, 0, address: 0, offset: namesOffset, size: names.bytes.count,
      alignment: 1)
    file.bytes.replaceSubrange(0..<64, with: fileHeader(sectionHeaders: headers))
    return file.bytes
  }

  /// ELF64, little endian, System V, relocatable, x86-64.
  private static func fileHeader(sectionHeaders: Int) -> [UInt8] {
    var header = ByteWriter()
    header.bytes = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0]
    header.pad(8)
    header.put(UInt16(1))
    header.put(UInt16(62))
    header.put(UInt32(1))
    header.put(UInt64(0))
    header.put(UInt64(0))
    header.put(UInt64(sectionHeaders))
    header.put(UInt32(0))
    header.put(UInt16(64))
    header.put(UInt16(0))
    header.put(UInt16(0))
    header.put(UInt16(64))
    header.put(Section.count)
    header.put(Section.names)
    return header.bytes
  }

  private static func unwindTable(_ symbols: [FunctionSymbol], _ textAddress: UInt64) -> [UInt8] {
    var table = ByteWriter()
    // CIE: version 1, "zR", code alignment 1, data alignment -8, return
    // address in column 16, addresses absolute.
    table.entry { entry in
      entry.put(UInt32(0))
      entry.bytes += [1, 0x7A, 0x52, 0, 1, 0x78, 16, 1, 0]
      // def_cfa rsp+8; return address at cfa-8
      entry.bytes += [0x0C, 7, 8, 0x90, 1]
    }
    for symbol in symbols {
      let start = table.bytes.count
      table.entry { entry in
        // Distance from this field to the CIE at the start of the section.
        entry.put(UInt32(truncatingIfNeeded: start + 4))
        entry.put(textAddress &+ UInt64(symbol.range.offset))
        entry.put(UInt64(symbol.range.size))
        entry.put(UInt8(0))
        // After push rbp: cfa is rsp+16, rbp at cfa-16. After mov: cfa is rbp+16.
        entry.bytes += [0x41, 0x0E, 16, 0x86, 2, 0x43, 0x0D, 6]
      }
    }
    table.put(UInt32(0))
    return table.bytes
  }
}

/// Little-endian bytes of a file in the making.
private struct ByteWriter {
  var bytes: [UInt8] = []

  mutating func put<Word: FixedWidthInteger>(_ word: Word) {
    for shift in stride(from: 0, to: Word.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: word >> Word(shift)))
    }
  }

  mutating func pad(_ count: Int) {
    bytes += [UInt8](repeating: 0, count: count)
  }

  mutating func align(_ alignment: Int) {
    while bytes.count % alignment != 0 { bytes.append(0) }
  }

  /// Appends at a multiple of eight, and says where.
  mutating func append(_ section: [UInt8]) -> Int {
    align(8)
    defer { bytes += section }
    return bytes.count
  }

  /// A length and `body`, padded to a multiple of eight with DW_CFA_nop.
  mutating func entry(_ body: (inout ByteWriter) -> Void) {
    var content = ByteWriter()
    body(&content)
    while (content.bytes.count + 4) % 8 != 0 { content.bytes.append(0) }
    put(UInt32(content.bytes.count))
    bytes += content.bytes
  }

  mutating func header(
    _ name: UInt32, _ type: UInt32, _ flags: UInt64, address: UInt64, offset: Int, size: Int,
    alignment: UInt64, link: UInt32 = 0, info: UInt32 = 0, entrySize: UInt64 = 0
  ) {
    put(name)
    put(type)
    put(flags)
    put(address)
    put(UInt64(offset))
    put(UInt64(size))
    put(link)
    put(info)
    put(alignment)
    put(entrySize)
  }
}
