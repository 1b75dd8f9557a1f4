import AviaryPool
import Testing

@Suite struct MappingTests {
  @Test func `a reservation is discarded to zeros`() throws {
    let mapping = try Mapping(reserving: 8192, [.read, .write])
    let bytes = unsafe UnsafeMutablePointer<UInt8>(bitPattern: mapping.address)!
    unsafe bytes[4096] = 7
    try mapping.discard(from: 4096, count: 4096)
    #expect(unsafe bytes[4096] == 0)
  }
}
