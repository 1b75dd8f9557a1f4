package import AviaryContract

/// The code of some functions before linking: what one worker of a compiler hands
/// over. Offsets count from the start of `code`.
package struct CompiledChunk: Sendable {
  /// A function's place in the chunk. Entries are aligned to 16. No call is a
  /// function's last instruction (an `int3` follows it at least), so that every
  /// return address lies inside of its function.
  package struct Function: Sendable {
    /// Index among the *defined* functions.
    package var index: UInt32
    package var offset: UInt32
    package var size: UInt32
    package init(index: UInt32, offset: UInt32, size: UInt32) {
      self.index = index
      self.offset = offset
      self.size = size
    }
  }
  /// A rel32 field to fill in with the distance to another function's entry.
  package struct CallRelocation: Sendable, BitwiseCopyable {
    /// Offset of the 4-byte field.
    package var offset: UInt32
    /// Index among the *defined* functions.
    package var target: UInt32
    package init(offset: UInt32, target: UInt32) {
      self.offset = offset
      self.target = target
    }
  }
  /// A trap stub's `call rel32` to the module's thunk for `code`; the linker also
  /// records the return address (offset + 4) as a trap site.
  package struct TrapRelocation: Sendable, BitwiseCopyable {
    package var offset: UInt32
    package var code: TrapCode
    package init(offset: UInt32, code: TrapCode) {
      self.offset = offset
      self.code = code
    }
  }

  package var code: [UInt8] = []
  package var functions: [Function] = []
  package var calls: [CallRelocation] = []
  package var trapStubs: [TrapRelocation] = []
  /// Faulting instructions only; need not be sorted.
  package var traps: [TrapSite] = []
  /// Trap stubs' return addresses included; need not be sorted.
  package var addresses: [AddressMapping] = []
  /// The `rel32` fields of calls to the module's epoch thunk.
  package var epochCalls: [UInt32] = []
  /// Sorted; handlers and clauses count from the chunk's first.
  package var handlerSegments: [HandlerSegment] = []
  package var handlers: [Handler] = []
  package var handlerClauses: [HandlerClause] = []
  package init() {}
}
