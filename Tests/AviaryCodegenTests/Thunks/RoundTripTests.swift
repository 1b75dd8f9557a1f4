import AviaryCodegen
import AviaryCore
import CAviaryContract
import CAviaryHost
import Testing

/// What the host function of the test saw, and what it is to answer.
private struct Exchange {
  var seen: [AviaryValue] = []
  var answer: [AviaryValue] = []
  var parameterCount = 0
  var caller: UInt = 0
}

/// Random signatures through both thunks: C → entry thunk → a wasm function
/// that hands its arguments on → host thunk → C, and the results back. Once by
/// plain calls, and once on a guest's stack with the host's code on its own.
@Suite struct RoundTripTests {
  static let types: [ValueType] = [.i32, .i64, .f32, .f64, .v128, .funcref, .externref]

  @Test(arguments: [UInt64(1), 2, 3, 4])
  func randomSignatures(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    for round in 0..<200 {
      let limit = round % 50 == 49 ? 1000 : round % 10 == 9 ? 60 : 14
      let types = round % 3 == 0 ? Self.types.filter { !$0.isVector } : Self.types
      let parameters = Self.list(limit, types, &random)
      let results = Self.list(limit, types, &random)
      try roundTrip(
        FunctionType(parameters: parameters, results: results), "seed \(seed) round \(round)",
        &random)
    }
  }

  /// One class only, at and around the number of its registers.
  @Test func edges() throws {
    var random = SplitMix(state: 7)
    for type in Self.types {
      for count in [0, 1, 5, 6, 7, 8, 9, 10, 11] {
        for resultCount in [0, 1, 7, 8, 9, 10] {
          try roundTrip(
            FunctionType(
              parameters: Array(repeating: type, count: count),
              results: Array(repeating: type, count: resultCount)),
            "\(count) → \(resultCount)", &random)
        }
      }
    }
  }

  private static func list(
    _ limit: Int, _ types: [ValueType], _ random: inout SplitMix
  ) -> [ValueType] {
    (0..<Int.random(in: 0...limit, using: &random)).map { _ in
      types.randomElement(using: &random)!
    }
  }

  private static func value(_ type: ValueType, _ random: inout SplitMix) -> AviaryValue {
    switch type {
    case .i32, .f32: AviaryValue(low: random.next() & 0xFFFF_FFFF, high: 0)
    case .v128: AviaryValue(low: random.next(), high: random.next())
    default: AviaryValue(low: random.next(), high: 0)
    }
  }

  private static func describe(_ type: ValueType, _ value: AviaryValue) -> String {
    type.isVector ? "\(value.low):\(value.high)" : "\(value.low)"
  }

  private func roundTrip(
    _ type: FunctionType, _ name: String, _ random: inout SplitMix
  ) throws {
    let entry = try ExecutableCode(Thunks.entry(type))
    let host = try ExecutableCode(Thunks.host(type))
    let forward = try ExecutableCode(Self.forwarder(type))

    let arguments = type.parameters.map { Self.value($0, &random) }
    var exchange = Exchange()
    exchange.answer = type.results.map { Self.value($0, &random) }
    exchange.parameterCount = arguments.count

    // Slots hold rubbish where a narrow value does not reach.
    let rubbish = arguments.enumerated().map { index, value in
      var value = value
      if [.i32, .f32].contains(type.parameters[index]) { value.low |= 0xABCD << 32 }
      if !type.parameters[index].isVector { value.high = .max }
      return value
    }
    for guest in [nil, try GuestFixture()] {
      var values = rubbish
      while values.count < max(type.results.count, 1) {
        values.append(AviaryValue(low: .max, high: .max))
      }
      exchange.seen = []
      exchange.caller = 0
      let status = unsafe Self.call(
        entry: entry.address, forwarder: forward.address, host: host.address, guest, &values,
        &exchange)

      #expect(status == 0, "\(name)")
      let seen = zip(type.parameters, exchange.seen).map(Self.describe)
      #expect(seen == zip(type.parameters, arguments).map(Self.describe), "\(name): arguments")
      let results = zip(type.results, values).map(Self.describe)
      #expect(results == zip(type.results, exchange.answer).map(Self.describe), "\(name): results")
      #expect(exchange.caller != 0)
    }
  }

  /// Builds contexts on both sides and calls `forwarder` through `entry`, on
  /// the guest's stack if there is one.
  private static func call(
    entry: UnsafeRawPointer, forwarder: UnsafeRawPointer, host: UnsafeRawPointer,
    _ guest: GuestFixture?, _ values: inout [AviaryValue], _ exchange: inout Exchange
  ) -> UInt32 {
    var function = unsafe AviaryHostFunction()
    var context = unsafe AviaryVMContext()
    let receive: @convention(c) (
      UnsafeMutablePointer<AviaryHostFunction>?, UnsafeMutablePointer<AviaryVMContext>?,
      UnsafeMutablePointer<AviaryValue>?
    ) -> UInt32 = { function, caller, values in
      let exchange = unsafe function!.pointee.owner.assumingMemoryBound(to: Exchange.self)
      unsafe exchange.pointee.caller = UInt(bitPattern: caller)
      for index in 0..<(unsafe exchange.pointee.parameterCount) {
        unsafe exchange.pointee.seen.append(values![index])
      }
      for index in 0..<(unsafe exchange.pointee.answer.count) {
        unsafe values![index] = exchange.pointee.answer[index]
      }
      return 0
    }
    return unsafe withUnsafeMutablePointer(to: &exchange) { exchange in
      unsafe withUnsafeMutablePointer(to: &function) { function in
        unsafe withUnsafeMutablePointer(to: &context) { context in
          unsafe function.pointee.owner = UnsafeMutableRawPointer(exchange)
          unsafe function.pointee.call = receive
          unsafe function.pointee.call_host =
            guest == nil
            ? unsafeBitCast(receive, to: UnsafeRawPointer.self) : aviary_call_host_address()
          // The forwarder finds the host function where the head has room.
          unsafe context.pointee.owner = UnsafeMutableRawPointer(function)
          unsafe context.pointee.next = UnsafeMutableRawPointer(mutating: host).assumingMemoryBound(to: AviaryVMContext.self)
          unsafe context.pointee.memory0_base = UnsafeMutablePointer(bitPattern: 0x1000)
          let thunk = unsafe unsafeBitCast(entry, to: AviaryEntryThunk.self)
          return unsafe values.withUnsafeMutableBufferPointer { values in
            guard let guest else {
              unsafe thunk(context, forwarder, values.baseAddress)
              return 0
            }
            unsafe function.pointee.store = guest.storeContext
            unsafe context.pointee.store = guest.storeContext
            return unsafe aviary_call(guest.store, thunk, context, forwarder, values.baseAddress)
          }
        }
      }
    }
  }

  /// A wasm function that calls a host function of its own type with its own
  /// arguments. It loses rbx, r12 and r13 in between, as compiled code may.
  private static func forwarder(_ type: FunctionType) -> [UInt8] {
    let layout = SignatureLayout(type)
    let owner = Int32(unsafe MemoryLayout<AviaryVMContext>.offset(of: \.owner)!)
    let code = Int32(unsafe MemoryLayout<AviaryVMContext>.offset(of: \.next)!)
    var asm = Assembler()
    asm.push(.rbp)
    asm.move(.b64, .rbp, .rsp)
    asm.push(.r15)
    for register: GPR in [.rbx, .r12, .r13] { asm.push(register) }
    for register: GPR in [.rbx, .r12, .r13] { asm.moveImmediate(.b64, register, -1) }
    if layout.argumentBytes > 0 {
      asm.alu(.sub, .b64, .rsp, immediate: layout.argumentBytes)
      for offset in stride(from: Int32(0), to: layout.argumentBytes, by: 8) {
        asm.load(.b64, .rax, Address(.rbp, 16 + offset))
        asm.store(.b64, Address(.rsp, offset), .rax)
      }
    }
    asm.move(.b64, .r10, .r15)
    asm.load(.b64, .r11, Address(.r15, code))
    asm.load(.b64, .r15, Address(.r15, owner))
    asm.call(.r11)
    asm.load(.b64, .r15, Address(.rbp, -8))
    asm.load(.b64, .r14, Address(.r15, Int32(AVIARY_VMCTX_MEMORY0_BASE)))
    asm.load(.b64, .rbx, Address(.rbp, -16))
    asm.load(.b64, .r12, Address(.rbp, -24))
    asm.load(.b64, .r13, Address(.rbp, -32))
    asm.leave()
    asm.ret(popping: UInt16(layout.argumentBytes))
    asm.finish()
    return asm.code.bytes()
  }
}
