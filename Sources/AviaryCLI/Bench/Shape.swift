import AviaryText

/// A module to be instantiated: a memory with an image and some zeros behind it, and an export `touch` that writes to
/// some pages, evenly spread over the memory, and reads some others.
struct Shape {
  var name: String
  /// Bytes.
  var image: Int
  var writes: Int32
  var reads: Int32

  static let all = [
    Shape(name: "small", image: 4 << 10, writes: 2, reads: 0),
    Shape(name: "medium", image: 1 << 20, writes: 10, reads: 0),
    Shape(name: "large", image: 16 << 20, writes: 100, reads: 0),
    Shape(name: "large+rd", image: 16 << 20, writes: 100, reads: 400),
  ]

  /// In the binary format. The image is dense: no page of it is zeros.
  func module() throws -> [UInt8] {
    let pages = (image + 0xFFFF) >> 16 + 1
    func loop(_ count: String, _ body: String) -> String {
      """
      (if (local.get \(count)) (then
        (local.set $step (i32.and (i32.div_u (i32.const \(pages << 16)) (local.get \(count))) (i32.const -16)))
        (local.set $at (i32.const 0)) (local.set $left (local.get \(count)))
        (loop $again
          \(body)
          (local.set $at (i32.add (local.get $at) (local.get $step)))
          (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
      """
    }
    // The function comes before the memory: it is export 0.
    let text = """
      (module
        (func (export "touch") (param $writes i32) (param $reads i32) (result i32)
          (local $at i32) (local $step i32) (local $left i32) (local $sum i32)
          \(loop("$writes", "(i32.store offset=8 (local.get $at) (local.get $left))"))
          \(loop("$reads", "(local.set $sum (i32.add (local.get $sum) (i32.load offset=12 (local.get $at))))"))
          (local.get $writes))
        (memory (export "memory") \(pages)))
      """
    var bytes = try WAT.encode(text)
    let page = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) | 1 }
    // One active segment at 0, after the code as the format has it.
    let head: [UInt8] = [1, 0, 0x41, 0, 0x0B] + leb(image)
    bytes += [11] + leb(head.count + image) + head
    for _ in 0..<(image / page.count) { bytes += page }
    return bytes
  }

  private func leb(_ value: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    repeat {
      bytes.append(UInt8(rest & 127) | (rest >= 128 ? 128 : 0))
      rest >>= 7
    } while rest > 0
    return bytes
  }

  static func save(to folder: String) throws {
    for shape in all where shape.reads == 0 {
      try OutputFile.write(try shape.module(), to: "\(folder)/\(shape.name).wasm")
    }
  }
}
