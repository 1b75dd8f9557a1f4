import Aviary
import AviaryCore
import Testing

/// Every vector operator with its operands and its result in every place that they may be in, with and without AVX:
/// the specification's suite, which has them in one place only, vouches for the values.
@Suite struct VectorOperatorTests {
  enum Code: Int, CaseIterable {
    case native, baseline
    /// AVX without AVX2 and FMA.
    case early
    /// Deterministic: both give the same, to the bit.
    case nativeDeterministic, baselineDeterministic

    var isDeterministic: Bool { self == .nativeDeterministic || self == .baselineDeterministic }

    var configuration: EngineConfiguration {
      var configuration = EngineConfiguration()
      configuration.usesBaselineCPU = self == .baseline || self == .baselineDeterministic
      configuration.avoidsAVX2 = self == .early
      configuration.relaxedSIMDDeterministic = isDeterministic
      configuration.nanCanonicalization = isDeterministic
      return configuration
    }
  }

  private static let functions: [(operation: VectorOperator, place: OperandPlaces, text: String)] =
    VectorOperator.all.enumerated().flatMap { index, operation in
      OperandPlaces.allCases.compactMap { place in
        place.function("f\(index)_\(place)", operation).map { (operation, place, $0) }
      }
    }

  /// Of each function, for all inputs.
  private static func results(_ code: Code, _ module: [UInt8]) throws -> [[[UInt8]]] {
    let sampling = try VectorSampling(module: module, code.configuration)
    return try functions.indices.map { try sampling.run($0) }
  }

  @Test func allWaysGiveTheSame() throws {
    #expect(Self.functions.count > 2000)
    let names = Self.functions.map { String($0.text.dropFirst(7).prefix { $0 != " " }) }
    let module = try VectorSampling.encode(zip(names, Self.functions).map { ($0, $1.text) })
    let results = try Code.allCases.map { try Self.results($0, module) }
    for code in Code.allCases { try placesDoNotMatter(code, results[code.rawValue]) }
    codesAreTheSame(.native, .baseline, results, isExact: false)
    codesAreTheSame(.native, .early, results, isExact: false)
    codesAreTheSame(.nativeDeterministic, .native, results, isExact: false)
    codesAreTheSame(.nativeDeterministic, .baselineDeterministic, results, isExact: true)
    nansAreCanonical(results[Code.nativeDeterministic.rawValue])
  }

  private func placesDoNotMatter(_ code: Code, _ results: [[[UInt8]]]) throws {
    var loaded: [[UInt8]] = []
    var failures: [String] = []
    for (result, function) in zip(results, Self.functions) {
      if function.place == .loaded { loaded = result }
      if function.place == .same || result == loaded { continue }
      let lanes = code.isDeterministic ? nil : function.operation.makesFloats
      for input in result.indices where !isSame(result[input], loaded[input], floatLanes: lanes) {
        failures.append("\(function.operation.text), \(function.place): \(result[input]), and loaded \(loaded[input])")
        break
      }
    }
    #expect(failures.isEmpty, "\(code), \(failures.count):\n\(failures.prefix(20).joined(separator: "\n"))")
  }

  private func codesAreTheSame(_ a: Code, _ b: Code, _ results: [[[[UInt8]]]], isExact: Bool) {
    var failures: [String] = []
    for (index, function) in Self.functions.enumerated() {
      let (x, y) = (results[a.rawValue][index], results[b.rawValue][index])
      if x == y || function.operation.isRelaxed && !isExact { continue }
      let lanes = isExact ? nil : function.operation.makesFloats
      for input in x.indices where !isSame(x[input], y[input], floatLanes: lanes) {
        failures.append("\(function.operation.text), \(function.place): \(x[input]), \(y[input])")
        break
      }
    }
    #expect(failures.isEmpty, "\(a), \(b), \(failures.count):\n\(failures.prefix(20).joined(separator: "\n"))")
  }

  /// No NaN but the canonical one comes out of an operator that computes.
  private func nansAreCanonical(_ results: [[[UInt8]]]) {
    let moving = ["abs", "neg", "pmin", "pmax", "splat", "eq", "ne", "lt", "gt", "le", "ge"]
    var failures: [String] = []
    var seen = 0
    for (index, function) in Self.functions.enumerated() {
      guard let lanes = function.operation.makesFloats,
        !moving.contains(where: { function.operation.mnemonic.hasSuffix(".\($0)") })
      else { continue }
      let width = lanes == "f32x4" ? 4 : 8
      let canonical: UInt64 = width == 4 ? 0x7FC0_0000 : 0x7FF8_0000_0000_0000
      for result in results[index] {
        for lane in 0..<16 / width {
          let bits = (0..<width).reduce(UInt64(0)) { $0 | UInt64(result[lane * width + $1]) << UInt64(8 * $1) }
          let isNaN = width == 4 ? Float(bitPattern: UInt32(bits)).isNaN : Double(bitPattern: bits).isNaN
          guard isNaN else { continue }
          seen += 1
          if bits != canonical { failures.append("\(function.operation.text): \(bits)") }
        }
      }
    }
    #expect(seen > 100)
    #expect(failures.isEmpty, "\(failures.prefix(20))")
  }
}
