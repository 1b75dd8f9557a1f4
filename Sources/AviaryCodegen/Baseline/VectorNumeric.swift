import AviaryCore

// Numeric operators of vectors.
extension FunctionEmitter {
  mutating func emitVectorNumeric(_ op: AviaryCore.Opcode) throws(ModuleError) {
    throw unsupported("vector instructions are not compiled yet:")
  }

  mutating func emitLane(_ op: AviaryCore.Opcode, _ lane: UInt8) throws(ModuleError) {
    throw unsupported("vector instructions are not compiled yet:")
  }

  mutating func emitShuffle(_ low: UInt64, _ high: UInt64) throws(ModuleError) {
    throw unsupported("vector instructions are not compiled yet:")
  }
}
