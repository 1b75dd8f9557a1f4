import Testing

@testable import AviaryPool

@Suite struct FaultBlockTests {
  /// The whole block, piece by piece.
  private func pieces(_ block: FaultBlock) -> [FaultBlock.Piece] {
    var result: [FaultBlock.Piece] = []
    var offset = block.start
    while offset < block.end {
      result.append(block.piece(at: offset))
      offset = result.last!.end
    }
    return result
  }

  @Test func `a block without an image is zeros`() {
    let block = FaultBlock(offset: 70_000, accessible: 1 << 20, image: 0..<0, writes: false)
    #expect(block.start == 65536 && block.end == 131072 && block.fault == 69632)
    #expect(pieces(block) == [.init(kind: .zeros, end: 131072)])
  }

  @Test func `the page that is written is one of its own`() {
    let block = FaultBlock(offset: 70_000, accessible: 1 << 20, image: 0..<0, writes: true)
    #expect(pieces(block) == [.init(kind: .zeros, end: 69632), .init(kind: .blank, end: 73728), .init(kind: .zeros, end: 131072)])
  }

  @Test func `zeros, image, zeros in one block`() {
    let block = FaultBlock(offset: 9000, accessible: 1 << 20, image: 4096..<12288, writes: true)
    #expect(pieces(block) == [.init(kind: .zeros, end: 4096), .init(kind: .image, end: 12288), .init(kind: .zeros, end: 65536)])
  }

  @Test func `nothing beyond what is accessible`() {
    let block = FaultBlock(offset: 8191, accessible: 8192, image: 0..<65536, writes: true)
    #expect(block.end == 8192 && block.fault == 4096)
    #expect(pieces(block) == [.init(kind: .image, end: 8192)])
  }

  @Test func `any block is as each page says`() {
    for seed in 1...2000 as ClosedRange<UInt64> {
      var random = SeededGenerator(seed: seed)
      let accessible = UInt64(random.below(64) + 1) * page
      let offset = UInt64(random.below(Int(accessible)))
      let start = UInt64(random.below(64)) * page
      let image = start..<(start + UInt64(random.below(32)) * page)
      let block = FaultBlock(offset: offset, accessible: accessible, image: image, writes: random.oneIn(2))
      #expect(block.start % FaultBlock.size == 0 && block.end <= accessible && block.end % page == 0, "seed \(seed)")
      #expect(block.start <= block.fault && block.fault < block.end, "seed \(seed)")
      #expect(block.end - block.start <= FaultBlock.size, "seed \(seed)")
      var at = block.start
      for piece in pieces(block) {
        #expect(piece.end > at && piece.end <= block.end && piece.end % page == 0, "seed \(seed)")
        for each in stride(from: at, to: piece.end, by: Int(page)) {
          let isWritten = block.writes && each == block.fault
          #expect(piece.kind == (image.contains(each) ? .image : isWritten ? .blank : .zeros), "seed \(seed)")
        }
        at = piece.end
      }
      #expect(at == block.end, "seed \(seed)")
    }
  }
}
