import AviaryContract
import AviaryCore
import CAviaryContract

// Tables: access in line, growth and bulk operations in the runtime.
extension FunctionEmitter {
  mutating func emitTableGet(_ table: UInt32) {
    var index = pop()
    let register = gpr(&index)
    loadTableBase(tables.tables[table], register, .tableOutOfBounds)
    let dst = index.kind == .gpr ? register : allocateGPR()
    asm.load(.b64, dst, Address(.r11, register, .x8))
    push(.i64, dst)
  }

  mutating func emitTableSet(_ table: UInt32) {
    var value = pop()
    var index = pop()
    let source = gpr(&value)
    let register = gpr(&index)
    loadTableBase(tables.tables[table], register, .tableOutOfBounds)
    asm.store(.b64, Address(.r11, register, .x8), source)
    release(index)
    release(value)
  }

  mutating func emitTableSize(_ index: UInt32) {
    settle()
    let table = tables.tables[index]
    let register = allocateGPR()
    if table.place.isIndirect {
      asm.load(.b64, register, Address(.r15, table.place.offset))
      asm.load(.b64, register, Address(register, 8))
    } else {
      asm.load(.b64, register, Address(.r15, table.place.offset + 8))
    }
    // A 32-bit table's length fits in 32 bits.
    push(table.is64 ? .i64 : .i32, register)
  }

  mutating func emitTableGrow(_ table: UInt32) {
    // The stack holds the value, then the count on top.
    emitBuiltin(AVIARY_BUILTIN_TABLE_GROW, table, operands: 2, reversed: true)
    pushGrowth(is64: tables.tables[table].is64)
  }

  mutating func emitTableFill(_ table: UInt32) {
    emitBuiltin(AVIARY_BUILTIN_TABLE_FILL, table, operands: 3)
  }

  mutating func emitTableCopy(destination: UInt32, source: UInt32) {
    emitBuiltin(AVIARY_BUILTIN_TABLE_COPY, destination, source, operands: 3)
  }

  mutating func emitTableInit(segment: UInt32, table: UInt32) {
    emitBuiltin(AVIARY_BUILTIN_TABLE_INIT, table, segment, operands: 3)
  }
}
