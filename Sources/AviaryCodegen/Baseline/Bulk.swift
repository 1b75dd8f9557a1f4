import AviaryCore
import CAviaryContract

// Bulk operations on memories, and growth: the runtime's.
extension FunctionEmitter {
  mutating func emitMemoryGrow(_ memory: UInt32) {
    emitBuiltin(AVIARY_BUILTIN_MEMORY_GROW, memory, operands: 1)
    pushGrowth(is64: tables.memories[memory].is64)
  }

  /// The old size, or -1: of 64 bits, of which a 32-bit index type keeps the lower ones.
  mutating func pushGrowth(is64: Bool) {
    if !is64 { asm.move(.b32, .rax, .rax) }
    free.remove(.rax)
    push(is64 ? .i64 : .i32, .rax)
  }

  mutating func emitMemoryFill(_ memory: UInt32) {
    emitBuiltin(AVIARY_BUILTIN_MEMORY_FILL, memory, operands: 3)
  }

  mutating func emitMemoryCopy(destination: UInt32, source: UInt32) {
    emitBuiltin(AVIARY_BUILTIN_MEMORY_COPY, destination, source, operands: 3)
  }

  mutating func emitMemoryInit(segment: UInt32, memory: UInt32) {
    emitBuiltin(AVIARY_BUILTIN_MEMORY_INIT, memory, segment, operands: 3)
  }

  mutating func emitDrop(_ segment: UInt32, isData: Bool) {
    emitBuiltin(isData ? AVIARY_BUILTIN_DATA_DROP : AVIARY_BUILTIN_ELEM_DROP, segment, operands: 0)
  }
}
