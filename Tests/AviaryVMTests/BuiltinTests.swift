import AviaryContract
import AviaryCore
@testable import AviaryVM
import Testing

private final class Limiter: VMLimiter {
  var answer = true
  var error: (any Error)?
  var asked: [[UInt64?]] = []
  func memoryGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool {
    asked.append([current, desired, maximum])
    if let error { throw error }
    return answer
  }
  func tableGrowing(from current: UInt64, to desired: UInt64, maximum: UInt64?) throws -> Bool {
    asked.append([current, desired, maximum])
    if let error { throw error }
    return answer
  }
}
private struct Refused: Error {}

/// -1, 0, edges of 32 and 64 bits: what guests say to find overflows.
private let hostile: [UInt64] = [
  0, 1, 15, 16, 17, 65519, 65520, 65521, 65535, 65536, 65537, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000,
  .max >> 1, (.max >> 1) + 1, .max - 65536, .max - 16, .max - 1, .max,
]

@Suite struct BuiltinTests {
  let memory = MemoryType(limits: SizeLimits(minimum: 1, maximum: 3))
  let table = TableType(element: .externref, limits: SizeLimits(minimum: 4, maximum: 10))

  @Test func memoryGrows() throws {
    let world = try World([.init(.grow), .init(.load, .memoryOutOfBounds)], .init(memories: [memory]))
    let memory = world.instance.memory(0)
    #expect(world.trap(1, 65536) != nil)
    #expect(try world.call(0, 0) == 1)
    #expect(try world.call(0, 1) == 1)
    #expect(try world.call(1, 65536) == 0)
    #expect(memory.byteCount == 131_072)
    for delta in hostile where delta > 1 { #expect(try world.call(0, delta) == .max) }
    #expect(try memory.grow(by: 1) == 2)
    #expect(try world.call(1, 3 * 65536 - 8) == 0)
    #expect(try world.call(0, 1) == .max)
    #expect(memory.pageCount == 3)
  }

  @Test func theLimiterIsAskedAndHeard() throws {
    let limiter = Limiter()
    let world = try World([.init(.grow)], .init(memories: [memory]), limiter: limiter)
    #expect(limiter.asked == [[0, 65536, 196_608]])
    limiter.answer = false
    #expect(try world.call(0, 1) == .max)
    #expect(limiter.asked.last == [65536, 131_072, 196_608])
    limiter.error = Refused()
    do {
      _ = try world.call(0, 1)
      Issue.record("no error")
    } catch .host(let error) {
      #expect(error is Refused)
    }
    limiter.error = nil
    limiter.answer = true
    #expect(try world.call(0, 1) == 1)
  }

  @Test func copiesCheckBothRangesFirst() throws {
    let world = try World([.init(.copy16, .memoryOutOfBounds)], .init(memories: [memory]))
    let bytes = unsafe try #require(world.instance.memory(0).unsafeBytes(at: 0, count: 65536))
    for i in 0..<256 { unsafe bytes[i] = UInt8(i) }
    _ = try world.call(0, 100, 96)
    #expect((0..<16).allSatisfy { unsafe bytes[100 + $0] == UInt8(96 + $0) })
    for a in hostile {
      for b in hostile {
        let fits = a <= 65520 && b <= 65520
        #expect((world.trap(0, a, b)?.code == .memoryOutOfBounds) == !fits)
      }
    }
  }

  @Test func fills() throws {
    let world = try World([.init(.fill)], .init(memories: [memory]))
    for start in hostile {
      for count in hostile {
        let (end, overflow) = start.addingReportingOverflow(count)
        #expect((world.trap(0, start, count)?.code == .memoryOutOfBounds) == (overflow || end > 65536))
      }
    }
    let bytes = unsafe try #require(world.instance.memory(0).unsafeBytes(at: 65535, count: 1))
    #expect(unsafe bytes[0] == 0x5A)
  }

  @Test func dataSegments() throws {
    let world = try World([.init(.initData)], .init(memories: [memory], data: [[1, 2, 3, 4]]))
    let bytes = unsafe try #require(world.instance.memory(0).unsafeBytes(at: 0, count: 65536))
    _ = try world.call(0, 65532, 4)
    #expect(unsafe Array(bytes[65532...]) == [1, 2, 3, 4])
    for (start, count) in [(65533, 4), (0, 5), (0, .max), (.max, 1), (65537, 0)] as [(UInt64, UInt64)] {
      #expect(world.trap(0, start, count)?.code == .memoryOutOfBounds)
    }
    #expect(try world.call(0, 65536, 0) == 0)
    unsafe world.instance.state.dropData(0)
    #expect(world.trap(0, 0, 1)?.code == .memoryOutOfBounds)
    #expect(try world.call(0, 0, 0) == 0)
  }

  @Test func tablesGrowFillAndCopy() throws {
    let world = try World(
      [.init(.growTable), .init(.fillTable), .init(.copyTable)], .init(tables: [table]))
    let table = world.instance.table(0)
    for i in 0..<4 { #expect(table.set(unsafe: UInt64(10 + i), at: UInt64(i))) }
    #expect(!table.set(unsafe: 1, at: 4))
    #expect(try world.call(0, 3, 77) == 4)
    #expect((0..<8).map { table.get($0) } == [10, 11, 12, 13, 77, 77, 77, nil])
    for delta in hostile where delta > 3 { #expect(try world.call(0, delta, 1) == .max) }
    _ = try world.call(2, 1, 4)
    #expect((0..<7).map { table.get($0) } == [10, 10, 11, 12, 13, 77, 77])
    _ = try world.call(1, 5, 2)
    #expect((0..<7).map { table.get($0) } == [10, 10, 11, 12, 13, 0, 0])
    for start in hostile {
      for count in hostile {
        let (end, overflow) = start.addingReportingOverflow(count)
        #expect((world.trap(1, start, count)?.code == .tableOutOfBounds) == (overflow || end > 7))
        #expect((world.trap(2, start, count)?.code == .tableOutOfBounds) == (overflow || end > 7))
      }
    }
  }

  @Test func tableGrowthMovesAndKeeps() throws {
    let type = TableType(element: .externref, limits: SizeLimits(minimum: 0))
    let world = try World([.init(.growTable)], .init(tables: [type]))
    let table = world.instance.table(0)
    for i in 0..<2000 { #expect(try world.call(0, 1, UInt64(i)) == UInt64(i)) }
    #expect((0..<2000).allSatisfy { table.get(UInt64($0)) == UInt64($0) })
    #expect(try world.call(0, TableState.elementLimit - 1999, 0) == .max)
  }
}
