import AviaryContract
@testable import AviaryCore
import Testing

@Suite struct ImagePlanTests {
  static let page = MemoryImagePlan.pageBytes

  private static func plan(_ change: (inout ImageModule) -> Void) -> MemoryImagePlan {
    var module = ImageModule()
    change(&module)
    return MemoryImagePlan(module.validated().info)
  }
  private static func memory(_ pages: UInt64, is64: Bool = false) -> MemoryType {
    MemoryType(limits: SizeLimits(minimum: pages), is64: is64)
  }
  private static func put(_ module: inout ImageModule, _ count: Int, at offset: UInt64, memory: Int = 0) {
    let is64 = module.info.memories[memory].is64
    module.active([UInt8](repeating: 1, count: count), memory: memory, at: offset, module.simple(offset, is64: is64))
  }

  @Test func wholePagesAroundTheData() {
    let plan = Self.plan {
      $0.memory(Self.memory(4))
      Self.put(&$0, 10, at: 4090)
      Self.put(&$0, 1, at: 20_000)
    }
    #expect(plan.images.map(\.start) == [0])
    #expect(plan.images.map(\.count) == [5 * Self.page])
    #expect(plan.images.map(\.dataBytes) == [11])
    #expect(plan.isInImage == [true, true])
  }

  @Test func whatCannotBeToldEndsTheStaticSegments() {
    // Out of bounds, by an import, into an imported memory; passive ones are in nobody's way.
    for kind in 0..<4 {
      let plan = Self.plan {
        $0.memory(Self.memory(1), isImport: true)
        $0.memory(Self.memory(1))
        Self.put(&$0, 3, at: 1, memory: 1)
        switch kind {
        case 0: Self.put(&$0, 1, at: 65_536, memory: 1)
        case 1: $0.active([1], memory: 1, at: 4091, $0.expression([0x23, 0, 0x41, 1, 0x6A]))
        case 2: Self.put(&$0, 1, at: 0, memory: 0)
        default: $0.passive([7])
        }
        Self.put(&$0, 3, at: 2, memory: 1)
      }
      #expect(plan.isInImage == [true, false, kind == 3], "kind \(kind)")
    }
  }

  @Test func offsetsMayBeComputed() {
    let plan = Self.plan {
      $0.memory(Self.memory(1))
      $0.global(100, is64: false, $0.expression([0x41, 50, 0x41, 50, 0x6A]))
      $0.global(300, is64: false, $0.expression([0x23, 2, 0x41, 3, 0x6C]))
      $0.active([1], memory: 0, at: 299, $0.expression([0x23, 3, 0x41, 1, 0x6B]))
    }
    #expect(plan.images.first?.segments.map(\.offset) == [299])
  }

  /// What reads as no expression, a value of another kind, or a global that is not there yet has no value.
  @Test func oddExpressionsHaveNoValue() {
    var module = ImageModule()
    var odd: [ConstantExpression] = []
    for code in [
      [], [0x41], [0x41, 1, 0x41, 2], [0x6A], [0x41, 1, 0x6A], [0x23, 0], [0x23, 99], [0x23, 2], [0xD0, 0x70], [0xFF],
      [0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
      [0x43, 0, 0, 0, 0],
    ] as [[UInt8]] { odd.append(module.expression(code)) }
    odd.append(ConstantExpression(range: 5..<5))
    odd.append(ConstantExpression(range: 0..<1 << 40))
    odd.append(ConstantExpression(range: 1 << 40..<1 << 41))
    odd.append(ConstantExpression(range: 0..<0, simple: .globalGet(.max)))
    odd.append(ConstantExpression(range: 0..<0, simple: .f64(1)))
    let values = StaticValues(module.validated().info)
    for (index, expression) in odd.enumerated() { #expect(values.value(of: expression) == nil, "\(index)") }
    #expect(values.value(of: module.simple(.max, is64: true)) == .max)
  }

  /// One byte at each end is no reason for a gigabyte; the part with most data is the image.
  @Test func distantDataIsNoReasonForAnImageInBetween() {
    let plan = Self.plan {
      $0.memory(Self.memory(32_768))
      Self.put(&$0, 1, at: 0)
      Self.put(&$0, 40_000, at: 1 << 30)
    }
    #expect(plan.images.map(\.start) == [1 << 30])
    #expect(plan.images.map(\.count) == [10 * Self.page])
    #expect(plan.isInImage == [false, true])
  }

  @Test func aByteAPageIsNoImage() {
    let plan = Self.plan {
      $0.memory(Self.memory(400))
      for number in 0..<5000 { Self.put(&$0, 1, at: UInt64(number) * Self.page) }
    }
    #expect(plan.images.reduce(0) { $0 + $1.count } <= 5000 * 8 + MemoryImagePlan.slackBytes)
  }

  @Test func numbersAtTheEndsOfTheirRanges() {
    // Sizes that have no 64-bit number, or no address.
    let sizes: [(UInt8, UInt64)] = [
      (16, 1 << 48), (16, (1 << 48) - 1), (0, UInt64.max), (0, 1 << 63), (63, 2), (255, 1),
    ]
    for (log2, minimum) in sizes {
      let offsets: [UInt64] = [0, .max, .max - 3, .max - 4096, 1 << 47, (1 << 47) - 3, 1 << 63]
      for offset in offsets {
        var info = ModuleInfo(bytes: ModuleBytes([1, 2, 3]), features: .all)
        info.memories = [MemoryType(limits: SizeLimits(minimum: minimum), is64: true, pageSizeLog2: log2)]
        let expression = ConstantExpression(range: 0..<0, simple: .i64(offset))
        info.data = [DataSegment(range: 0..<3, mode: .active(index: 0, offset: expression))]
        for image in MemoryImagePlan(info).images { #expect(image.end <= 1 << 47) }
      }
    }
  }

  /// The invariants, of any module.
  @Test func imagesAreBoundedByTheirData() {
    for seed in UInt64(1)...200 {
      var random = SeededNumbers(seed: seed)
      let module = ImageModule.random(&random)
      let info = module.validated().info
      let plan = MemoryImagePlan(info)
      #expect(plan == MemoryImagePlan(info))
      #expect(plan.isInImage.count == info.data.count)
      #expect(plan.images.map(\.memory) == plan.images.map(\.memory).sorted(), "seed \(seed)")
      #expect(Set(plan.images.map(\.memory)).count == plan.images.count)
      #expect(plan.images.flatMap { $0.segments.map(\.segment) }.sorted() == plan.isInImage.indices.filter { plan.isInImage[$0] })
      for image in plan.images {
        let type = info.memories[image.memory]
        #expect(image.memory >= info.importedMemoryCount)
        #expect(image.start % Self.page == 0 && image.count % Self.page == 0 && image.count > 0)
        #expect(image.end <= (type.limits.minimum << type.pageSizeLog2 + Self.page - 1) / Self.page * Self.page)
        #expect(image.count <= MemoryImagePlan.bytesPerDataByte * image.dataBytes + MemoryImagePlan.slackBytes)
        for placement in image.segments {
          let end = placement.offset + UInt64(info.data[placement.segment].range.count)
          #expect(placement.offset >= image.start && end <= image.end)
        }
        // Whoever is not part of it touches none of its pages, or comes later.
        let last = image.segments.map(\.segment).max()!
        for (index, segment) in info.data.enumerated() where !plan.isInImage[index] && index < last {
          guard case .active(let memory, let offset) = segment.mode, Int(memory) == image.memory else { continue }
          guard let start = StaticValues(info).value(of: offset) else {
            Issue.record("a dynamic segment before a static one, seed \(seed)")
            continue
          }
          let end = start + UInt64(segment.range.count)
          #expect(end <= image.start || start >= image.end || start == end, "seed \(seed)")
        }
      }
    }
  }
}
