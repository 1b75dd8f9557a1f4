import AviaryContract
@testable import AviaryCore
import AviaryPool
@testable import AviaryVM
import CAviaryContract

/// Random numbers that a seed repeats.
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// A module of nothing but memories and data, and what they have to look like once it is instantiated:
/// the standard's steps, over arrays.
struct ImageModule {
  /// Values of the imported globals: an i32 and an i64.
  static let imported: [UInt64] = [4090, 70_000]
  private enum Offset { case known(UInt64), computed(ConstantExpression, UInt64) }

  private(set) var info = ModuleInfo(bytes: ModuleBytes([]), features: .all)
  private var bytes: [UInt8] = []
  /// Contents of each memory, imports first.
  private(set) var expected: [[UInt8]] = []
  private(set) var traps = false
  /// Whether a table of the module's is filled where it cannot be: no data is written then.
  private(set) var elementsTrap = false
  private var globals = ImageModule.imported
  private var is64Global: [Bool] = [false, true]

  init() {
    for (name, type) in [("i", ValueType.i32), ("l", .i64)] {
      let global = GlobalType(value: type, isMutable: false)
      info.imports.append(Import(module: "m", name: name, description: .global(global)))
      info.globals.append(GlobalDeclaration(type: global, initial: nil))
    }
    info.importedGlobalCount = 2
  }

  /// - Precondition: imports come before all defined memories.
  mutating func memory(_ type: MemoryType, isImport: Bool = false) {
    if isImport {
      info.imports.append(Import(module: "m", name: "memory", description: .memory(type)))
      info.importedMemoryCount += 1
    }
    info.memories.append(type)
    expected.append([UInt8](repeating: 0, count: Int(type.limits.minimum << type.pageSizeLog2)))
  }

  /// An immutable global of the module's own.
  mutating func global(_ value: UInt64, is64: Bool, _ expression: ConstantExpression) {
    info.globals.append(
      GlobalDeclaration(type: GlobalType(value: is64 ? .i64 : .i32, isMutable: false), initial: expression))
    globals.append(value)
    is64Global.append(is64)
  }

  mutating func passive(_ contents: [UInt8]) { data(contents, .passive) }

  mutating func active(_ contents: [UInt8], memory: Int, at offset: UInt64, _ expression: ConstantExpression) {
    data(contents, .active(index: UInt32(memory), offset: expression))
    guard !traps, !elementsTrap else { return }
    let size = UInt64(expected[memory].count)
    guard offset <= size, UInt64(contents.count) <= size - offset else {
      traps = true
      return
    }
    expected[memory].replaceSubrange(Int(offset)..<Int(offset) + contents.count, with: contents)
  }

  private mutating func data(_ contents: [UInt8], _ mode: SegmentMode) {
    info.data.append(DataSegment(range: bytes.count..<bytes.count + contents.count, mode: mode))
    bytes += contents
  }

  /// - Precondition: before any data.
  mutating func trappingElements() {
    elementsTrap = true
    info.tables = [TableDeclaration(type: TableType(element: .funcref, limits: SizeLimits(minimum: 1)))]
    info.elements = [
      ElementSegment(type: .funcref, items: .functions([]), mode: .active(index: 0, offset: simple(9, is64: false)))
    ]
  }

  // MARK: Expressions

  func simple(_ value: UInt64, is64: Bool) -> ConstantExpression {
    ConstantExpression(range: 0..<0, simple: is64 ? .i64(value) : .i32(UInt32(truncatingIfNeeded: value)))
  }

  mutating func expression(_ code: [UInt8]) -> ConstantExpression {
    defer { bytes += code + [0x0B] }
    return ConstantExpression(range: bytes.count..<bytes.count + code.count + 1)
  }

  static func constant(_ value: UInt64, is64: Bool) -> [UInt8] {
    var rest = is64 ? Int64(bitPattern: value) : Int64(Int32(truncatingIfNeeded: value))
    var code: [UInt8] = [is64 ? 0x42 : 0x41]
    while true {
      let byte = UInt8(truncatingIfNeeded: rest & 0x7F)
      rest >>= 7
      if rest == 0 && byte & 0x40 == 0 || rest == -1 && byte & 0x40 != 0 { return code + [byte] }
      code.append(byte | 0x80)
    }
  }

  /// Some way to say a number.
  mutating func expression(for value: UInt64, is64: Bool, _ random: inout SeededNumbers, imports: Bool) -> ConstantExpression {
    let mask: UInt64 = is64 ? .max : 0xFFFF_FFFF
    let (add, subtract, multiply): (UInt8, UInt8, UInt8) = is64 ? (0x7C, 0x7D, 0x7E) : (0x6A, 0x6B, 0x6C)
    func number(_ value: UInt64) -> [UInt8] { Self.constant(value & mask, is64: is64) }
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return expression(number(value))
    case 1:
      let part = random.next() & mask
      return expression(number(part) + number(value &- part) + [add])
    case 2:
      let part = random.next() & mask
      return expression(number(value &+ part &* 3) + number(part) + number(3) + [multiply, subtract])
    case 3:
      let first = imports ? 0 : Self.imported.count
      let known = globals.indices.filter { $0 >= first && is64Global[$0] == is64 }
      guard let index = known.randomElement(using: &random) else { break }
      return expression([0x23, UInt8(index)] + number(value &- globals[index]) + [add])
    case 4:
      global(value & mask, is64: is64, expression(number(value)))
      return ConstantExpression(range: 0..<0, simple: .globalGet(UInt32(globals.count - 1)))
    default: break
    }
    return simple(value, is64: is64)
  }

  // MARK: Instances

  func validated() -> ValidatedModule {
    var info = info
    info.bytes = ModuleBytes(bytes)
    return ValidatedModule(info: info, facts: ModuleFacts())
  }

  func module(_ engine: VMEngine) throws -> VMModule {
    try VMModule(
      engine, validated(),
      Artifact(fingerprint: engine.tunables.fingerprint, cpu: [], text: [], functions: [], traps: [], addresses: []))
  }

  /// - Returns: the memories in the order of the module, however the instantiation went, and whether it trapped.
  func instantiate(_ module: VMModule, in store: VMStore) throws -> (memories: [VMMemory], trapped: Bool) {
    var imports: [VMExtern] = zip(Self.imported, [VMValueType(.i32), VMValueType(.i64)]).map { value, type in
      .global(VMGlobal(unsafe: store, type, isMutable: false, initial: AviaryValue(low: value, high: 0)))
    }
    for type in info.memories.prefix(info.importedMemoryCount) { imports.append(.memory(try VMMemory(store, type))) }
    var trapped = false
    do { _ = try VMInstance(module, in: store, imports: imports) } catch VMCallError.trap { trapped = true }
    let instance = VMInstance(store, store.instances.last!)
    return (info.memories.indices.map { instance.memory(UInt32($0)) }, trapped)
  }
}

extension ImageModule {
  /// Anything that validation lets pass.
  static func random(_ random: inout SeededNumbers) -> ImageModule {
    var module = ImageModule()
    let memories = Int.random(in: 1...3, using: &random)
    let imports = random.chance(20) ? 1 : 0
    for index in 0..<memories {
      let isBytes = random.chance(25)
      let minimum = isBytes ? UInt64.random(in: 0...20_000, using: &random) : UInt64.random(in: 0...3, using: &random)
      module.memory(
        MemoryType(limits: SizeLimits(minimum: minimum), is64: random.chance(25), pageSizeLog2: isBytes ? 0 : 16),
        isImport: index < imports)
    }
    if random.chance(10) { module.trappingElements() }
    let outOfBounds = random.chance(30) ? 10 : 0
    let dynamic = random.chance(30)
    for _ in 0..<Int.random(in: 0...12, using: &random) {
      let contents = (0..<length(&random)).map { _ in UInt8.random(in: 1...255, using: &random) }
      if random.chance(10) {
        module.passive(contents)
        continue
      }
      let memory = Int.random(in: 0..<memories, using: &random)
      let is64 = module.info.memories[memory].is64
      let size = UInt64(module.expected[memory].count)
      var offset = UInt64(contents.count) <= size ? UInt64.random(in: 0...size - UInt64(contents.count), using: &random) : size
      // Often the same place, and across the ends of pages.
      if random.chance(40) { offset = min(offset, [0, 4090, 4096, 65_530].randomElement(using: &random)!) }
      if random.chance(outOfBounds) { offset = [size, size &+ 1, 0xFFFF_FFFF, is64 ? .max : 0x8000_0000].randomElement(using: &random)! }
      if !is64 { offset &= 0xFFFF_FFFF }
      let expression = module.expression(for: offset, is64: is64, &random, imports: dynamic)
      module.active(contents, memory: memory, at: offset, expression)
    }
    return module
  }

  private static func length(_ random: inout SeededNumbers) -> Int {
    random.chance(15) ? 0 : random.chance(20) ? Int.random(in: 4000...9000, using: &random) : Int.random(in: 1...300, using: &random)
  }
}
