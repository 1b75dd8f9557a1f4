/// A move between registers: general purpose 0–15, vector 16–31.
struct RegisterMove: BitwiseCopyable {
  var destination: UInt8
  var source: UInt8
  var isWide: Bool
}

// Moves that happen all at once.
extension FunctionEmitter {
  /// Emits `moves` as if all sources were read before any destination is written. Each
  /// destination occurs once; cycles go through r11 or xmm15. Empties `moves`.
  mutating func emitMoves() {
    var left = moves.count
    while left > 0 {
      var progress = false
      var index = 0
      while index < left {
        let move = moves[index]
        if move.destination != move.source && isSource(move.destination, left, except: index) {
          index += 1
          continue
        }
        emit(move)
        left -= 1
        moves[index] = moves[left]
        progress = true
      }
      if !progress { breakCycle(left) }
    }
    moves.removeAll()
  }

  private func isSource(_ register: UInt8, _ count: Int, except: Int) -> Bool {
    for index in 0..<count where index != except && moves[index].source == register { return true }
    return false
  }

  private mutating func emit(_ move: RegisterMove) {
    guard move.destination != move.source else { return }
    if move.destination < 16 {
      asm.move(move.isWide ? .b64 : .b32, GPR(move.destination), GPR(move.source))
    } else {
      asm.move(XMM(move.destination - 16), XMM(move.source - 16))
    }
  }

  /// All that is left are cycles: what the first move overwrites is kept in scratch.
  private mutating func breakCycle(_ count: Int) {
    let register = moves[0].destination
    let scratch: UInt8 = register < 16 ? GPR.r11.number : XMM.xmm15.number + 16
    emit(RegisterMove(destination: scratch, source: register, isWide: true))
    for index in 0..<count where moves[index].source == register { moves[index].source = scratch }
  }
}
