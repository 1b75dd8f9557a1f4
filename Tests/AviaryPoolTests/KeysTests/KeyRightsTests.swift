import AviaryPool
import Testing

@Suite("Values of PKRU")
struct KeyRightsTests {
  @Test(arguments: [
    (1, 0xFFFF_FFF0), (2, 0xFFFF_FFCC), (7, 0xFFFF_3FFC), (15, 0x3FFF_FFFC),
  ] as [(Int32, UInt32)])
  func `a guest has ordinary memory and its own key`(key: Int32, rights: UInt32) {
    #expect(KeyRights.alone(key) == rights)
  }

  @Test(arguments: 0...15 as ClosedRange<Int32>)
  func `exactly one other key is allowed`(key: Int32) {
    let rights = KeyRights.alone(key)
    for other in 0...15 as ClosedRange<Int32> {
      let bits = rights >> (2 * UInt32(other)) & 3
      #expect(bits == (other == 0 || other == key ? 0 : 3))
    }
  }

  @Test func `bits of several keys add up`() {
    #expect(KeyRights.bits(of: [] as [Int32]) == 0)
    #expect(KeyRights.bits(of: [1, 3, 15] as [Int32]) == 0xC000_00CC)
    #expect(KeyRights.bits(of: 0...15 as ClosedRange<Int32>) == .max)
  }
}
